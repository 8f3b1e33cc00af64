"""Comparisons: two evaluations on the same samples, and two groups of runs that differ in their seeds."""

import uuid

import flask
import marshmallow as ma

from prevue_core.api import derived
from prevue_core.api.blueprint import Blueprint, found, identity
from prevue_core.api.fields import has_no_nul, is_int64, json_response
from prevue_core.api.resources.evaluations import BetaArguments
from prevue_core.contract import MAX_INT64
from prevue_core.db.accounts import READ
from prevue_core.db.queries import evaluations as queries
from prevue_core.db.queries import project
from prevue_core.db.queries.pages import MAX_PAGE, Row
from prevue_core.errors import InvalidValue
from prevue_core.evaluation import comparison, seeds

blueprint = Blueprint("comparisons", __name__, description="Which of two models, or recipes, is better")


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


class CompareGroupsArguments(BetaArguments):
    project_id = ma.fields.Integer(required=True, validate=is_int64)
    group_a = ma.fields.String(required=True, validate=has_no_nul, metadata={"description": "`run_group` of runs"})
    group_b = ma.fields.String(required=True, validate=has_no_nul)
    name = ma.fields.String(load_default="test", validate=has_no_nul, metadata={"description": "of the evaluations"})
    split = ma.fields.String(load_default="test", validate=has_no_nul)


class GroupsComparisonSchema(ma.Schema):
    runs_a = ma.fields.List(ma.fields.UUID(), required=True, metadata={"description": "that have the evaluation"})
    runs_b = ma.fields.List(ma.fields.UUID(), required=True)
    left_out = ma.fields.List(
        ma.fields.UUID(),
        required=True,
        metadata={"description": "runs of both groups whose evaluation has not come whole, or that are too many"},
    )
    scores = ma.fields.List(
        ma.fields.Dict(),
        required=True,
        metadata={
            "description": "name, mean_a, mean_b, spread_a and spread_b (standard deviations; null for one run), "
            "difference (b - a) and its interval: low, high, level; null where a group has one run, or where no seed "
            "changed the score"
        },
    )


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
    rows = derived.evaluation(run_a, evaluation_a), derived.evaluation(run_b, evaluation_b)
    a, b = (derived.Key(row["run_id"], row["evaluation_id"], row["received_count"]) for row in rows)
    told = derived.comparison_of(a, b, beta)
    if group is not None:
        told = {**told, "items": derived.samples_of_group(a, b, group, limit)}
    return json_response(told)


@blueprint.route("/evaluations/compare-groups", action=READ)
@blueprint.arguments(CompareGroupsArguments, location="query", as_kwargs=True)
@blueprint.response(200, GroupsComparisonSchema)
def compare_groups(project_id: int, group_a: str, group_b: str, name: str, split: str, beta: float) -> flask.Response:
    """Compare two groups of runs that differ in their seeds

    Of each run the last whole evaluation of the name counts, of the latest 100 runs and 5 000 000 samples of a group.
    Each score with its mean and spread in both groups, and Welch's 95% interval of the difference: what other seeds
    might have given.
    """
    found(project(identity(), project_id), f"project {project_id}")
    (rows_a, out_a), (rows_b, out_b) = (_of_group(project_id, group, name, split) for group in (group_a, group_b))
    if len({(row["task"], row["positive"], *row["labels"]) for row in (*rows_a, *rows_b)}) > 1:
        raise InvalidValue(
            f"the evaluations {name!r} have other tasks, labels or positive classes; give each test a name of its own"
        )
    runs_a, runs_b = ([row["run_id"] for row in rows] for rows in (rows_a, rows_b))
    told = seeds.compared(_scores(rows_a, beta), _scores(rows_b, beta))
    return json_response({"runs_a": runs_a, "runs_b": runs_b, "left_out": out_a + out_b, "scores": told})


def _of_group(project_id: int, group: str, name: str, split: str) -> tuple[list[Row], list[str]]:
    rows, left_out = queries.of_group(identity(), project_id, group, name, split)
    if left_out and not rows:
        raise InvalidValue(f"samples of the evaluations {name!r} of group {group!r} are missing, in all of its runs")
    if not rows:
        raise InvalidValue(
            f"no run of group {group!r} has an evaluation {name!r} of the split {split!r}; log it in each run of the "
            "group, or say which name and split it has"
        )
    return rows, left_out


def _scores(rows: list[Row], beta: float) -> list[Row]:
    return [derived.scores_of(row["run_id"], row["evaluation_id"], row["received_count"], beta) for row in rows]
