"""Evaluations: tests of models, and all that their predictions say."""

import uuid
from functools import lru_cache
from typing import Any

import flask
import marshmallow as ma
import numpy as np
from werkzeug.exceptions import NotFound

from prevue_core.api.blueprint import Blueprint, found, identity
from prevue_core.api.fields import PageArguments, TimeField, has_no_nul, json_response, page_of
from prevue_core.contract import MAX_INT64
from prevue_core.db.accounts import READ
from prevue_core.db.queries import evaluations as queries
from prevue_core.db.queries.pages import MAX_PAGE, Page, Row
from prevue_core.errors import InvalidValue
from prevue_core.evaluation import comparison, mistakes, report, scoring
from prevue_core.evaluation.samples import Samples

blueprint = Blueprint("evaluations", __name__, description="Tests of models, and what their predictions say")

_ONE = f"/runs/<uuid:run_id>/evaluations/<int(max={MAX_INT64}):evaluation_id>"
_MOST_PLACES = 1_000_000  # beyond which no page of samples begins


class EvaluationSchema(ma.Schema):
    evaluation_id = ma.fields.Integer(required=True)
    run_id = ma.fields.UUID(required=True)
    name = ma.fields.String(required=True)
    split = ma.fields.String(required=True)
    task = ma.fields.String(required=True, metadata={"description": "binary, multiclass, multilabel or regression"})
    step = ma.fields.Integer(required=True, allow_none=True)
    labels = ma.fields.List(ma.fields.String(), required=True, metadata={"description": "of the classes 0, 1, 2 ..."})
    positive = ma.fields.Integer(required=True, allow_none=True, metadata={"description": "class of a binary task"})
    score_type = ma.fields.String(
        required=True, allow_none=True, metadata={"description": "probability, logit or decision; null: no scores"}
    )
    score_count = ma.fields.Integer(required=True, metadata={"description": "scores of a sample"})
    slices = ma.fields.List(ma.fields.String(), required=True, metadata={"description": "names of groups of samples"})
    features = ma.fields.List(ma.fields.String(), required=True, metadata={"description": "names of their numbers"})
    sample_count = ma.fields.Integer(required=True, metadata={"description": "samples that were tested"})
    stored_count = ma.fields.Integer(
        required=True, metadata={"description": "how many are kept of them: of more than a million a stratified part"}
    )
    received_count = ma.fields.Integer(required=True, metadata={"description": "how many of those have come"})
    created_at = TimeField(required=True)


class EvaluationsArguments(PageArguments):
    name = ma.fields.String(load_default=None, validate=has_no_nul)
    split = ma.fields.String(load_default=None, validate=has_no_nul)


class BetaArguments(ma.Schema):
    beta = ma.fields.Float(
        load_default=1.0,
        validate=ma.validate.Range(0.01, 100),
        metadata={"description": "of F-beta: above 1 recall weighs more than precision"},
    )


class ReportArguments(BetaArguments):
    label = ma.fields.Integer(
        load_default=None,
        validate=ma.validate.Range(0),
        metadata={"description": "number of the class whose curves are wanted; the positive, else the first"},
    )
    bins = ma.fields.Integer(load_default=10, validate=ma.validate.Range(2, 100), metadata={"description": "of scores"})


class ReportSchema(ma.Schema):
    scores = ma.fields.Dict(required=True, metadata={"description": "numbers by name; null: not defined"})
    matrix = ma.fields.Raw(
        metadata={"description": "by true (rows) and predicted class; a 2 x 2 for each of several labels"}
    )
    classes = ma.fields.List(ma.fields.Dict(), metadata={"description": "precision, recall, f and areas of each class"})
    label = ma.fields.Integer(metadata={"description": "the class of the following"})
    roc = ma.fields.Dict(allow_none=True, metadata={"description": "x, y, threshold; thinned by half a pixel"})
    precision_recall = ma.fields.Dict(allow_none=True, metadata={"description": "the corners of its steps"})
    sweep = ma.fields.Dict(allow_none=True, metadata={"description": "the four counts at up to 1 001 thresholds"})
    histogram = ma.fields.Dict(metadata={"description": "of the scores, or of the errors of a regression"})
    calibration = ma.fields.Dict(allow_none=True, metadata={"description": "bins of equal width, and of equal count"})
    quantiles = ma.fields.List(ma.fields.Float(), metadata={"description": "0 to 100% of the errors of a regression"})
    errors_by = ma.fields.Dict(metadata={"description": "boxes of errors by target, prediction and each feature"})
    points = ma.fields.Dict(metadata={"description": "target and prediction of the worst and of some others"})


class IntervalsSchema(ma.Schema):
    intervals = ma.fields.Dict(required=True, metadata={"description": "by score: low, high, level and repeats"})


class SlicesSchema(ma.Schema):
    slices = ma.fields.List(
        ma.fields.Dict(), required=True, metadata={"description": "slice, value, samples, scores and their intervals"}
    )


