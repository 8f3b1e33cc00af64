"""Series: the values of one name in one split of a run, in order of step."""

import math
import uuid
from typing import Any

import flask
import marshmallow as ma

from prevue_core.api.blueprint import Blueprint, identity
from prevue_core.api.fields import NUMBER, NUMBER_OR_NULL, has_no_nul, is_int64, json_response
from prevue_core.contract import encode_number
from prevue_core.db import queries
from prevue_core.db.accounts import READ

blueprint = Blueprint("series", __name__, description="The values of one name in one split of a run, in order of step")

MAX_RUNS = 100


def _column(of: ma.fields.Field[Any], description: str, *, required: bool = False) -> ma.fields.List[Any]:
    return ma.fields.List(of, required=required, metadata={"description": description})


class ColumnsSchema(ma.Schema):
    step = _column(ma.fields.Integer(), "of the bucket's last point", required=True)
    time = _column(ma.fields.Float(), "UNIX seconds, of the bucket's last point")
    epoch = _column(ma.fields.Integer(allow_none=True), "of the bucket's last point; left out where none was logged")
    first = _column(ma.fields.Raw(metadata=NUMBER), "value of the bucket's first point")
    last = _column(ma.fields.Raw(metadata=NUMBER), "value of the bucket's last point")
    mean = _column(ma.fields.Raw(metadata=NUMBER_OR_NULL), "of the bucket's finite values; null: it has none")
    low = _column(ma.fields.Raw(metadata=NUMBER_OR_NULL), "the smallest finite value")
    high = _column(ma.fields.Raw(metadata=NUMBER_OR_NULL), "the greatest finite value")
    count = _column(ma.fields.Integer(), "points in the bucket, non-finite ones included")
    nan_count = _column(ma.fields.Integer(), "NaN in the bucket; left out where all are 0")
    inf_count = _column(ma.fields.Integer(), "positive infinities in the bucket; left out where all are 0")
    ninf_count = _column(ma.fields.Integer(), "negative infinities in the bucket; left out where all are 0")
    x = _column(
        ma.fields.Raw(metadata=NUMBER_OR_NULL),
        "where another x axis than the step was asked for: of the bucket's last point; of a metric the mean of its "
        "finite values in the bucket; null: it has none there",
    )
    x_low = _column(ma.fields.Raw(metadata=NUMBER_OR_NULL), "of buckets over a metric: its smallest finite value")
    x_high = _column(ma.fields.Raw(metadata=NUMBER_OR_NULL), "of buckets over a metric: its greatest finite value")


class SeriesSchema(ma.Schema):
    run_id = ma.fields.UUID(required=True)
    rank = ma.fields.Integer(required=True)
    split = ma.fields.String(required=True)
    name = ma.fields.String(required=True)
    kind = ma.fields.String(required=True, validate=ma.validate.OneOf(("loss", "metric")))
    exact = ma.fields.Boolean(required=True, metadata={"description": "the points themselves, not buckets of them"})
    count = ma.fields.Integer(required=True, metadata={"description": "points in the range"})
    cursor = ma.fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "give it to `/series/news`; null for a part of a series, or another x axis"},
    )
    columns = ma.fields.Nested(ColumnsSchema, required=True)


class SeriesAnswerSchema(ma.Schema):
    series = ma.fields.List(ma.fields.Nested(SeriesSchema), required=True)


_TEXT = ma.fields.String(validate=has_no_nul)
_NAMES = tuple(ColumnsSchema().fields)
_COLUMNS = ma.fields.List(
    ma.fields.String(validate=ma.validate.OneOf(_NAMES)),
    load_default=None,
    metadata={"description": "columns to come, of those that say something; none: all. `step` comes in any case"},
)
_BUDGET = ma.fields.Integer(
    load_default=1_000,
    validate=ma.validate.Range(1, queries.MAX_BUDGET),
    metadata={"description": "points or buckets of each series at most"},
)


