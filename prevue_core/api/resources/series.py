"""Series: the values of one name in one split of a run, in order of step."""

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


def _column(of: ma.fields.Field[Any], description: str) -> ma.fields.List[Any]:
    return ma.fields.List(of, required=True, metadata={"description": description})


class ColumnsSchema(ma.Schema):
    step = _column(ma.fields.Integer(), "of the bucket's last point")
    time = _column(ma.fields.Float(), "UNIX seconds, of the bucket's last point")
    epoch = _column(ma.fields.Integer(allow_none=True), "of the bucket's last point")
    first = _column(ma.fields.Raw(metadata=NUMBER), "value of the bucket's first point")
    last = _column(ma.fields.Raw(metadata=NUMBER), "value of the bucket's last point")
    mean = _column(ma.fields.Raw(metadata=NUMBER_OR_NULL), "of the bucket's finite values; null: it has none")
    low = _column(ma.fields.Raw(metadata=NUMBER_OR_NULL), "the smallest finite value")
    high = _column(ma.fields.Raw(metadata=NUMBER_OR_NULL), "the greatest finite value")
    count = _column(ma.fields.Integer(), "points in the bucket, non-finite ones included")
    nan_count = _column(ma.fields.Integer(), "NaN in the bucket")
    inf_count = _column(ma.fields.Integer(), "positive infinities in the bucket")
    ninf_count = _column(ma.fields.Integer(), "negative infinities in the bucket")


class SeriesSchema(ma.Schema):
    run_id = ma.fields.UUID(required=True)
    rank = ma.fields.Integer(required=True)
    split = ma.fields.String(required=True)
    name = ma.fields.String(required=True)
    kind = ma.fields.String(required=True, validate=ma.validate.OneOf(("loss", "metric")))
    exact = ma.fields.Boolean(required=True, metadata={"description": "the points themselves, not buckets of them"})
    count = ma.fields.Integer(required=True, metadata={"description": "points in the range"})
    cursor = ma.fields.Integer(required=True, metadata={"description": "grows with every row of the series"})
    columns = ma.fields.Nested(ColumnsSchema, required=True)


class SeriesAnswerSchema(ma.Schema):
    series = ma.fields.List(ma.fields.Nested(SeriesSchema), required=True)


class SeriesArguments(ma.Schema):
    run_id = ma.fields.List(
        ma.fields.UUID(),
        required=True,
        validate=ma.validate.Length(1, MAX_RUNS),
        metadata={"description": "repeat it for several runs"},
    )
    name = ma.fields.List(
        ma.fields.String(validate=has_no_nul), load_default=None, metadata={"description": "such as loss; none: all"}
    )
    split = ma.fields.List(
        ma.fields.String(validate=has_no_nul), load_default=None, metadata={"description": "such as val; none: all"}
    )
    low_step = ma.fields.Integer(load_default=None, validate=is_int64)
    high_step = ma.fields.Integer(load_default=None, validate=is_int64)
    budget = ma.fields.Integer(
        load_default=1_000,
        validate=ma.validate.Range(1, queries.MAX_BUDGET),
        metadata={"description": "points or buckets of each series at most"},
    )


@blueprint.route("/series", action=READ)
@blueprint.arguments(SeriesArguments, location="query", as_kwargs=True)
@blueprint.response(200, SeriesAnswerSchema)
def get_series(
    run_id: list[uuid.UUID], name: list[str] | None, split: list[str] | None, **range_and_budget: Any
) -> flask.Response:
    """Get series of runs as columns

    Many runs and names in one request. A series with at most `budget` points in the range comes as those points;
    a longer one as buckets of equally many steps, whose low and high are exact: no stored extreme is ever hidden,
    and the last point is always there. Of equal steps the value logged last counts.
    """
    found = queries.series(
        queries.runs_in_reach(identity(), [str(one) for one in run_id]), name, split, **range_and_budget
    )
    return json_response({"series": [_document(part) for part in found]})


def _document(part: queries.SeriesPart) -> dict[str, Any]:
    columns = {**vars(part.columns)}
    for name in ("first", "last"):  # the others are finite or null
        columns[name] = [encode_number(value) for value in columns[name]]
    return {**vars(part), "columns": columns}
