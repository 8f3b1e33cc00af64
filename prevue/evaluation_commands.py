"""The command `prevue evaluate`: which of two models is better on the same test."""

import json
from typing import Any

import click

from prevue.account_commands import json_option, url_option
from prevue.api import Api
from prevue.run_commands import asking, find_project
from prevue_core.examples import examples

LEVEL = 0.05


@click.group()
def evaluate() -> None:
    """Compare what models came to in tests."""


@evaluate.command(
    epilog=examples(
        "prevue evaluate compare 019ab1c2-... 019ab1d7-...", "prevue evaluate compare RUN_A RUN_B --name holdout --json"
    )
)
@click.argument("run_a", type=click.UUID)
@click.argument("run_b", type=click.UUID)
@click.option("--name", help="Of the evaluations; otherwise the last of each run.")
@url_option
@json_option
def compare(run_a: Any, run_b: Any, name: str | None, url: str | None, as_json: bool) -> None:
    """Compare the evaluations of two runs on the same samples.

    Differences are RUN_B minus RUN_A, with paired 95% intervals. Samples are matched by their ids, or one by one.
    """
    with Api(url) as api:
        keys = [(str(run_id), _last(api, str(run_id), name)) for run_id in (run_a, run_b)]
        told = api.compare_evaluations(*keys)
    if as_json:
        click.echo(json.dumps(told))
        return
    click.echo(f"{told['samples']} samples, A = {run_a}, B = {run_b}\n")
    click.echo(f"{'':20} {'A':>10} {'B':>10} {'B - A':>10}  95% interval")
    for row in told["scores"]:
        click.echo(
            f"{row['name']:20} {_number(row['a'])} {_number(row['b'])} {_signed(row['difference'])}  {_told(row)}"
        )
    if "mcnemar" in told:
        agreed, test = told["agreement"], told["mcnemar"]
        click.echo(
            f"\nRight on {agreed['both']} both, on {agreed['only_a']} only A, on {agreed['only_b']} only B, on "
            f"{agreed['neither']} neither. {_verdict(test)}"
        )
    click.echo("With many scores or models compared, one interval in twenty misses 0 by chance.")


@evaluate.command(
    "compare-groups",
    epilog=examples(
        "prevue evaluate compare-groups digits small large",
        "prevue evaluate compare-groups alice/digits small large --name holdout --json",
    ),
)
@click.argument("project")
@click.argument("group_a")
@click.argument("group_b")
@click.option("--name", default="test", show_default=True, help="Of the evaluations.")
@click.option("--split", default="test", show_default=True, help="Of the evaluations.")
@url_option
@json_option
def compare_groups(
    project: str, group_a: str, group_b: str, name: str, split: str, url: str | None, as_json: bool
) -> None:
    """Compare two groups of runs that differ in their seeds.

    Differences are the mean of GROUP_B minus that of GROUP_A, with Welch's 95% intervals. PROJECT is a name, or another
    user's as alice/digits; a run's group is what init(group=...) said.
    """
    with asking(url) as transport:
        of = {"group_a": group_a, "group_b": group_b, "name": name, "split": split}
        project_id = find_project(transport, project)
        told = transport.get("/api/v1/evaluations/compare-groups", {"project_id": project_id, **of})
    if as_json:
        click.echo(json.dumps(told))
        return
    click.echo(f"A = {group_a}, {len(told['runs_a'])} runs; B = {group_b}, {len(told['runs_b'])} runs\n")
    click.echo(f"{'':20} {'A':>10} {'+-':>10} {'B':>10} {'+-':>10} {'B - A':>10}  95% interval")
    for row in told["scores"]:
        both = (_number(row[f"{what}_{group}"]) for group in "ab" for what in ("mean", "spread"))
        click.echo(f"{row['name']:20} {' '.join(both)} {_signed(row['difference'])}  {_told(row)}")
    click.echo(
        "+- is the standard deviation over the runs of a group. Of many scores one in twenty misses 0 by chance."
    )
    if left_out := told["left_out"]:
        click.echo(f"Left out, as samples are missing or there are too many: {', '.join(left_out)}")


def _last(api: Api, run_id: str, name: str | None) -> int:
    """Return the number of the last evaluation that is whole; a training that was killed may leave part of one."""
    found = api.evaluations(run_id, name=name)
    whole = [row for row in found if row["received_count"] == row["stored_count"]]
    if not whole:
        which = "no evaluation" if name is None else f"no evaluation {name!r}"
        which += f" that is whole, but {len(found)} of which samples are missing" if found else ""
        raise click.ClickException(f"run {run_id} has {which}; log one with run.log_evaluation(y_true, y_pred)")
    number: int = whole[0]["evaluation_id"]
    return number


def _number(value: float | None) -> str:
    return f"{'-':>10}" if value is None else f"{value:10.4f}"


def _signed(value: float | None) -> str:
    return f"{'-':>10}" if value is None else f"{value:+10.4f}"


def _told(row: dict[str, Any]) -> str:
    interval = row["interval"]
    if interval is None or interval["low"] is None:
        is_still = row.get("spread_a") == row.get("spread_b") == 0
        return "no seed changed it, so nothing is known of chance" if is_still else ""
    word = "may be chance" if interval["low"] <= 0 <= interval["high"] else "more than chance"
    return f"{interval['low']:+.4f} to {interval['high']:+.4f}  {word}"


def _verdict(test: dict[str, Any]) -> str:
    """Say what McNemar's test means, in words."""
    share = f"McNemar p = {test['p_value']:.2g}{', exact' if test['exact'] else ''}"
    if test["p_value"] < LEVEL:
        return f"Were both equally good, so uneven a split would be rare ({share})."
    return f"Were both equally good, such a split would be nothing special ({share})."
