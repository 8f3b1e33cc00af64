"""Writes the pages of the reference that the code knows best: `python docs/make_reference.py`.

The tests fail while a page is not what this would write.
"""

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import orjson

from prevue.cli import cli
from prevue_core import hookspecs, method_checks
from prevue_core.api.app import create_app
from prevue_core.db import models
from prevue_core.manager import plugins, refuse
from prevue_core.result_kinds import KINDS
from prevue_core.settings import server_settings

FOLDER = Path(__file__).parent / "reference"


def pages() -> dict[str, str]:
    """Return the text of each page by its file name."""
    app = create_app(server_settings(environ={}))
    document = app.extensions["flask-smorest"]["apis"][""]["ext_obj"].spec.to_dict()
    return {
        "openapi.json": orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode(),
        "http-api.md": http_api(document),
        "commands.md": commands(),
        "storage.md": storage(),
        "results.md": results(),
        "hooks.md": hooks(),
        "checks.md": checks(),
    }


def http_api(document: dict[str, Any]) -> str:
    rows = [
        f"| `{method.upper()} {path}` | {operation['summary']} |"
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        if method != "parameters"
    ]
    return f"""\
# HTTP API

{document["info"]["description"].strip()}

A running backend shows every operation, with its arguments and answers, on its page `/api/docs/`, which works without
internet. The same as an OpenAPI 3 document: `/api/openapi.json`, and [openapi.json](openapi.json) beside this page.

| operation | what it does |
|---|---|
{chr(10).join(rows)}

An error has the fields `type`, `title`, `status`, `detail` and `request_id` (RFC 9457). These types steer a writer:

| status | type | what a writer does |
|---|---|---|
| 409 | `urn:prevue:problem:sequence-gap` | goes on with the number in `expected` |
| 400 | `urn:prevue:problem:record-refused` | finds the record by halving the batch, and sends a `gap` in its place |
| 410 | `urn:prevue:problem:run-deleted` | drops the run's records |
| any other | | keeps the records and tries again |
"""


def commands() -> str:
    plugins(refuse).hook.prevue_register_commands(cli=cli)
    parts = ["# Commands\n"]
    root = click.Context(cli, info_name="prevue", max_content_width=100, terminal_width=100, **cli.context_settings)
    for context in _walk(root):
        parts.append(f"## `{context.command_path}`\n\n```text\n{context.get_help()}\n```\n")
    return "\n".join(parts)


def _walk(context: click.Context) -> Iterator[click.Context]:
    yield context
    if isinstance(context.command, click.Group):
        for name, command in sorted(context.command.commands.items()):
            yield from _walk(click.Context(command, info_name=name, parent=context, **command.context_settings))


def storage() -> str:
    parts = [
        "# Storage\n",
        f"{inspect.getdoc(models)}\n",
        "Names and columns are the same on SQLite and PostgreSQL. A column that may be NULL is marked `?`.\n",
    ]
    for table in models.TABLES:
        comments = dict(re.findall(r"^    (\w+) = .*?\)  # (.+)$", inspect.getsource(table), re.MULTILINE))
        parts.append(f"## `{table._meta.table_name}`\n\n{inspect.getdoc(table)}\n\n| column | type | |\n|---|---|---|")
        for field in table._meta.sorted_fields:
            kind = (field.rel_field if hasattr(field, "rel_field") else field).field_type.lower()
            refers = f"of `{field.rel_model._meta.table_name}`" if hasattr(field, "rel_model") else ""
            parts.append(
                f"| `{field.column_name}`{'?' if field.null else ''} | {_TYPES.get(kind, kind)} "
                f"| {comments.get(field.name, refers)} |"
            )
        parts.append("")
    return "\n".join([*parts, _VIEWS])


_VIEWS = """\
# Views

Views are for reading with other tools: names instead of numbers, and the rules of reading applied. They leave out what
lies in the trash. `project_name` is the project's, `username` the name of the user who started the run.

## `v_runs`

A run.

| column | |
|---|---|
| `run_id`, `run_name` | |
| `project_id`, `project_name`, `owner` | `owner`: the project's user |
| `username` | |
| `model_id`?, `model_name`?, `connector_name`? | NULL: none was described |
| `state` | running, finished or failed, and `lost` where a running run was not heard of for two minutes |
| `config`, `tags` | JSON |
| `notes`, `run_group`? | |
| `started_at`, `heard_at`, `finished_at`? | UTC |
| `duration_s` | seconds until its end, or until it was last heard of |
| `archived_at`? | |

## `v_series`

All values of one name in one split and rank of a run, summed up.

| column | |
|---|---|
| `run_id`, `run_name`, `project_id`, `project_name`, `username` | |
| `rank`, `split`, `name`, `kind` | `kind`: loss or metric |
| `count` | steps with a value |
| `nan_count`, `inf_count`, `ninf_count` | of them not finite |
| `first_step`, `first_value`?, `last_step`, `last_value`? | a NaN is NULL on SQLite |
| `low_step`?, `low_value`?, `high_step`?, `high_value`? | of finite values; NULL: there is none |

## `v_points`

A point: one value at one step. Of equal steps of a series only the row that counts is there, which is the later one.
With `run_id` in the condition it is read by the index, with any other condition row by row.

| column | |
|---|---|
| `run_id`, `run_name`, `project_id`, `project_name`, `username` | |
| `rank`, `split`, `name`, `kind` | `kind`: loss or metric |
| `step`, `epoch`?, `batch`? | |
| `value`? | SQLite has no NaN, and shows NULL |
| `is_nan` | true, on SQLite 1, where the value is NaN: `WHERE NOT is_nan` means the same on both |
| `timestamp` | UTC, by the writer's clock |
| `metric_id` | of the row in `metrics` |
"""

