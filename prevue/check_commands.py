"""The command `prevue checks`: what looks wrong with how a run was trained and tested."""

import json
import textwrap
from typing import Any

import click

from prevue.account_commands import json_option, url_option
from prevue.api import Api
from prevue_core.examples import examples

FAILED, FOUND = 1, 3  # exit codes; 2 is that of a wrong call
_WIDTH = 100


@click.command(
    epilog=examples("prevue checks 019ab1c2-...", "prevue checks 019ab1c2-... --silence overfit --in-project")
)
@click.argument("run_id", type=click.UUID, metavar="RUN")
@click.option(
    "--silence",
    multiple=True,
    metavar="CODE",
    help="Hear no more of this check, or of alerts such as alert.stalled; repeat it for several.",
)
@click.option("--hear", multiple=True, metavar="CODE", help="Let it speak again.")
@click.option("--in-project", is_flag=True, help="Silence in all runs of the project, not in this run.")
@url_option
@json_option
def checks(
    run_id: Any, silence: tuple[str, ...], hear: tuple[str, ...], in_project: bool, url: str | None, as_json: bool
) -> None:
    """Say what looks wrong with how RUN was trained, and with the last evaluation of each name.

    Exits with 3 where a check found something, so that a script may stop there; with 1 where they could not be had, or
    nothing was found but a check itself failed.
    """
    if in_project and not (silence or hear):
        raise click.UsageError("--in-project says where to --silence or to --hear; give one of these, too")
    with Api(url) as api:
        if silence or hear:
            run = api.run(str(run_id))
            place: dict[str, Any] = {"project_id": run.project_id} if in_project else {"run_id": run.run_id}
            api.silence_checks(silence, hear=hear, **place)
        lines = list(_lines(api, str(run_id)))
    if as_json:
        click.echo(json.dumps(lines))
    else:
        _show(lines, api.url)
    states = {line["state"] for line in lines}
    if states & {"found", "failed"}:
        raise SystemExit(FOUND if "found" in states else FAILED)


def _lines(api: Api, run_id: str) -> list[dict[str, Any]]:
    lines = [{**line, "evaluation_id": None, "evaluation": None} for line in api.checks(run_id)]
    seen = set()
    for row in api.evaluations(run_id):
        key = row["name"], row["split"]
        if key in seen or not row["received_count"]:
            continue
        seen.add(key)
        of = {"evaluation_id": row["evaluation_id"], "evaluation": row["name"]}
        lines += [{**line, **of} for line in api.checks(run_id, row["evaluation_id"])]
    return lines


def _show(lines: list[dict[str, Any]], url: str) -> None:
    for line in lines:
        if line["state"] in ("found", "failed"):
            of = f" in {line['evaluation']}" if line["evaluation"] else ""
            click.echo(f"{line['title']}{of} ({line['code']})")
            click.echo(textwrap.indent(textwrap.fill(line["why"], _WIDTH), "  "))
            click.echo(f"  {url.rstrip('/')}{line['page']}\n")
    counts = {
        state: sum(line["state"] == state for line in lines) for state in ("found", "quiet", "silenced", "failed")
    }
    click.echo(", ".join(f"{count} {state}" for state, count in counts.items() if count or state == "found"))
    silenced = {line["code"]: " and ".join(line["silenced_in"]) for line in lines if line["state"] == "silenced"}
    if silenced:
        click.echo(f"Silenced: {', '.join(f'{code} in the {where}' for code, where in silenced.items())}")
