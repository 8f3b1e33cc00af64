"""From what Keras keeps and reports to what is logged: numbers of variables, and the names that values get."""

from collections.abc import Iterator, Mapping
from typing import Any

from prevue_keras.describe import layers_by_name, renamed_layers
from prevue_keras.packages import keras

RUNNING_MEAN = "running_mean/"  # of what Keras reports for a batch: means over the epoch so far
VALIDATION = "val_"


def iterations(model: Any) -> int:
    """Return how many batches the model's optimizer was given; 0 for a model that trains without one."""
    optimizer = getattr(model, "optimizer", None)
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)  # which mixed precision wraps
    # Where gradients are accumulated, `iterations` counts updates in newer versions of Keras; this counts batches.
    made = getattr(optimizer, "_iterations", getattr(optimizer, "iterations", None))
    return 0 if made is None else int(_array(made))


def learning_rate(model: Any) -> dict[str, float]:
    """Return the rate that the optimizer uses now, also of a schedule, under Keras's name; {} without one."""
    rate = getattr(getattr(model, "optimizer", None), "learning_rate", None)
    return {} if rate is None else {"learning_rate": float(_array(rate))}


def weights(model: Any) -> Iterator[tuple[str, Any]]:
    """Yield a model's weights, as arrays, by the names of their layers: `weights/dense/kernel`."""
    seen = set()
    for layer_name, layer in layers_by_name(model):
        for variable in getattr(layer, "weights", []):
            if id(variable) not in seen:
                seen.add(id(variable))
                path = getattr(variable, "path", variable.name.partition(":")[0])  # TF-Keras: `dense/kernel:0`
                _, _, inner = path.partition(f"{layer.name}/")
                yield f"weights/{layer_name}/{inner or variable.name}", _array(variable)


def outputs_of(model: Any) -> dict[str, str]:
    """Return what the outputs of a model with several are called, by Keras's names of them; {} for one output."""
    names = {*(getattr(model, "output_names", None) or [])}
    for kept in ("loss", "_outputs_struct"):  # where the outputs are a dict, Keras calls them by its keys
        given = getattr(model, kept, None)
        names |= {*given} if isinstance(given, Mapping) else set()
    renamed = renamed_layers(model) if len(names) > 1 else {}
    return {name: renamed.get(name, name) for name in names if len(names) > 1}


def by_split(logs: Mapping[str, Any], outputs: Mapping[str, str]) -> dict[str | None, dict[str, Any]]:
    """Return an epoch's values by split. None: their names tell it, as those of other callbacks may.

    Each of several `outputs` has its values together: `digit_loss` becomes `digit/loss`.
    """
    found: dict[str | None, dict[str, Any]] = {}
    for name, value in logs.items():
        split, own = ("val", name.removeprefix(VALIDATION)) if name.startswith(VALIDATION) else (None, name)
        if (shown := _under_output(own, outputs)) is not None:
            split, own = split or "train", shown  # an output may be called `test_a`
        found.setdefault(split, {})[own] = value
    return {split: _outputs_first(values) for split, values in found.items()}


def named(logs: Mapping[str, Any], outputs: Mapping[str, str], prefix: str = "") -> dict[str, Any]:
    """Return values of one split under the names that `by_split` gives them, behind a `prefix`."""
    found = _outputs_first({_under_output(name, outputs) or name: value for name, value in logs.items()})
    return {f"{prefix}{name}": value for name, value in found.items()}


def _under_output(name: str, outputs: Mapping[str, str]) -> str | None:
    """Return `digit/loss` for `digit_loss`; None for what is no single output's."""
    begins = [output for output in outputs if name.startswith(f"{output}_")]
    output = max(begins, key=len, default=None)
    return None if output is None else f"{outputs[output]}/{name[len(output) + 1 :]}"


def _outputs_first(values: dict[str, Any]) -> dict[str, Any]:
    """Put the values of single outputs first, so that a row of `metrics` has loss and metric of one output."""
    return dict(sorted(values.items(), key=lambda item: "/" not in item[0]))


def _array(variable: Any) -> Any:
    """Return a variable, or what a schedule gives, as an array, whatever Keras computes with."""
    # The tensor in it: NumPy 2 warns of what Keras's own variables do with `copy`.
    value = getattr(variable, "value", variable)
    return variable.numpy() if callable(value) else keras.ops.convert_to_numpy(value)  # TF-Keras has TensorFlow's own