_TYPES = {"auto": "integer", "bigauto": "big integer", "bigint": "big integer", "int": "integer", "bool": "boolean"}


def results() -> str:
    parts = [_RESULTS]
    for name, kind in KINDS.items():
        rows = [f"| `{field}`{'' if one.is_needed else '?'} | {one.about} |" for field, one in kind.fields.items()]
        parts.append(f"## `{name}`\n\n{kind.about}.\n\n| field | |\n|---|---|\n" + "\n".join(rows) + "\n")
    return "\n".join(parts)


_RESULTS = """\
# Results

What runs log beside numbers ([how](../how-to/log-more-than-numbers.md)). A result has a kind, and the kind is the whole
contract between who computes it and who draws it: the fields of its payload, `?` marks those that may be missing. NaN
and infinities are the texts `NaN`, `Infinity` and `-Infinity`. A result that does not fit its kind is rejected by
itself, with the reason; what comes with it is stored.

A plugin may have kinds of its own, with a dot in the name (`prevue_keras.attention`): any JSON object that fits a
record of 1 000 000 bytes, nested at most 20 deep. They are stored as they are, for the plugin's own panel.
"""


def checks() -> str:
    parts = [
        f"## {check.title}\n\n`{check.code}`, of a {check.of}\n\n{check.about}\n" for check in method_checks.checks()
    ]
    return "\n".join([_CHECKS, *parts])


_CHECKS = """\
# Method checks

What Prevue looks at in each run and each evaluation. `prevue checks RUN` prints what they say, with the numbers they
saw; over HTTP it is at `/api/v1/runs/<run_id>/checks` and `/api/v1/runs/<run_id>/evaluations/<evaluation_id>/checks`,
in Python `prevue.Api().checks(run_id)`. A check that speaks is a hint: where it is wrong about a run or a project,
silence it there by its code, `prevue checks RUN --silence overfit --in-project`.

Curves are those of the first process, and of a long one means of neighbours, at most 500. The loss of a split is the
series `loss`, otherwise the loss with the shortest name. `prevue-sklearn` brings `prevue_sklearn.grid_edge`, for
searches; a plugin of your own does it with the hook [prevue_register_checks](hooks.md). A backend has this page, with
the checks of its plugins, at `/api/checks`, without internet.
"""


def hooks() -> str:
    parts = [_HOOKS]
    for name in sorted(vars(hookspecs)):
        if name.startswith("prevue_"):
            hook = getattr(hookspecs, name)
            signature = re.sub(r"(typing\.)|(prevue_core\.\w+\.)", "", str(inspect.signature(hook)))
            parts.append(f"## `{name}`\n\n```text\n{name}{signature}\n```\n\n{inspect.getdoc(hook)}\n")
    return "\n".join(parts)


_HOOKS = """\
# Hooks

A hook is a function that a plugin may have and that Prevue calls. A plugin is a pip package; its entry points say what
Prevue finds in it. [How to write a plugin](../how-to/write-a-plugin.md) makes one step by step.

| group of entry points | name | leads to | used |
|---|---|---|---|
| `prevue` | any | a module with hooks | by every command `prevue`, and by a training when it describes a model |
| `prevue.connectors` | `Prevue...`, a class's | the class | when someone imports the name from `prevue` |
| `prevue.demos` | a framework's | a function `main(url, *, uid=None, once=False)` | by `prevue demo --framework NAME` |

```toml
[project.entry-points.prevue]
mine = "my_plugin"
```

Functions in the module `my_plugin` that carry `hookimpl` and a hook's name are called when the hook is. They may leave
out arguments that they don't need. The module is imported where any hook is called, in trainings of other frameworks
too, so it imports what is heavy inside its functions.

A module that cannot be imported, a function with `hookimpl` whose name is no hook's, and an argument that the hook has
not: each ends every command `prevue` with exit code 1 and one line that names the plugin, and costs a training one
warning. `PREVUE_PLUGINS` says which plugins are loaded, `PREVUE_TRACE_PLUGINS=1` prints each call.

Real ones: `prevue_keras/plugin.py`, `prevue_torch/plugin.py` and `prevue_sklearn/plugin.py` describe models;
`prevue_core/plugin.py` and `frontend_bokeh/plugin.py` add commands; the first
[posts](../how-to/get-alerts.md) events of runs to a webhook; `frontend_bokeh/plugin.py` and `prevue_sklearn/plugin.py`
register panels, see [how to write one](../how-to/write-a-panel.md);
`prevue_core/plugin.py` and `prevue_sklearn/plugin.py` register checks.
"""


if __name__ == "__main__":
    for name, text in pages().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