class SamplesArguments(ma.Schema):
    order = ma.fields.String(
        load_default="logged",
        validate=ma.validate.OneOf(mistakes.ORDERS),
        metadata={"description": "worst: by the error; surest: wrong ones that the model was sure of first; unsure"},
    )
    target = ma.fields.Integer(
        load_default=None, metadata={"description": "number of the true class; -1 - number: any class but it"}
    )
    prediction = ma.fields.Integer(load_default=None, metadata={"description": "number of the predicted class"})
    is_wrong = ma.fields.Boolean(load_default=None)
    slice_name = ma.fields.String(load_default=None)
    slice_value = ma.fields.String(load_default=None)
    by = ma.fields.String(
        load_default=None,
        metadata={"description": "of what `low` <= value < `high`: score:LABEL, feature:NAME, error, target"},
    )
    low = ma.fields.Float(load_default=None)
    high = ma.fields.Float(load_default=None)
    offset = ma.fields.Integer(load_default=0, validate=ma.validate.Range(0, _MOST_PLACES))
    limit = ma.fields.Integer(load_default=100, validate=ma.validate.Range(1, MAX_PAGE))


class SampleSchema(ma.Schema):
    sample_no = ma.fields.Integer(required=True, metadata={"description": "0, 1, 2 ... in the order logged"})
    sample_id = ma.fields.String(required=True, allow_none=True)
    target = ma.fields.Raw(required=True, metadata={"description": "a label, a list of labels, or a number"})
    prediction = ma.fields.Raw(required=True)
    score = ma.fields.Float(required=True, allow_none=True, metadata={"description": "how sure the model was of it"})
    slices = ma.fields.List(ma.fields.String(), required=True)


class SamplesSchema(ma.Schema):
    items = ma.fields.List(ma.fields.Nested(SampleSchema), required=True)
    total = ma.fields.Integer(required=True, metadata={"description": "samples that fit, on all pages"})
    slices = ma.fields.List(
        ma.fields.Dict(), required=True, metadata={"description": "how many of those are in each group"}
    )


class CompareArguments(BetaArguments):
    run_a = ma.fields.UUID(required=True)
    evaluation_a = ma.fields.Integer(required=True, validate=ma.validate.Range(0, MAX_INT64))
    run_b = ma.fields.UUID(required=True)
    evaluation_b = ma.fields.Integer(required=True, validate=ma.validate.Range(0, MAX_INT64))
    group = ma.fields.String(
        load_default=None,
        validate=ma.validate.OneOf(comparison.GROUPS),
        metadata={"description": "whose samples to list: of those that both, only one or neither is right about"},
    )
    limit = ma.fields.Integer(load_default=100, validate=ma.validate.Range(1, MAX_PAGE))


class ComparisonSchema(ma.Schema):
    samples = ma.fields.Integer(required=True, metadata={"description": "that both have"})
    scores = ma.fields.List(
        ma.fields.Dict(), required=True, metadata={"description": "name, a, b, difference (b - a) and its interval"}
    )
    agreement = ma.fields.Dict(metadata={"description": "samples that both, only_a, only_b, neither are right about"})
    mcnemar = ma.fields.Dict(metadata={"description": "statistic, p_value, and whether it is exact"})
    items = ma.fields.List(ma.fields.Dict(), metadata={"description": "the samples of `group`"})


@blueprint.route("/runs/<uuid:run_id>/evaluations", action=READ)
@blueprint.arguments(EvaluationsArguments, location="query", as_kwargs=True)
@blueprint.response(200, page_of(EvaluationSchema))
def list_evaluations(run_id: uuid.UUID, **arguments: Any) -> Page:
    """List the evaluations of a run

    Those that came last first.
    """
    page = queries.evaluations(identity(), str(run_id), **arguments)
    if page is None:
        raise NotFound(f"run {run_id} does not exist")
    return page


@blueprint.route(_ONE, action=READ)
@blueprint.response(200, EvaluationSchema)
def get_evaluation(run_id: uuid.UUID, evaluation_id: int) -> Row:
    """Get one evaluation"""
    return _evaluation(run_id, evaluation_id)


@blueprint.route(f"{_ONE}/report", action=READ)
@blueprint.arguments(ReportArguments, location="query", as_kwargs=True)
@blueprint.response(200, ReportSchema)
def get_report(run_id: uuid.UUID, evaluation_id: int, label: int | None, beta: float, bins: int) -> flask.Response:
    """Get what the predictions say

    Scores, matrix, curves, calibration and what else the task has, worked out from all samples that have come.
    """
    row = _evaluation(run_id, evaluation_id)
    if label is not None and label >= len(row["labels"]):
        raise InvalidValue(f"label {label} is no class; use 0 to {len(row['labels']) - 1}")
    return json_response(_report(str(run_id), evaluation_id, row["received_count"], label, beta, bins))


@blueprint.route(f"{_ONE}/intervals", action=READ)
@blueprint.arguments(BetaArguments, location="query", as_kwargs=True)
@blueprint.response(200, IntervalsSchema)
def get_intervals(run_id: uuid.UUID, evaluation_id: int, beta: float) -> flask.Response:
    """Get the 95% intervals of the scores

    By bootstrap: what they might have been on another set of as many samples.
    """
    row = _evaluation(run_id, evaluation_id)
    return json_response({"intervals": _intervals(str(run_id), evaluation_id, row["received_count"], beta)})


