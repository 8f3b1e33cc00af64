"""The tables. Times are UTC without a zone, so that every SQL tool reads them; names and columns are stable.

The four tables of the design are `users`, `projects`, `models` and `metrics`; the others stand around them.
"""

import datetime
import uuid
from typing import Any

import peewee

from prevue_core.contract import MAX_LABEL_CHARS, RUNNING
from prevue_core.db.connection import db


def utc_now() -> datetime.datetime:
    """Return the time now, UTC, without a zone."""
    return datetime.datetime.now(datetime.UTC).replace(tzinfo=None)


class IdField(peewee.UUIDField):
    """A UUID; on SQLite the text with dashes that pages and commands show, so that SQL can be pasted."""

    def db_value(self, value: Any) -> Any:
        return str(uuid.UUID(str(value))) if value is not None else None


class TimeField(peewee.DateTimeField):
    """UTC without a zone; on SQLite always with microseconds, so that text sorts as time."""

    def db_value(self, value: Any) -> Any:
        return value.isoformat(" ", "microseconds") if isinstance(value, datetime.datetime) else value


class LabelField(peewee.CharField):
    """A name of a user, project, model or the like."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=MAX_LABEL_CHARS, **kwargs)


class Table(peewee.Model):
    """What all tables share."""

    class Meta:
        database = db
        legacy_table_names = False


class Store(Table):
    """One row: the identity of this database. Clients notice by it that another database answers."""

    store_id = IdField(primary_key=True)
    created_at = TimeField(default=utc_now)

    class Meta:
        table_name = "store"


class User(Table):
    """Who owns projects. A user made by a client's `uid` has no email and no password."""

    user_id = peewee.AutoField()
    username = LabelField(unique=True)
    email = LabelField(null=True)
    password = LabelField(null=True)  # argon2id hash
    is_admin = peewee.BooleanField(default=False)
    created_at = TimeField(default=utc_now)

    class Meta:
        table_name = "users"


class ModelDescription(Table):
    """A named architecture of one framework; trained twice it is the same row."""

    model_id = peewee.AutoField()
    model_name = LabelField()
    connector_name = LabelField()
    architecture = peewee.TextField()  # JSON: framework, layers with shapes and parameter counts
    fingerprint = peewee.CharField(max_length=64)  # SHA-256 of architecture
    created_at = TimeField(default=utc_now)

    class Meta:
        table_name = "models"
        indexes = ((("model_name", "connector_name", "fingerprint"), True),)


class Project(Table):
    """What a user works on; `model_id` is the model in use: that of the run described last."""

    project_id = peewee.AutoField()
    project_name = LabelField()
    user = peewee.ForeignKeyField(User, column_name="user_id")
    model = peewee.ForeignKeyField(ModelDescription, column_name="model_id", null=True)
    visibility = peewee.CharField(max_length=16, default="private")
    next_color = peewee.IntegerField(default=0)  # that its next run gets
    silenced_checks = peewee.TextField(default="[]")  # JSON list of codes of method checks, in all its runs
    created_at = TimeField(default=utc_now)
    archived_at = TimeField(null=True)  # not in lists unless asked for
    deleted_at = TimeField(null=True)  # in the trash

    class Meta:
        table_name = "projects"
        indexes = ((("user", "project_name"), True),)


class TrainingRun(Table):
    """One training or testing of a model in a project."""

    run_id = IdField(primary_key=True)
    project = peewee.ForeignKeyField(Project, column_name="project_id", index=False)
    model = peewee.ForeignKeyField(ModelDescription, column_name="model_id", null=True)
    user = peewee.ForeignKeyField(User, column_name="user_id")
    run_name = LabelField()
    state = peewee.CharField(max_length=16, default=RUNNING)  # as told; `lost` is worked out when read
    config = peewee.TextField(default="{}")  # JSON object
    environment = peewee.TextField(default="{}")  # JSON object
    tags = peewee.TextField(default="[]")  # JSON list of text
    notes = peewee.TextField(default="")
    run_group = LabelField(null=True)
    color = peewee.IntegerField(default=0)  # 0, 1, 2 ... in the order in which its project got runs
    silenced_checks = peewee.TextField(default="[]")  # JSON list of codes of method checks
    started_at = TimeField()
    heard_at = TimeField()  # by the server's clock
    finished_at = TimeField(null=True)
    archived_at = TimeField(null=True)  # not in lists unless asked for
    deleted_at = TimeField(null=True)  # in the trash

    class Meta:
        table_name = "runs"
        indexes = ((("project", "started_at", "run_id"), False),)