class SeriesArguments(ma.Schema):
    run_id = ma.fields.List(
        ma.fields.UUID(),
        required=True,
        validate=ma.validate.Length(1, MAX_RUNS),
        metadata={"description": "repeat it for several runs"},
    )
    name = ma.fields.List(_TEXT, load_default=None, metadata={"description": "such as loss; none: all"})
    split = ma.fields.List(_TEXT, load_default=None, metadata={"description": "such as val; none: all"})
    rank = ma.fields.List(
        ma.fields.Integer(validate=ma.validate.Range(0, 2**31 - 1)),
        load_default=None,
        metadata={"description": "of the processes of a distributed training; none: all"},
    )
    low_step = ma.fields.Integer(
        load_default=None, validate=is_int64, metadata={"description": "the first step, whatever `x` is"}
    )
    high_step = ma.fields.Integer(
        load_default=None, validate=is_int64, metadata={"description": "the last step, whatever `x` is"}
    )
    x = ma.fields.String(
        load_default="step",
        metadata={
            "enum": list(queries.KINDS),
            "description": "what the series are drawn over: the step, the epoch, seconds since the run began "
            "(`relative`), UNIX seconds (`wall`), or another metric",
        },
    )
    x_name = ma.fields.String(
        load_default=None, validate=has_no_nul, metadata={"description": "name of that metric, with `x=metric`"}
    )
    x_split = ma.fields.String(
        load_default=None, validate=has_no_nul, metadata={"description": "its split; none: that of each series"}
    )
    low = ma.fields.Float(load_default=None, metadata={"description": "where the range begins, in units of `x`"})
    high = ma.fields.Float(load_default=None, metadata={"description": "where the range ends, in units of `x`"})
    budget = _BUDGET
    columns = _COLUMNS


@blueprint.route("/series", action=READ)
@blueprint.arguments(SeriesArguments, location="query", as_kwargs=True)
@blueprint.response(200, SeriesAnswerSchema)
def get_series(
    run_id: list[uuid.UUID],
    name: list[str] | None,
    split: list[str] | None,
    rank: list[int] | None,
    low_step: int | None,
    high_step: int | None,
    budget: int,
    columns: list[str] | None,
    **x: Any,
) -> flask.Response:
    """Get series of runs as columns

    Many runs and names in one request. A series with at most `budget` points in the range comes as those points;
    a longer one as buckets of equally many steps, whose low and high are exact: no stored extreme is ever hidden,
    and the last point is always there. Of equal steps the value logged last counts.

    Columns that say nothing are left out. Points (`exact`) have `step`, `time`, `epoch` and `last`: each is its own
    first, mean, low and high, and counts 1.

    A range of `x` goes from the first to the last step at which x lies in it; in series of more than 10 000 points x
    is taken to rise with the step. Over another metric both series are cut to the same buckets; a point has the x
    that was logged at its step.
    """
    axis = queries.Axis(x["x"], x["x_name"], x["x_split"], x["low"], x["high"])
    found = queries.series(
        queries.runs_in_reach(identity(), [str(one) for one in run_id]),
        name,
        split,
        rank,
        low_step=low_step,
        high_step=high_step,
        budget=budget,
        axis=axis,
        columns=columns,
    )
    return json_response({"series": [_document(part, columns) for part in found]})


class NewsRequestSchema(ma.Schema):
    runs = ma.fields.Dict(
        required=True,
        keys=ma.fields.UUID(),
        values=ma.fields.List(ma.fields.String()),
        validate=ma.validate.Length(1, MAX_RUNS),
        metadata={"description": "by run: the `cursor` of each series that the client holds"},
    )
    logged = ma.fields.Dict(
        load_default=dict,
        keys=ma.fields.UUID(),
        values=ma.fields.Integer(),
        metadata={"description": "by run: `logged` of the answer before; a run that has not grown is then left out"},
    )
    name = ma.fields.List(
        _TEXT, load_default=None, metadata={"description": "of further series, which come whole; none: all, []: no one"}
    )
    split = ma.fields.List(_TEXT, load_default=None, metadata={"description": "of further series; none: all"})
    budget = _BUDGET
    columns = _COLUMNS


