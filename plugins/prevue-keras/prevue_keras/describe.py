"""What is told of a Keras model: its layers, their shapes, parameters and connections, as JSON.

The same code gives the same description, however many models the process made before. Keras numbers the names that it
makes through the whole process (`dense_7`), so those are numbered anew, as a fresh process would.
"""

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from prevue_core.contract import MAX_LAYERS, MAX_RECORD_BYTES
from prevue_keras.arguments import activation, details
from prevue_keras.connections import Connections
from prevue_keras.packages import keras_of, kinds
from prevue_keras.serialized import to_json

ROOM_BYTES = MAX_RECORD_BYTES - 10_000  # for all that is told of a model; the rest is for what is around it


def describe_model(model: Any) -> dict[str, Any]:
    """Return the description of a model, see the hook `prevue_describe_model`.

    The layers of a model inside are listed as `outer/inner`, and operations on a functional model's tensors are too.
    Parameters of what is not built yet are not counted. `to_json` is the model's own, where it has one.
    """
    names = _fresh_names(model)
    found = Connections(model, names)
    left_out = max(0, len(found.layers) - MAX_LAYERS)
    described = {
        "name": names[id(model)],
        "framework": "keras",
        "framework_version": keras_of(model).__version__,
        "layers": [_describe_layer(name, layer) for name, layer in found.layers[:MAX_LAYERS]],
        **({"layers_left_out": left_out} if left_out else {}),
        **_edges(found, left_out),
        **_sizes(model),
    }
    return {**described, **_serialized(model, names, len(json.dumps(described)))}


def layers_by_name(model: Any) -> list[tuple[str, Any]]:
    """Return the layers of a model, each with the name that the description has."""
    return Connections(model, _fresh_names(model)).layers


def renamed_layers(model: Any) -> dict[str, str]:
    """Return the names that layers have in the description by those that they have in Keras."""
    return _renamed(model, _fresh_names(model))


def _renamed(model: Any, names: Mapping[int, str]) -> dict[str, str]:
    return {one.name: names[id(one)] for one in _everything(list(model._flatten_layers()))}


def _serialized(model: Any, names: Mapping[int, str], size: int) -> dict[str, Any]:
    """Return what Keras makes the model of again, unless it would not fit a record beside `size` bytes."""
    text = to_json(model, _renamed(model, names))
    if text is None or size + len(json.dumps(text)) > ROOM_BYTES:
        return {}
    return {"to_json": text}


def _edges(found: Connections, left_out: int) -> dict[str, Any]:
    if found.why_no_edges or left_out:
        return {"why_no_edges": found.why_no_edges or "too many layers"}
    return {"edges": sorted(map(list, found.edges))}


def _describe_layer(name: str, layer: Any) -> dict[str, Any]:
    described = {
        "name": name,
        "type": type(layer).__name__,
        "output_shape": _output_shape(layer),
        **_sizes(layer),
    }
    told = {"activation": activation(layer), "details": details(layer)}
    return {**described, **{key: value for key, value in told.items() if value}}


def _sizes(layer: Any) -> dict[str, int]:
    """Return the number of parameters; Keras lists a shared weight once, and an operation has none."""
    return {
        "parameters": _count(getattr(layer, "weights", [])),
        "trainable_parameters": _count(getattr(layer, "trainable_weights", [])),
    }


def _count(weights: Iterable[Any]) -> int:
    return sum(math.prod(weight.shape) for weight in weights)


# shapes


def _output_shape(layer: Any) -> list[int | None] | None:
    """Return the shape of a layer's output (of the first, if it has several), or None where Keras does not know it."""
    try:
        shape = _shape_in_graph(layer) if hasattr(layer, "output") else _computed_shape(layer)
        # A model that `fit` built has the size of one batch there.
        return [None, *(None if size is None else int(size) for size in shape[1:])]
    except Exception:  # noqa: BLE001 - foreign code: layers compute shapes as they like, or cannot
        return None


def _shape_in_graph(layer: Any) -> Any:
    output = layer.output
    while isinstance(output, list | tuple | dict):
        output = next(iter(output.values() if isinstance(output, dict) else output))
    return output.shape


def _computed_shape(layer: Any) -> Any:
    """Return what a layer of a subclassed model, which is in no graph, makes of the shape that it was built for."""
    built_with = layer.get_build_config()
    shape = layer.compute_output_shape(**built_with.get("shapes_dict", built_with))
    while isinstance(shape[0], list | tuple):
        shape = shape[0]
    return shape


# names


def _fresh_names(model: Any) -> dict[int, str]:
    """Return the names, by `id`, of a model and all layers in it, hidden ones too, which use up numbers as well.

    Keras does not keep who gave a name. One that it could have made, such as `dense_1` of a `Dense`, is taken for such.
    """
    names = {}
    made: dict[str, list[tuple[int, Any]]] = {}  # by prefix: numbers, which rise in the order of creation, and layers
    # Keras has no public way to a layer's own sublayers; its `Model.quantize` goes this way too.
    for layer in _everything(list(model._flatten_layers())):
        names[id(layer)] = layer.name
        prefix = _snake_case(type(layer).__name__)
        if match := re.fullmatch(rf"{re.escape(prefix)}(?:_([1-9]\d*))?", layer.name):
            made.setdefault(prefix, []).append((int(match[1] or 0), layer))
    for prefix, layers in made.items():
        numbers = {number: index for index, number in enumerate(sorted({number for number, _ in layers}))}
        for number, layer in layers:
            names[id(layer)] = f"{prefix}_{numbers[number]}" if numbers[number] else prefix
    return names


def _everything(layers: list[Any]) -> Iterator[Any]:
    """Yield layers, and the operations of those that are functional models."""
    yield from layers
    for layer in layers:
        yield from (one for one in getattr(layer, "operations", []) if not isinstance(one, kinds("Layer")))


def _snake_case(name: str) -> str:
    """Return the name that Keras makes for a class (`keras.src.utils.naming.to_snake_case`)."""
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()