# For `patrol`. Not of `heard_at`, which changes each second.
_running = TrainingRun.index(TrainingRun.started_at, where=TrainingRun.state == RUNNING, name="runs_running")
TrainingRun.add_index(_running)


class Tombstone(Table):
    """A deleted run whose rows are gone, or on their way: what its writers still send is refused for good."""

    run_id = IdField(primary_key=True)
    deleted_at = TimeField(default=utc_now)

    class Meta:
        table_name = "tombstones"


class Writer(Table):
    """One process logging into one run. `next_seq` alone proves that each record is stored once."""

    run_id = IdField()
    writer_id = IdField()
    rank = peewee.IntegerField(default=0)
    world_size = peewee.BigIntegerField(null=True)  # ranks of its training, as its launcher told
    started_at = TimeField()  # by its own clock
    host = LabelField(null=True)
    pid = peewee.BigIntegerField(null=True)
    heard_at = TimeField()  # by the server's clock
    next_seq = peewee.BigIntegerField(default=0)
    stored = peewee.BigIntegerField(default=0)  # records
    missing = peewee.BigIntegerField(default=0)  # records that never came, as its gap records tell
    rejected = peewee.BigIntegerField(default=0)  # records that could not be accepted

    class Meta:
        table_name = "writers"
        primary_key = peewee.CompositeKey("run_id", "writer_id")


class Metric(Table):
    """At one step of a run at most one loss and one metric of a split; an absent half has name NULL.

    NaN is NULL on SQLite (its name is set) and NaN on PostgreSQL. Every logged row stays; of equal steps of a series
    the row with the highest metric_id counts.
    """

    # The wide ones first, text last: PostgreSQL pads to a multiple of the width, which cost 13 bytes a row.
    metric_id = peewee.BigAutoField()
    run_id = IdField()  # no foreign key: it would cost a fifth to a half of the insert rate
    step = peewee.BigIntegerField()
    epoch = peewee.BigIntegerField(null=True)
    batch = peewee.BigIntegerField(null=True)
    timestamp = TimeField()  # by the writer's clock
    loss_value = peewee.DoubleField(null=True)
    metric_value = peewee.DoubleField(null=True)
    model = peewee.ForeignKeyField(ModelDescription, column_name="model_id", null=True, index=False)
    rank = peewee.IntegerField()
    split = peewee.CharField(max_length=64)
    loss_name = peewee.TextField(null=True)
    metric_name = peewee.TextField(null=True)

    class Meta:
        table_name = "metrics"
        indexes = ((("run_id", "rank", "split", "step"), False),)


class Series(Table):
    """All values of one name in one split and rank of a run, summed up: what a table of runs shows."""

    run_id = IdField()
    series_no = peewee.IntegerField()
    rank = peewee.IntegerField()
    split = peewee.CharField(max_length=64)
    name = peewee.TextField()
    kind = peewee.CharField(max_length=8)  # loss or metric
    stride = peewee.BigIntegerField(null=True)  # a power of two near the usual distance of steps; NULL: no rollups
    rewritten = peewee.BooleanField(default=False)  # a step came twice: reading takes the later row
    row_count = peewee.BigIntegerField(default=0)  # rows of `metrics`, those of steps that came again included
    count = peewee.BigIntegerField(default=0)  # steps with a value, non-finite ones included
    nan_count = peewee.BigIntegerField(default=0)
    inf_count = peewee.BigIntegerField(default=0)
    ninf_count = peewee.BigIntegerField(default=0)
    first_step = peewee.BigIntegerField(null=True)
    first_value = peewee.DoubleField(null=True)
    last_step = peewee.BigIntegerField(null=True)
    last_value = peewee.DoubleField(null=True)
    low_step = peewee.BigIntegerField(null=True)
    low_value = peewee.DoubleField(null=True)  # finite values only, as high
    high_step = peewee.BigIntegerField(null=True)
    high_value = peewee.DoubleField(null=True)

    class Meta:
        table_name = "series"
        primary_key = peewee.CompositeKey("run_id", "series_no")
        # By name first: a table of runs asks for one name of all. The primary key finds the series of one run.
        indexes = ((("name", "split", "rank", "run_id"), True),)


