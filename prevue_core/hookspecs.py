"""The hooks that a plugin may implement. Each says when it is called and what it returns; none has logic here.

The docstrings are Markdown: the reference page of the hooks is made of them.
"""

from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    import click

    from prevue_core.checks import Check

hookspec = pluggy.HookspecMarker("prevue")
hookimpl = pluggy.HookimplMarker("prevue")


@hookspec(firstresult=True)
def prevue_describe_model(model: Any) -> dict[str, Any] | None:
    """Describe a framework's model: its layers, their shapes and parameters.

    **Called** by `Run.describe(model)`, and so by every connector, in the training process. Plugins are asked one after
    the other; the first answer that is not None counts.

    **Returns** None for a model that is not of the plugin's framework. Otherwise a dict that is JSON all through:

    | key | value |
    |---|---|
    | `name` | the model's name, text |
    | `framework` | the framework's, such as `keras` |
    | `layers` | list of dicts with `name`, `type`, `output_shape`, `parameters` and `trainable_parameters` |
    | `parameters`, `trainable_parameters` | int, each shared parameter counted once |
    | `edges` | may be left out: list of pairs `[from, to]`, places in `layers`, of what flows from which to which |
    | `why_no_edges` | text, where that is not known |
    | `layers_left_out` | int, where there are more layers than the 2,000 that are listed; without `edges` then |

    An `output_shape` is a list of int or None (any size), such as `[None, 32]`, or None where it is not known. A layer
    may also have `activation` and `details`, text. More keys are kept as they are. The same name with the same
    description is the same model, so leave out what changes from one training to the next.

    **Imports** nothing heavy to find out whose model it is: it is asked in trainings of other frameworks, too. While
    the framework is not in `sys.modules`, the model is not one of its own.

    **Errors**: whatever it raises costs one warning and this run's description; training goes on.

    ```python
    import sys

    from prevue_core.hookspecs import hookimpl


    @hookimpl
    def prevue_describe_model(model):
        framework = sys.modules.get("my_framework")
        if framework is None or not isinstance(model, framework.Model):
            return None
        sizes = {"parameters": model.size, "trainable_parameters": model.size}
        layer = {"name": "all", "type": "Dense", "output_shape": [None, 10], **sizes}
        return {"name": "my-model", "framework": "my-framework", "layers": [layer], **sizes}
    ```
    """


@hookspec
def prevue_register_commands(cli: "click.Group") -> None:
    """Add commands to the command line `prevue`.

    **Called** once in each process of the command `prevue`, before it reads its arguments; never in a training.
    `cli` is the group that the commands join: `cli.add_command(command)`. Of two commands with one name either may win,
    so take a name that is free.

    **Returns** nothing.

    **Imports** what it likes inside the function. Every command pays for that, `prevue --help` too, so a command
    imports what is heavy when it is run.

    **Errors**: whatever it raises ends `prevue` with a traceback, whichever command was meant. A command itself raises
    `click.ClickException`, or lets a `PrevueError` pass, to end with `Error: ...` and exit code 1.

    ```python
    from prevue_core.hookspecs import hookimpl


    @hookimpl
    def prevue_register_commands(cli):
        import click

        @cli.command()
        def hello():
            click.echo("hello")
    ```
    """


@hookspec
def prevue_run_event(event: dict[str, Any]) -> None:
    """Hear what happens to runs: a new state, or an alert.

    **Called** in the backend, once for each event, after it is committed and in order, from a thread of its own; never
    for points, and never in a training. What happened while no backend ran, or in the moment in which one was killed,
    is not told later; `GET /api/v1/events` has all alerts.

    `event` is JSON all through:

    | key | value |
    |---|---|
    | `kind` | `running` (it begins, goes on, or is heard of again), `finished`, `failed`, `lost` or `alert` |
    | `time` | UNIX seconds |
    | `run` | a dict: `run_id`, `run_name`, `project` (`owner/name`), `user`, `state`, `started_at`, `url` (or None) |
    | `step` | of an alert, or None |
    | `level` | of an alert: `info`, `warn` or `error`; else None |
    | `cause` | of an alert that the server raised: `non_finite`, `diverged` or `stalled`; else None |
    | `message` | the text of the alert, or why the run failed; may be empty |
    | `text` | all of it as one line for people |

    **Returns** nothing.

    **Imports** what it likes inside the function. The next event waits for it, ingest does not; what takes long belongs
    into a thread of the plugin's.

    **Errors**: whatever it raises costs a line in the backend's log; other plugins hear the event all the same.

    ```python
    from prevue_core.hookspecs import hookimpl


    @hookimpl
    def prevue_run_event(event):
        if event["kind"] == "alert" and event["level"] == "error":
            print(event["text"])
    ```
    """


@hookspec
def prevue_register_panels() -> list[Any]:  # type: ignore[empty-body]
    """Draw results of a kind on the page of a run.

    **Called** once when the dashboard starts, and by `prevue report`; never in a training.

    **Returns** a list of `frontend_bokeh.panel.Panel`. Each has the `kind` of results that it draws, a `title`, and
    `build`, a function from a result's payload to a figure of Bokeh, or to a `Table`, `Text`, `Image` or `Tree` of that
    module. A panel with a `name`, a regular expression, draws the results with such a name only. Where several fit, one
    with a name counts most, then a plugin's: it may draw a kind of Prevue's own better.

    **Imports** what it likes inside the function; Bokeh is there.

    **Errors**: whatever the hook raises, and two plugins with panels for the same results, keep the dashboard from
    starting, with the distribution's name and the cause. What `build` raises is shown in the result's box, and the
    page goes on.

    ```python
    from prevue_core.hookspecs import hookimpl


    @hookimpl
    def prevue_register_panels():
        from frontend_bokeh.panel import Panel, Table

        def build(payload):
            return Table({"word": payload["words"], "length": [len(word) for word in payload["words"]]})

        return [Panel("my_plugin.words", "words", build)]
    ```
    """


@hookspec
def prevue_register_checks() -> "list[Check]":  # type: ignore[empty-body]
    """Look whether a training or a test was done well.

    **Called** once in a backend, before it first looks at a run; never in a training.

    **Returns** a list of `prevue_core.checks.Check`. Each has a `code` by which it is silenced, with a dot behind the
    plugin's name, a `title`, `about` (Markdown: when it speaks, where its thresholds come from, and what to do) and
    `look`, a function from facts to one paragraph with the numbers of this run, or to None where there is nothing to
    say. A check of a run gets `RunFacts`: `run`, `series()`, `curve(name, split)` and `table(name)`; one with
    `of="evaluation"` gets `EvaluationFacts`: `evaluation`, `samples`, `sample_ids`, `scores()` and `intervals()`.
    Facts are read when they are asked for.

    **Imports** what it likes inside the functions; NumPy is there, the plugin's framework may not be.

    **Errors**: what the hook raises, or `look`, costs a line that says so in the place of those checks. A code that is
    taken already does the same.

    ```python
    from prevue_core.hookspecs import hookimpl


    @hookimpl
    def prevue_register_checks():
        from prevue_core.checks import Check

        def look(facts):
            loss = facts.curve("loss")
            if loss is None or len(loss) > 2:
                return None
            return f"The loss was logged {len(loss)} times: too few to see how the training went."

        about = "Speaks where the training loss has fewer than three points. Log it at each epoch."
        return [Check("my_plugin.few_points", "Hardly a curve", about, look)]
    ```
    """
