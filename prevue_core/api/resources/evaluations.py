"""Evaluations: tests of models, and all that their predictions say."""

import uuid
from typing import Any

import flask
import marshmallow as ma
from werkzeug.exceptions import NotFound

from prevue_core.api import derived
from prevue_core.api.blueprint import Blueprint, identity
from prevue_core.api.fields import PageArguments, TimeField, has_no_nul, json_response, page_of
from prevue_core.contract import MAX_INT64
from prevue_core.db.accounts import READ
from prevue_core.db.queries import evaluations as queries
from prevue_core.db.queries.pages import MAX_PAGE, Page, Row
from prevue_core.errors import InvalidValue
from prevue_core.evaluation import curves, mistakes
from prevue_core.evaluation.report import costs, first_label
from prevue_core.evaluation.thresholds import Prices

blueprint = Blueprint("evaluations", __name__, description="Tests of models, and what their predictions say")

_ONE = f"/runs/<uuid:run_id>/evaluations/<int(max={MAX_INT64}):evaluation_id>"
_MOST_LABELS = 100  # whose curves are asked for at once
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
    bins = ma.fields.Integer(
        load_default=10, validate=ma.validate.Range(2, 100), metadata={"description": "of the calibration"}
    )
    normalise = ma.fields.String(
        load_default=None,
        validate=ma.validate.OneOf(("true", "predicted", "all")),
        metadata={
            "description": "the matrix has shares: of each true class (rows sum to 1), of each predicted one (columns) "
            "or of all samples; otherwise weights of samples"
        },
    )


class ReportSchema(ma.Schema):
    scores = ma.fields.Dict(required=True, metadata={"description": "numbers by name; null: not defined"})
    matrix = ma.fields.Raw(
        allow_none=True,
        metadata={
            "description": "by true (rows) and predicted class; a 2 x 2 for each of several labels; null: more than "
            "1 000 classes"
        },
    )
    confusions = ma.fields.List(
        ma.fields.Dict(),
        allow_none=True,
        metadata={
            "description": "up to 50 cells off the diagonal, the heaviest first: target and prediction (numbers of "
            "classes), weight, and share of the true class; null: several labels at once"
        },
    )
    classes = ma.fields.List(ma.fields.Dict(), metadata={"description": "precision, recall, f and areas of each class"})
    top_k = ma.fields.List(
        ma.fields.Float(),
        allow_none=True,
        metadata={"description": "accuracy among the 1, 2 ... 10 highest scores; null: not several classes' scores"},
    )
    label = ma.fields.Integer(metadata={"description": "the class of the following"})
    roc = ma.fields.Dict(allow_none=True, metadata={"description": "x, y, threshold; thinned by half a pixel"})
    precision_recall = ma.fields.Dict(allow_none=True, metadata={"description": "the corners of its steps"})
    sweep = ma.fields.Dict(allow_none=True, metadata={"description": "the four counts at up to 1 001 thresholds"})
    histogram = ma.fields.Dict(metadata={"description": "of the scores, or of the errors of a regression"})
    calibration = ma.fields.Dict(allow_none=True, metadata={"description": "bins of equal width, and of equal count"})
    quantiles = ma.fields.List(ma.fields.Float(), metadata={"description": "0 to 100% of the errors of a regression"})
    errors_by = ma.fields.Dict(metadata={"description": "boxes of errors by target, prediction and each feature"})
    points = ma.fields.Dict(metadata={"description": "target and prediction of the worst and of some others"})


class CurvesArguments(ma.Schema):
    label = ma.fields.List(
        ma.fields.Integer(validate=ma.validate.Range(0)),
        load_default=(),
        validate=ma.validate.Length(max=_MOST_LABELS),
        metadata={"description": "number of a class whose curves are wanted, too; repeat it for several"},
    )


class CurveSchema(ma.Schema):
    of = ma.fields.String(
        required=True,
        validate=ma.validate.OneOf((curves.MICRO, curves.MACRO, curves.LABEL)),
        metadata={
            "description": "micro: every pair of a sample and a class ranked at once; macro: the mean of the classes' "
            "curves; label: one class against the rest"
        },
    )
    label = ma.fields.Integer(required=True, allow_none=True, metadata={"description": "number of the class"})
    roc = ma.fields.Dict(required=True, allow_none=True, metadata={"description": "x, y, threshold, points"})
    precision_recall = ma.fields.Dict(required=True, allow_none=True, metadata={"description": "the same"})
    roc_auc = ma.fields.Float(required=True, allow_none=True, metadata={"description": "from all samples"})
    average_precision = ma.fields.Float(required=True, allow_none=True)


class CurvesSchema(ma.Schema):
    curves = ma.fields.List(ma.fields.Nested(CurveSchema), required=True)


class CostsArguments(ma.Schema):
    label = ma.fields.Integer(
        load_default=None,
        validate=ma.validate.Range(0),
        metadata={"description": "number of the class that is told from the rest; the positive, else the first"},
    )
    true_positive = ma.fields.Float(load_default=0.0, metadata={"description": "what one costs; below 0 it earns"})
    false_positive = ma.fields.Float(load_default=1.0)
    false_negative = ma.fields.Float(load_default=1.0)
    true_negative = ma.fields.Float(load_default=0.0)


