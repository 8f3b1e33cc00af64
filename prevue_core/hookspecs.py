"""The hooks that a plugin may implement. Each says when it is called and what it returns; none has logic here."""

from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    import click

hookspec = pluggy.HookspecMarker("prevue")
hookimpl = pluggy.HookimplMarker("prevue")


@hookspec(firstresult=True)
def prevue_describe_model(model: Any) -> dict[str, Any] | None:
    """Describe a framework's model. Called in the training process by `Run.describe`; the first answer wins.

    Return None for a model that is not of your framework, and find out without importing the framework: if it is
    not in `sys.modules`, the model is not one of its own.

    Return a dict otherwise, JSON all through:
    `name`: the model's name, text;
    `framework`: such as `keras`;
    `layers`: list of dicts with `name`, `type`, `output_shape` (list of int or None, None: any size; or None:
    not known), `parameters` and `trainable_parameters` (int);
    `parameters`, `trainable_parameters`: int, each shared parameter counted once.
    More keys are kept as they are.
    """


@hookspec
def prevue_register_commands(cli: "click.Group") -> None:
    """Add commands to the command line `prevue`. Called when it starts, before it reads its arguments."""
