"""Export: the points of runs, and a project's runs, as a file."""

import itertools
import threading
import uuid

import flask
import marshmallow as ma

from prevue_core.api import tables
from prevue_core.api.blueprint import Blueprint, found, identity, problem
from prevue_core.api.fields import has_no_nul
from prevue_core.contract import MAX_INT64
from prevue_core.db import accounts, export, queries
from prevue_core.db.accounts import READ
from prevue_core.db.connection import writing

blueprint = Blueprint("export", __name__, description="The points of runs, and a project's runs, as a file")

AT_ONCE = 4  # each holds one of the server's threads for as long as its reader takes
RETRY_S = 5
MAX_RUNS = 1_000
POINTS, RUNS = TABLES = ("points", "runs")

_free = threading.BoundedSemaphore(AT_ONCE)


class ExportArguments(ma.Schema):
    format = ma.fields.String(load_default=tables.CSV, validate=ma.validate.OneOf(tables.FORMATS))
    name = ma.fields.List(
        ma.fields.String(validate=has_no_nul),
        load_default=None,
        metadata={"description": "of points: such as loss; none: all"},
    )
    split = ma.fields.List(
        ma.fields.String(validate=has_no_nul),
        load_default=None,
        metadata={"description": "of points: such as val; none: all"},
    )


class ProjectExportArguments(ExportArguments):
    table = ma.fields.String(
        load_default=POINTS,
        validate=ma.validate.OneOf(TABLES),
        metadata={"description": "`points`: a row a point; `runs`: a row a run, with its configuration and sums"},
    )
    run_id = ma.fields.List(
        ma.fields.UUID(),
        load_default=None,
        validate=ma.validate.Length(1, MAX_RUNS),
        metadata={"description": "only these runs; none: all that are not archived"},
    )
    filter = ma.fields.String(
        load_default=None, metadata={"description": "of all runs those that meet it, as in the list of runs"}
    )


_CONTENT = {"content": {kind: {"schema": {"type": "string"}} for kind in tables.CONTENT_TYPES.values()}}


@blueprint.route("/runs/<uuid:run_id>/export", action=READ)
@blueprint.arguments(ExportArguments, location="query", as_kwargs=True)
@blueprint.response(200, {"type": "string"}, content_type=tables.CONTENT_TYPES[tables.CSV])
@blueprint.doc(responses={200: _CONTENT})
def export_run(run_id: uuid.UUID, format: str, name: list[str] | None, split: list[str] | None) -> flask.Response:
    """Export the points of a run

    A row a point, with the columns of the view `v_points`: CSV, JSON Lines or Parquet. It streams, whatever its size;
    an answer that breaks off is not complete. Of equal steps of a series the value logged last counts.
    """
    run = found(queries.run(identity(), str(run_id)), f"run {run_id}")
    return _send(export.points([run], name, split), format, f"run-{run_id}", f"points of run {run_id}")


@blueprint.route(f"/projects/<int(max={MAX_INT64}):project_id>/export", action=READ)
@blueprint.arguments(ProjectExportArguments, location="query", as_kwargs=True)
@blueprint.response(200, {"type": "string"}, content_type=tables.CONTENT_TYPES[tables.CSV])
@blueprint.doc(responses={200: _CONTENT})
def export_project(
    project_id: int,
    table: str,
    run_id: list[uuid.UUID] | None,
    filter: str | None,
    format: str,
    name: list[str] | None,
    split: list[str] | None,
) -> flask.Response:
    """Export a project's runs, or their points

    `table=points`: as the export of one run, for all of them or those in `run_id`. `table=runs`: a row a run, with a
    column for each key of the configurations (`config.lr`) and for the last, lowest and highest value of each series
    of rank 0 (`metrics.val.accuracy.max`).
    """
    who = identity()
    found(queries.project(who, project_id), f"project {project_id}")
    run_ids = None if run_id is None else [str(one) for one in run_id]
    chosen = export.Chosen(who, project_id, run_ids, filter)
    rows = export.runs(chosen) if table == RUNS else export.points(chosen, name, split)
    return _send(rows, format, f"project-{project_id}-{table}", f"{table} of project {project_id}")


def _send(table: export.Table, format: str, file_name: str, subject: str) -> flask.Response:
    if format == tables.PARQUET and not tables.has_parquet():
        return problem(501, "this server has no Parquet: pip install 'prevue[parquet]' there, or ask for csv or jsonl")
    if not _free.acquire(blocking=False):
        return problem(429, f"{AT_ONCE} exports are on their way; try again", headers={"Retry-After": str(RETRY_S)})
    try:
        with writing():
            accounts.audit(identity().user_id, "export", f"{subject} as {format}")
        parts = tables.written(table, format)
        first = next(parts, b"")  # what fails here is still an answer with a status of its own
    except BaseException:
        _free.release()
        raise
    response = flask.Response(itertools.chain([first], parts), content_type=tables.CONTENT_TYPES[format])
    response.headers["Content-Disposition"] = f'attachment; filename="prevue-{file_name}.{format}"'
    response.call_on_close(parts.close)
    response.call_on_close(_free.release)
    return response