class Rollup(Table):
    """A bucket of steps of a long series: `width` times the bucket's number is its first possible step."""

    run_id = IdField()
    series_no = peewee.IntegerField()
    width = peewee.BigIntegerField()
    bucket = peewee.BigIntegerField()
    count = peewee.BigIntegerField()  # steps with a value, non-finite ones included
    nan_count = peewee.BigIntegerField(default=0)
    inf_count = peewee.BigIntegerField(default=0)
    ninf_count = peewee.BigIntegerField(default=0)
    mean = peewee.DoubleField(null=True)  # of finite values, as low and high
    low_step = peewee.BigIntegerField(null=True)
    low_value = peewee.DoubleField(null=True)
    high_step = peewee.BigIntegerField(null=True)
    high_value = peewee.DoubleField(null=True)
    first_step = peewee.BigIntegerField()
    first_value = peewee.DoubleField(null=True)
    last_step = peewee.BigIntegerField()
    last_value = peewee.DoubleField(null=True)
    last_time = TimeField()
    last_epoch = peewee.BigIntegerField(null=True)

    class Meta:
        table_name = "rollups"
        primary_key = peewee.CompositeKey("run_id", "series_no", "width", "bucket")


class Result(Table):
    """A structured outcome of a test, of some kind: a histogram, a table, text, a small image."""

    result_id = peewee.BigAutoField()
    run_id = IdField()
    rank = peewee.IntegerField()
    split = peewee.CharField(max_length=64)
    kind = peewee.CharField(max_length=64)
    name = peewee.TextField()
    step = peewee.BigIntegerField(null=True)
    time = TimeField()  # by the writer's clock
    payload_bytes = peewee.IntegerField()
    payload = peewee.TextField()  # JSON, last: a list reads a row only up to here

    class Meta:
        table_name = "results"
        indexes = (
            (("run_id", "result_id", "payload_bytes"), False),
            (("run_id", "kind", "split", "name", "rank", "step"), False),
        )


class Evaluation(Table):
    """One test of a model on a set of samples; its predictions are rows of `predictions`."""

    evaluation_id = peewee.BigAutoField()
    run_id = IdField()
    evaluation_key = IdField()  # the client's own, by which its samples find it
    split = peewee.CharField(max_length=64)
    name = peewee.TextField()
    task = peewee.CharField(max_length=16)  # binary, multiclass, multilabel or regression
    step = peewee.BigIntegerField(null=True)
    labels = peewee.TextField()  # JSON list: the names of the classes 0, 1, 2 ...; empty for a regression
    positive = peewee.IntegerField(null=True)  # class of a binary task whose score is logged
    score_type = peewee.CharField(max_length=16, null=True)  # probability, logit or decision
    score_count = peewee.IntegerField()  # of a sample
    slice_names = peewee.TextField()  # JSON list
    feature_names = peewee.TextField()  # JSON list
    sample_count = peewee.BigIntegerField()  # that were tested
    stored_count = peewee.BigIntegerField()  # that are to be stored: fewer of very many
    received_count = peewee.BigIntegerField(default=0)  # that are
    created_at = TimeField(default=utc_now)

    class Meta:
        table_name = "evaluations"
        indexes = ((("run_id", "evaluation_key"), True),)


