"""The hooks that this plugin implements. It is loaded in every process, so it never imports micrograd."""

import sys
from typing import TYPE_CHECKING, Any

from prevue_core.hookspecs import hookimpl

if TYPE_CHECKING:
    import click


@hookimpl
def prevue_describe_model(model: Any) -> dict[str, Any] | None:
    """Describe a multi-layer perceptron: its layers, the numbers of neurons and of parameters."""
    nn = sys.modules.get("micrograd.nn")
    if nn is None or not isinstance(model, nn.MLP):
        return None
    parameters = len(model.parameters())
    return {
        "name": "MLP",
        "framework": "micrograd",
        "layers": [_describe_layer(f"layer_{number}", layer) for number, layer in enumerate(model.layers)],
        "edges": [[number, number + 1] for number in range(len(model.layers) - 1)],
        "parameters": parameters,
        "trainable_parameters": parameters,
    }


def _describe_layer(name: str, layer: Any) -> dict[str, Any]:
    parameters = len(layer.parameters())
    return {
        "name": name,
        "type": "ReLU" if layer.neurons[0].nonlin else "Linear",
        "output_shape": [len(layer.neurons)],
        "parameters": parameters,
        "trainable_parameters": parameters,
    }


@hookimpl
def prevue_register_commands(cli: "click.Group") -> None:
    """Add `prevue best`."""
    from prevue_micrograd.commands import best  # click is not needed where no command line runs

    cli.add_command(best)
