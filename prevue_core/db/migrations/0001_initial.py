"""The first tables. A migration is frozen: it declares what it makes and knows nothing of `prevue_core.db.models`."""

import datetime
import uuid
from typing import Any

import peewee


def _tables(db: peewee.Database) -> list[type[peewee.Model]]:
    class Table(peewee.Model):
        class Meta:
            database = db
            legacy_table_names = False

    class AuditEntry(Table):
        audit_id = peewee.BigAutoField()
        time = peewee.DateTimeField()
        user_id = peewee.IntegerField(null=True)
        action = peewee.CharField(max_length=64)
        subject = peewee.TextField()

        class Meta:
            table_name = "audit"

    class Attempts(Table):
        subject = peewee.CharField(primary_key=True, max_length=255)
        count = peewee.IntegerField(default=0)
        since = peewee.DateTimeField()
        until = peewee.DateTimeField(null=True)

        class Meta:
            table_name = "attempts"

    class Evaluation(Table):
        evaluation_id = peewee.BigAutoField()
        run_id = peewee.UUIDField()
        evaluation_key = peewee.UUIDField()
        split = peewee.CharField(max_length=64)
        name = peewee.TextField()
        task = peewee.CharField(max_length=16)
        step = peewee.BigIntegerField(null=True)
        labels = peewee.TextField()
        positive = peewee.IntegerField(null=True)
        score_type = peewee.CharField(max_length=16, null=True)
        score_count = peewee.IntegerField()
        slice_names = peewee.TextField()
        feature_names = peewee.TextField()
        sample_count = peewee.BigIntegerField()
        stored_count = peewee.BigIntegerField()
        received_count = peewee.BigIntegerField(default=0)
        created_at = peewee.DateTimeField()

        class Meta:
            table_name = "evaluations"
            indexes = ((("run_id", "evaluation_key"), True),)

    class Event(Table):
        event_id = peewee.BigAutoField()
        run_id = peewee.UUIDField(index=True)
        step = peewee.BigIntegerField(null=True)
        time = peewee.DateTimeField()
        kind = peewee.CharField(max_length=64)
        level = peewee.CharField(max_length=8, null=True)
        cause = peewee.CharField(max_length=16, null=True)
        text = peewee.TextField()

        class Meta:
            table_name = "events"

    class User(Table):
        user_id = peewee.AutoField()
        username = peewee.CharField(max_length=255, unique=True)
        email = peewee.CharField(max_length=255, null=True)
        password = peewee.CharField(max_length=255, null=True)
        is_admin = peewee.BooleanField(default=False)
        created_at = peewee.DateTimeField()

        class Meta:
            table_name = "users"

    class Code(Table):
        code_hash = peewee.CharField(primary_key=True, max_length=64)
        user = peewee.ForeignKeyField(User, null=True)
        expires_at = peewee.DateTimeField()

        class Meta:
            table_name = "codes"

    class ModelDescription(Table):
        model_id = peewee.AutoField()
        model_name = peewee.CharField(max_length=255)
        connector_name = peewee.CharField(max_length=255)
        architecture = peewee.TextField()
        fingerprint = peewee.CharField(max_length=64)
        created_at = peewee.DateTimeField()

        class Meta:
            table_name = "models"
            indexes = ((("model_name", "connector_name", "fingerprint"), True),)

    class Project(Table):
        project_id = peewee.AutoField()
        project_name = peewee.CharField(max_length=255)
        user = peewee.ForeignKeyField(User)
        model = peewee.ForeignKeyField(ModelDescription, null=True)
        visibility = peewee.CharField(max_length=16, default="private")
        next_color = peewee.IntegerField(default=0)
        silenced_checks = peewee.TextField(default="[]")
        created_at = peewee.DateTimeField()
        archived_at = peewee.DateTimeField(null=True)
        deleted_at = peewee.DateTimeField(null=True)

        class Meta:
            table_name = "projects"
            indexes = ((("user", "project_name"), True),)

    class Member(Table):
        project = peewee.ForeignKeyField(Project, index=False)
        user = peewee.ForeignKeyField(User)
        role = peewee.CharField(max_length=16)

        class Meta:
            table_name = "members"
            primary_key = peewee.CompositeKey("project", "user")

    class Metric(Table):
        # The wide ones first, text last: PostgreSQL pads to a multiple of the width, which cost 13 bytes a row.
        metric_id = peewee.BigAutoField()
        run_id = peewee.UUIDField()
        step = peewee.BigIntegerField()
        epoch = peewee.BigIntegerField(null=True)
        batch = peewee.BigIntegerField(null=True)
        timestamp = peewee.DateTimeField()
        loss_value = peewee.DoubleField(null=True)
        metric_value = peewee.DoubleField(null=True)
        model = peewee.ForeignKeyField(ModelDescription, null=True, index=False)
        rank = peewee.IntegerField()
        split = peewee.CharField(max_length=64)
        loss_name = peewee.TextField(null=True)
        metric_name = peewee.TextField(null=True)

        class Meta:
            table_name = "metrics"
            indexes = ((("run_id", "rank", "split", "step"), False),)

    class Prediction(Table):
        run_id = peewee.UUIDField()
        evaluation_id = peewee.BigIntegerField()
        sample_no = peewee.BigIntegerField()
        sample_id = peewee.TextField(null=True)
        target = peewee.DoubleField(null=True)
        prediction = peewee.DoubleField(null=True)
        score = peewee.DoubleField(null=True)
        weight = peewee.DoubleField(default=1)
        target_set = peewee.BlobField(null=True)
        prediction_set = peewee.BlobField(null=True)
        scores = peewee.BlobField(null=True)
        score_classes = peewee.BlobField(null=True)
        slices = peewee.TextField(null=True)
        features = peewee.BlobField(null=True)

        class Meta:
            table_name = "predictions"
            without_rowid = isinstance(db, peewee.SqliteDatabase)  # the key is the order in which they are read
            primary_key = peewee.CompositeKey("run_id", "evaluation_id", "sample_no")

    class Result(Table):
        result_id = peewee.BigAutoField()
        run_id = peewee.UUIDField()
        rank = peewee.IntegerField()
        split = peewee.CharField(max_length=64)
        kind = peewee.CharField(max_length=64)
        name = peewee.TextField()
        step = peewee.BigIntegerField(null=True)
        time = peewee.DateTimeField()
        payload_bytes = peewee.IntegerField()
        payload = peewee.TextField()

        class Meta:
            table_name = "results"
            indexes = (
                (("run_id", "result_id", "payload_bytes"), False),
                (("run_id", "kind", "split", "name", "rank", "step"), False),
            )

    class Rollup(Table):
        run_id = peewee.UUIDField()
        series_no = peewee.IntegerField()
        width = peewee.BigIntegerField()
        bucket = peewee.BigIntegerField()
        count = peewee.BigIntegerField()
        nan_count = peewee.BigIntegerField(default=0)
        inf_count = peewee.BigIntegerField(default=0)
        ninf_count = peewee.BigIntegerField(default=0)
        mean = peewee.DoubleField(null=True)
        low_step = peewee.BigIntegerField(null=True)
        low_value = peewee.DoubleField(null=True)
        high_step = peewee.BigIntegerField(null=True)
        high_value = peewee.DoubleField(null=True)
        first_step = peewee.BigIntegerField()
        first_value = peewee.DoubleField(null=True)
        last_step = peewee.BigIntegerField()
        last_value = peewee.DoubleField(null=True)
        last_time = peewee.DateTimeField()
        last_epoch = peewee.BigIntegerField(null=True)

        class Meta:
            table_name = "rollups"
            # On SQLite rows lie in the order of the key: a chart reads neighbours, and they take a fifth less.
            without_rowid = isinstance(db, peewee.SqliteDatabase)
            primary_key = peewee.CompositeKey("run_id", "series_no", "width", "bucket")

    class Series(Table):
        run_id = peewee.UUIDField()
        series_no = peewee.IntegerField()
        rank = peewee.IntegerField()
        split = peewee.CharField(max_length=64)
        name = peewee.TextField()
        kind = peewee.CharField(max_length=8)
        stride = peewee.BigIntegerField(null=True)
        rewritten = peewee.BooleanField(default=False)
        row_count = peewee.BigIntegerField(default=0)
        count = peewee.BigIntegerField(default=0)
        nan_count = peewee.BigIntegerField(default=0)
        inf_count = peewee.BigIntegerField(default=0)
        ninf_count = peewee.BigIntegerField(default=0)
        first_step = peewee.BigIntegerField(null=True)
        first_value = peewee.DoubleField(null=True)
        last_step = peewee.BigIntegerField(null=True)
        last_value = peewee.DoubleField(null=True)
        low_step = peewee.BigIntegerField(null=True)
        low_value = peewee.DoubleField(null=True)
        high_step = peewee.BigIntegerField(null=True)
        high_value = peewee.DoubleField(null=True)

        class Meta:
            table_name = "series"
            primary_key = peewee.CompositeKey("run_id", "series_no")
            indexes = ((("name", "split", "rank", "run_id"), True),)

    class Session(Table):
        session_hash = peewee.CharField(primary_key=True, max_length=64)
        user = peewee.ForeignKeyField(User)
        created_at = peewee.DateTimeField()
        used_at = peewee.DateTimeField()
        expires_at = peewee.DateTimeField()

        class Meta:
            table_name = "sessions"

    class Store(Table):
        store_id = peewee.UUIDField(primary_key=True)
        created_at = peewee.DateTimeField()

        class Meta:
            table_name = "store"

    class Token(Table):
        token_id = peewee.AutoField()
        public_id = peewee.CharField(unique=True, max_length=8)
        token_hash = peewee.CharField(unique=True, max_length=64)
        token_name = peewee.CharField(max_length=255)
        user = peewee.ForeignKeyField(User)
        project = peewee.ForeignKeyField(Project, null=True)
        scopes = peewee.TextField()
        created_at = peewee.DateTimeField()
        expires_at = peewee.DateTimeField()
        used_at = peewee.DateTimeField(null=True)

        class Meta:
            table_name = "tokens"

    class Tombstone(Table):
        run_id = peewee.UUIDField(primary_key=True)
        deleted_at = peewee.DateTimeField()

        class Meta:
            table_name = "tombstones"

    class TrainingRun(Table):
        run_id = peewee.UUIDField(primary_key=True)
        project = peewee.ForeignKeyField(Project, index=False)
        model = peewee.ForeignKeyField(ModelDescription, null=True)
        user = peewee.ForeignKeyField(User)
        run_name = peewee.CharField(max_length=255)
        state = peewee.CharField(max_length=16, default="running")
        config = peewee.TextField(default="{}")
        environment = peewee.TextField(default="{}")
        tags = peewee.TextField(default="[]")
        notes = peewee.TextField(default="")
        run_group = peewee.CharField(max_length=255, null=True)
        color = peewee.IntegerField(default=0)
        silenced_checks = peewee.TextField(default="[]")
        started_at = peewee.DateTimeField()
        heard_at = peewee.DateTimeField()
        finished_at = peewee.DateTimeField(null=True)
        archived_at = peewee.DateTimeField(null=True)
        deleted_at = peewee.DateTimeField(null=True)

        class Meta:
            table_name = "runs"
            indexes = ((("project", "started_at", "run_id"), False),)

    running = TrainingRun.index(TrainingRun.started_at, where=TrainingRun.state == "running", name="runs_running")
    TrainingRun.add_index(running)

    class Writer(Table):
        run_id = peewee.UUIDField()
        writer_id = peewee.UUIDField()
        rank = peewee.IntegerField(default=0)
        world_size = peewee.BigIntegerField(null=True)
        started_at = peewee.DateTimeField()
        host = peewee.CharField(max_length=255, null=True)
        pid = peewee.BigIntegerField(null=True)
        heard_at = peewee.DateTimeField()
        next_seq = peewee.BigIntegerField(default=0)
        stored = peewee.BigIntegerField(default=0)
        missing = peewee.BigIntegerField(default=0)
        rejected = peewee.BigIntegerField(default=0)

        class Meta:
            table_name = "writers"
            primary_key = peewee.CompositeKey("run_id", "writer_id")

    return [
        Attempts, AuditEntry, Evaluation, Event, User, Code, ModelDescription, Project, Member, Metric, Prediction,
        Result, Rollup, Series, Session, Store, Token, Tombstone, TrainingRun, Writer,
    ]  # fmt: skip