class Prediction(Table):
    """One sample of an evaluation."""

    run_id = IdField()
    evaluation_id = peewee.BigIntegerField()
    sample_no = peewee.BigIntegerField()  # 0, 1, 2 ... in the order logged
    sample_id = peewee.TextField(null=True)  # the user's own name of the sample
    target = peewee.DoubleField(null=True)  # number of the class, or the value
    prediction = peewee.DoubleField(null=True)
    score = peewee.DoubleField(null=True)  # of the positive class, of more than two classes that of the prediction
    weight = peewee.DoubleField(default=1)  # how many samples it stands for
    target_set = peewee.BlobField(null=True)  # of several labels at once: a bit for each, the first the lowest
    prediction_set = peewee.BlobField(null=True)
    scores = peewee.BlobField(null=True)  # float32 or float64, little endian: one for each label
    score_classes = peewee.BlobField(null=True)  # int32: whose these are, where they are the highest only
    slices = peewee.TextField(null=True)  # JSON list, in the order of the evaluation's names
    features = peewee.BlobField(null=True)  # float64, in the order of the evaluation's names

    class Meta:
        table_name = "predictions"
        primary_key = peewee.CompositeKey("run_id", "evaluation_id", "sample_no")


class Event(Table):
    """What is marked on a run's curves: a gap in its records, an alert, a note."""

    event_id = peewee.BigAutoField()
    run_id = IdField(index=True)
    step = peewee.BigIntegerField(null=True)
    time = TimeField()
    kind = peewee.CharField(max_length=64)
    level = peewee.CharField(max_length=8, null=True)  # of an alert: info, warn or error
    cause = peewee.CharField(max_length=16, null=True)  # of the server's own: non_finite, diverged or stalled
    text = peewee.TextField()

    class Meta:
        table_name = "events"


class Token(Table):
    """A bearer token: its SHA-256, never itself."""

    token_id = peewee.AutoField()
    public_id = peewee.CharField(max_length=8, unique=True)
    token_hash = peewee.CharField(max_length=64, unique=True)
    token_name = LabelField()  # what it is for
    user = peewee.ForeignKeyField(User, column_name="user_id")
    project = peewee.ForeignKeyField(Project, column_name="project_id", null=True)
    scopes = peewee.TextField()  # JSON list of ingest, read, write, admin
    created_at = TimeField(default=utc_now)
    expires_at = TimeField()
    used_at = TimeField(null=True)

    class Meta:
        table_name = "tokens"


class Session(Table):
    """A browser's login: the SHA-256 of its id."""

    session_hash = peewee.CharField(max_length=64, primary_key=True)
    user = peewee.ForeignKeyField(User, column_name="user_id")
    created_at = TimeField(default=utc_now)
    used_at = TimeField()
    expires_at = TimeField()

    class Meta:
        table_name = "sessions"


class Code(Table):
    """A one-time code with which a user sets a password; without a user it makes the first admin."""

    code_hash = peewee.CharField(max_length=64, primary_key=True)
    user = peewee.ForeignKeyField(User, column_name="user_id", null=True)
    expires_at = TimeField()

    class Meta:
        table_name = "codes"


class Attempts(Table):
    """How often somebody tried to log in, by account and by address, and from when on the next attempt counts."""

    subject = LabelField(primary_key=True)
    count = peewee.IntegerField(default=0)
    since = TimeField()
    until = TimeField(null=True)

    class Meta:
        table_name = "attempts"


class Member(Table):
    """The role of a user in a project: owner, editor or viewer."""

    project = peewee.ForeignKeyField(Project, column_name="project_id", index=False)
    user = peewee.ForeignKeyField(User, column_name="user_id")
    role = peewee.CharField(max_length=16)

    class Meta:
        table_name = "members"
        primary_key = peewee.CompositeKey("project", "user")


class AuditEntry(Table):
    """Who did what that matters: logins, tokens, roles, deletions, exports. Rows are only ever added."""

    audit_id = peewee.BigAutoField()
    time = TimeField(default=utc_now)
    user_id = peewee.IntegerField(null=True)
    action = peewee.CharField(max_length=64)
    subject = peewee.TextField()

    class Meta:
        table_name = "audit"


TABLES = (
    Store, User, ModelDescription, Project, TrainingRun, Tombstone, Writer, Metric, Series, Rollup, Result, Evaluation,
    Prediction, Event, Token, Session, Code, Attempts, Member, AuditEntry,
)  # fmt: skip