class NewsPartSchema(SeriesSchema):
    from_step = ma.fields.Integer(
        required=True,
        allow_none=True,
        metadata={"description": "these rows replace those from this step on; null: all rows"},
    )


class RunSumsSchema(ma.Schema):
    """How far a run is: columns with a row for each of its series."""

    logged = ma.fields.Integer(required=True, metadata={"description": "rows of all its series; it grows with each"})
    rank = _column(ma.fields.Integer(), "of the process", required=True)
    split = _column(ma.fields.String(), "such as val", required=True)
    name = _column(ma.fields.String(), "such as loss", required=True)
    count = _column(ma.fields.Integer(), "steps with a value", required=True)
    last_step = _column(ma.fields.Integer(), "the highest", required=True)
    last = _column(ma.fields.Raw(metadata=NUMBER), "the value there", required=True)


class NewsSchema(ma.Schema):
    runs = ma.fields.Dict(
        required=True,
        keys=ma.fields.UUID(),
        values=ma.fields.Nested(RunSumsSchema),
        metadata={"description": "by run: how far all of its series are, asked for or not"},
    )
    series = ma.fields.List(ma.fields.Nested(NewsPartSchema), required=True)


@blueprint.route("/series/news", methods=["POST"], action=READ)
@blueprint.arguments(NewsRequestSchema, as_kwargs=True)
@blueprint.response(200, NewsSchema)
def get_news(
    runs: dict[uuid.UUID, list[str]],
    logged: dict[uuid.UUID, int],
    name: list[str] | None,
    split: list[str] | None,
    budget: int,
    columns: list[str] | None,
) -> flask.Response:
    """Get what is new of series

    For live views, as often as they like: of series that have not grown nothing comes. Of those that have, the rows
    from `from_step` on, which may change the last row that the client has; merged they are what `/series` would
    answer. Where a step came late or again, or the buckets have become wider, the whole series comes.

    Ask with the `budget` and the `columns` that the series were asked with.
    """
    reach = queries.runs_in_reach(identity(), [str(run_id) for run_id in runs])
    known = {run_id: runs[uuid.UUID(run_id)] for run_id in reach}
    found = queries.news(known, name, split, budget=budget, columns=columns)
    parts = [{**_document(part, columns), "from_step": part.from_step} for part in found.parts]
    sums = {run_id: _sums(found.rows.get(run_id, [])) for run_id in reach}
    grown = {run_id: one for run_id, one in sums.items() if one["logged"] != logged.get(uuid.UUID(run_id))}
    return json_response({"runs": grown, "series": parts})


def _sums(rows: list[Any]) -> dict[str, Any]:
    columns = {name: [getattr(row, name) for row in rows] for name in ("rank", "split", "name", "count", "last_step")}
    last = [encode_number(queries.to_float(row.last_value)) for row in rows]
    return {"logged": sum(row.row_count for row in rows), **columns, "last": last}


_OF_POINTS = ("step", "time", "epoch", "last", "x")
_MAY_BE_ZERO = ("nan_count", "inf_count", "ninf_count")


def _document(part: queries.SeriesPart, wanted: list[str] | None) -> dict[str, Any]:
    columns = {name: values for name, values in vars(part.columns).items() if values is not None}
    if part.exact:
        columns = {name: columns[name] for name in _OF_POINTS if name in columns}
    for name in _MAY_BE_ZERO:
        if name in columns and not any(columns[name]):
            del columns[name]
    if columns["epoch"].count(None) == len(columns["epoch"]):
        del columns["epoch"]
    if wanted is not None:
        needed = {"step", "last"} if part.exact else {"step"}
        columns = {name: values for name, values in columns.items() if name in wanted or name in needed}
    for name in ("first", "last"):  # the others are finite or null
        if name in columns and not math.isfinite(sum(columns[name])):
            columns[name] = [encode_number(value) for value in columns[name]]
    plain = ("run_id", "rank", "split", "name", "kind", "exact", "count", "cursor")
    return {**{name: getattr(part, name) for name in plain}, "columns": columns}