@blueprint.route(f"{_ONE}/slices", action=READ)
@blueprint.arguments(BetaArguments, location="query", as_kwargs=True)
@blueprint.response(200, SlicesSchema)
def list_slices(run_id: uuid.UUID, evaluation_id: int, beta: float) -> flask.Response:
    """List the scores of each group of samples

    The largest groups of each slice first, at most 200.
    """
    row = _evaluation(run_id, evaluation_id)
    return json_response({"slices": _slices(str(run_id), evaluation_id, row["received_count"], beta)})


@blueprint.route(f"{_ONE}/samples", action=READ)
@blueprint.arguments(SamplesArguments, location="query", as_kwargs=True)
@blueprint.response(200, SamplesSchema)
def list_samples(
    run_id: uuid.UUID, evaluation_id: int, order: mistakes.Order, offset: int, limit: int, **wanted: Any
) -> flask.Response:
    """List samples

    Those of a cell of the matrix or of a slice, in an order such as the worst first.
    """
    _evaluation(run_id, evaluation_id)
    samples = _samples(str(run_id), evaluation_id)
    if (name := wanted["slice_name"]) is not None and name not in samples.slices:
        raise InvalidValue(f"slice {name!r} is not known; use {', '.join(samples.slices) or 'none: there is no slice'}")
    places = mistakes.ordered(samples, mistakes.chosen(samples, **wanted), order)
    rows = _sample_rows(str(run_id), evaluation_id, samples, places[offset : offset + limit])
    return json_response({"items": rows, "total": len(places), "slices": mistakes.slice_counts(samples, places)})


@blueprint.route("/evaluations/compare", action=READ)
@blueprint.arguments(CompareArguments, location="query", as_kwargs=True)
@blueprint.response(200, ComparisonSchema)
def compare_evaluations(
    run_a: uuid.UUID, evaluation_a: int, run_b: uuid.UUID, evaluation_b: int, beta: float, group: str | None, limit: int
) -> flask.Response:
    """Compare two evaluations on the same samples

    Each score of A and of B, their difference B - A with its paired bootstrap interval, and McNemar's test. Samples are
    matched by their ids; without these both need the same samples in the same order.
    """
    keys = (run_a, evaluation_a), (run_b, evaluation_b)
    for run_id, evaluation_id in keys:
        _evaluation(run_id, evaluation_id)
    all_a, all_b = (_samples(str(run_id), evaluation_id) for run_id, evaluation_id in keys)
    ids_a, ids_b = (queries.sample_ids(str(run_id), evaluation_id) for run_id, evaluation_id in keys)
    of_a, of_b = comparison.matched(all_a, all_b, ids_a, ids_b)
    a, b = all_a.only(of_a), all_b.only(of_b)
    told = comparison.compared(a, b, beta)
    if group is not None:
        chosen = comparison.of_group(a, b, group)[:limit]
        rows = _sample_rows(str(run_a), evaluation_a, all_a, of_a[chosen])
        others = _sample_rows(str(run_b), evaluation_b, all_b, of_b[chosen])
        told["items"] = [
            {**row, "prediction_b": other["prediction"], "score_b": other["score"]}
            for row, other in zip(rows, others, strict=True)
        ]
    return json_response(told)


def _evaluation(run_id: uuid.UUID, evaluation_id: int) -> Row:
    return found(queries.evaluation(identity(), str(run_id), evaluation_id), f"evaluation {evaluation_id}")


def _samples(run_id: str, evaluation_id: int) -> Samples:
    samples = queries.samples(run_id, evaluation_id)
    if len(samples) == 0:
        raise NotFound(f"no sample of evaluation {evaluation_id} has come yet")
    return samples


# Worked out once for an evaluation as it stands; who asks was let in before.


@lru_cache(64)
def _report(run_id: str, evaluation_id: int, received: int, label: int | None, beta: float, bins: int) -> Row:
    return report.report(_samples(run_id, evaluation_id), label, beta, bins)


@lru_cache(64)
def _intervals(run_id: str, evaluation_id: int, received: int, beta: float) -> Row:
    return scoring.intervals(_samples(run_id, evaluation_id), beta)


@lru_cache(64)
def _slices(run_id: str, evaluation_id: int, received: int, beta: float) -> list[Row]:
    return report.slices(_samples(run_id, evaluation_id), beta)


def _sample_rows(run_id: str, evaluation_id: int, samples: Samples, places: Any) -> list[Row]:
    numbers = places.tolist()
    stored, sure = queries.sample_rows(run_id, evaluation_id, numbers), mistakes.confidence(samples)
    return [
        {
            "sample_no": number,
            **stored[number],
            "target": _named(samples, samples.target[number]),
            "prediction": _named(samples, samples.prediction[number]),
            "score": None if samples.score_type is None else scoring.number(sure[number]),
        }
        for number in numbers
    ]


def _named(samples: Samples, value: Any) -> Any:
    if samples.task == "regression":
        return float(value)
    if samples.task == "multilabel":
        return [samples.labels[place] for place in np.flatnonzero(value)]
    return samples.labels[value]