def _views(db: peewee.Database) -> dict[str, str]:
    is_sqlite = isinstance(db, peewee.SqliteDatabase)
    if is_sqlite:
        silent = "runs.heard_at < strftime('%Y-%m-%d %H:%M:%f', 'now', '-120 seconds')"
        days = "julianday(coalesce(runs.finished_at, runs.heard_at)) - julianday(runs.started_at)"
        seconds = f"round(({days}) * 86400, 3)"
    else:
        silent = "runs.heard_at < now() AT TIME ZONE 'UTC' - interval '120 seconds'"
        seconds = "extract(epoch FROM coalesce(runs.finished_at, runs.heard_at) - runs.started_at)::double precision"
    runs = f"""
        SELECT runs.run_id, runs.run_name, projects.project_id, projects.project_name, owners.username AS owner,
            users.username, models.model_id, models.model_name, models.connector_name,
            CASE WHEN runs.state = 'running' AND {silent} THEN 'lost' ELSE runs.state END AS state,
            runs.config, runs.tags, runs.notes, runs.run_group, runs.started_at, runs.heard_at, runs.finished_at,
            {seconds} AS duration_s, runs.archived_at
        FROM runs
        JOIN projects ON projects.project_id = runs.project_id
        JOIN users AS owners ON owners.user_id = projects.user_id
        JOIN users ON users.user_id = runs.user_id
        LEFT JOIN models ON models.model_id = runs.model_id
        WHERE runs.deleted_at IS NULL AND projects.deleted_at IS NULL
    """  # noqa: S608 - all of it is ours
    series = """
        SELECT series.run_id, runs.run_name, runs.project_id, projects.project_name, users.username,
            series.rank, series.split, series.name, series.kind,
            series.count, series.nan_count, series.inf_count, series.ninf_count,
            series.first_step, series.first_value, series.last_step, series.last_value,
            series.low_step, series.low_value, series.high_step, series.high_value
        FROM series
        JOIN runs ON runs.run_id = series.run_id
        JOIN projects ON projects.project_id = runs.project_id
        JOIN users ON users.user_id = runs.user_id
        WHERE runs.deleted_at IS NULL AND projects.deleted_at IS NULL
    """
    points = " UNION ALL ".join(_points(kind, is_sqlite) for kind in ("loss", "metric"))
    return {"v_runs": runs, "v_series": series, "v_points": points}