class CostsSchema(ma.Schema):
    label = ma.fields.Integer(required=True)
    threshold = ma.fields.List(
        ma.fields.Float(allow_none=True), required=True, metadata={"description": "falling; null: nothing is predicted"}
    )
    cost = ma.fields.List(ma.fields.Float(), required=True, metadata={"description": "of a sample, on average"})
    best = ma.fields.Dict(
        required=True, metadata={"description": "of all thresholds that of the lowest cost: threshold, cost, counts"}
    )


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
    return derived.evaluation(run_id, evaluation_id)


@blueprint.route(f"{_ONE}/report", action=READ)
@blueprint.arguments(ReportArguments, location="query", as_kwargs=True)
@blueprint.response(200, ReportSchema)
def get_report(run_id: uuid.UUID, evaluation_id: int, **asked: Any) -> flask.Response:
    """Get what the predictions say

    Scores, matrix, curves, calibration and what else the task has, worked out from all samples that have come.
    """
    row = derived.evaluation(run_id, evaluation_id)
    _check_labels(row, [] if asked["label"] is None else [asked["label"]])
    return json_response(derived.report_of(str(run_id), evaluation_id, row["received_count"], **asked))


@blueprint.route(f"{_ONE}/curves", action=READ)
@blueprint.arguments(CurvesArguments, location="query", as_kwargs=True)
@blueprint.response(200, CurvesSchema)
def list_curves(run_id: uuid.UUID, evaluation_id: int, label: list[int]) -> flask.Response:
    """List ROC and precision-recall curves

    Of several classes the means first, micro and macro, then one for each `label` asked for. None without scores.
    """
    row = derived.evaluation(run_id, evaluation_id)
    _check_labels(row, label)
    found = derived.curves_of(str(run_id), evaluation_id, row["received_count"], tuple(label))
    return json_response({"curves": found})


@blueprint.route(f"{_ONE}/costs", action=READ)
@blueprint.arguments(CostsArguments, location="query", as_kwargs=True)
@blueprint.response(200, CostsSchema)
def get_costs(run_id: uuid.UUID, evaluation_id: int, label: int | None, **prices: float) -> flask.Response:
    """Get what each threshold costs

    The mean cost of a sample, from what each of the four outcomes costs, and the threshold at which it is lowest.
    """
    row = derived.evaluation(run_id, evaluation_id)
    _check_labels(row, [] if label is None else [label])
    samples = derived.samples(str(run_id), evaluation_id)
    found = costs(samples, first_label(samples) if label is None else label, Prices(**prices))
    if found is None:
        raise InvalidValue("the evaluation has no scores of every class, so no threshold; log y_score")
    return json_response(found)


@blueprint.route(f"{_ONE}/intervals", action=READ)
@blueprint.arguments(BetaArguments, location="query", as_kwargs=True)
@blueprint.response(200, IntervalsSchema)
def get_intervals(run_id: uuid.UUID, evaluation_id: int, beta: float) -> flask.Response:
    """Get the 95% intervals of the scores

    By bootstrap: what they might have been on another set of as many samples.
    """
    row = derived.evaluation(run_id, evaluation_id)
    return json_response({"intervals": derived.intervals_of(str(run_id), evaluation_id, row["received_count"], beta)})


@blueprint.route(f"{_ONE}/slices", action=READ)
@blueprint.arguments(BetaArguments, location="query", as_kwargs=True)
@blueprint.response(200, SlicesSchema)
def list_slices(run_id: uuid.UUID, evaluation_id: int, beta: float) -> flask.Response:
    """List the scores of each group of samples

    The largest groups of each slice first: at most 200 of all slices together, or two of each. The more there are, the
    fewer repeats their intervals have.
    """
    row = derived.evaluation(run_id, evaluation_id)
    return json_response({"slices": derived.slices_of(str(run_id), evaluation_id, row["received_count"], beta)})


@blueprint.route(f"{_ONE}/samples", action=READ)
@blueprint.arguments(SamplesArguments, location="query", as_kwargs=True)
@blueprint.response(200, SamplesSchema)
def list_samples(
    run_id: uuid.UUID, evaluation_id: int, order: mistakes.Order, offset: int, limit: int, **wanted: Any
) -> flask.Response:
    """List samples

    Those of a cell of the matrix or of a slice, in an order such as the worst first.
    """
    row = derived.evaluation(run_id, evaluation_id)
    classes = [wanted[name] for name in ("target", "prediction") if wanted[name] is not None]
    _check_labels(row, [max(label, -1 - label) for label in classes])
    samples = derived.samples(str(run_id), evaluation_id)
    if (name := wanted["slice_name"]) is not None and name not in samples.slices:
        raise InvalidValue(f"slice {name!r} is not known; use {', '.join(samples.slices) or 'none: there is no slice'}")
    places = mistakes.chosen(samples, **wanted)
    shown = mistakes.ordered(samples, places, order, offset + limit)[offset:]
    rows = derived.sample_rows(str(run_id), evaluation_id, samples, shown)
    return json_response({"items": rows, "total": len(places), "slices": mistakes.slice_counts(samples, places)})


def _check_labels(row: Row, labels: list[int]) -> None:
    for label in labels:
        if label >= len(row["labels"]):
            known = f"0 to {len(row['labels']) - 1}" if row["labels"] else "none: a regression has no classes"
            raise InvalidValue(f"label {label} is no class; use {known}")