def _points(kind: str, is_sqlite: bool) -> str:
    name, value = f"metrics.{kind}_name", f"metrics.{kind}_value"
    is_nan = f"{value} IS NULL" if is_sqlite else f"{value} = 'NaN'::double precision"
    # Only a series with a step that came twice pays for looking whether a later row counts.
    return f"""
        SELECT metrics.run_id, runs.run_name, runs.project_id, projects.project_name, users.username,
            metrics.rank, metrics.split, {name} AS name, '{kind}' AS kind, metrics.step, metrics.epoch, metrics.batch,
            {value} AS value, {is_nan} AS is_nan, metrics.timestamp, metrics.metric_id
        FROM metrics
        JOIN series ON series.run_id = metrics.run_id AND series.rank = metrics.rank
            AND series.split = metrics.split AND series.name = {name}
        JOIN runs ON runs.run_id = metrics.run_id
        JOIN projects ON projects.project_id = runs.project_id
        JOIN users ON users.user_id = runs.user_id
        WHERE {name} IS NOT NULL AND runs.deleted_at IS NULL AND projects.deleted_at IS NULL
            AND (NOT series.rewritten OR NOT EXISTS (
                SELECT 1 FROM metrics AS later
                WHERE later.run_id = metrics.run_id AND later.rank = metrics.rank AND later.split = metrics.split
                    AND later.step = metrics.step AND later.{kind}_name = {name}
                    AND later.metric_id > metrics.metric_id
            ))
    """  # noqa: S608 - all of it is ours


def up(migrator: Any, db: peewee.Database) -> None:
    """Make every table and view, and the row that names this database."""
    tables = _tables(db)
    db.create_tables(tables)
    for name, query in _views(db).items():
        db.execute_sql(f"CREATE VIEW {name} AS {query}")
    store = next(table for table in tables if table.__name__ == "Store")
    store.insert(store_id=uuid.uuid4(), created_at=datetime.datetime.now(datetime.UTC).replace(tzinfo=None)).execute()


def down(migrator: Any, db: peewee.Database) -> None:
    """Drop every view and table."""
    for name in _views(db):
        db.execute_sql(f"DROP VIEW {name}")
    db.drop_tables(_tables(db))
