"""The layers of a Keras model and what flows from which to which, as far as Keras knows it.

Nothing is run for it. A model whose own code calls its layers has layers, but nobody knows how they are connected.
"""

from collections.abc import Iterable, Mapping
from itertools import pairwise, product
from typing import Any, NamedTuple

from prevue_keras.packages import keras_of, kinds


class _Ends(NamedTuple):
    """Of a layer, or of a model inside: the numbers of the layers that take each input and that give each output."""

    inputs: list[list[int]]
    outputs: list[list[int]]


class Connections:
    """What is in a model: `layers` by name, those of models inside as `outer/inner`, and `edges` between them.

    An edge has the places of two layers in `layers`. Operations on a model's tensors, such as a sum, count as layers.
    `why_no_edges` says why there are none, where they are not known.
    """

    def __init__(self, model: Any, names: Mapping[int, str]) -> None:
        """`names`: by `id`, of layers whose own are not to be used."""
        self.layers: list[tuple[str, Any]] = []
        self.edges: set[tuple[int, int]] = set()
        self.why_no_edges: str | None = None
        self._names = names
        self._add_model(model, "")

    def _add_model(self, model: Any, outer: str) -> _Ends:
        ends: dict[int, _Ends] = {}
        for layer in getattr(model, "operations", None) or model.layers:
            name = outer + self._names.get(id(layer), layer.name)
            if isinstance(layer, kinds("Model")) and layer.layers:
                ends[id(layer)] = self._add_model(layer, f"{name}/")
            else:
                self.layers.append((name, layer))
                ends[id(layer)] = _Ends([[len(self.layers) - 1]], [[len(self.layers) - 1]])
        return self._connected(model, ends)

    def _connected(self, model: Any, ends: Mapping[int, _Ends]) -> _Ends:
        kind = type(model)
        if not kind.call.__module__.startswith(("keras.", "tf_keras.")):
            self.why_no_edges = f"the code of {kind.__name__} calls the layers, and it is not run to find out how"
        elif ends:
            try:
                is_chain = isinstance(model, keras_of(model).Sequential)
                return self._connect_chain(ends) if is_chain else self._connect_graph(model, ends)
            except Exception as error:  # noqa: BLE001 - Keras keeps the graph in attributes that a release may change
                self.why_no_edges = f"this version of Keras tells it in another way ({type(error).__name__})"
        return _Ends([[]], [[]])

    def _connect_chain(self, ends: Mapping[int, _Ends]) -> _Ends:
        parts = list(ends.values())
        for before, after in pairwise(parts):
            self._connect(before.outputs[0], after.inputs[0])
        return _Ends(parts[0].inputs, parts[-1].outputs)

    def _connect_graph(self, model: Any, ends: Mapping[int, _Ends]) -> _Ends:
        """Go from the outputs to the inputs: a layer may have been called elsewhere too, outside of this model."""
        ahead, seen = list(model.outputs), set()
        while ahead:
            layer, call, _ = ahead.pop()._keras_history
            node = layer._inbound_nodes[call]  # as Keras's own `summary` finds it; there is no public way
            if id(node) in seen:
                continue
            seen.add(id(node))
            # TF-Keras calls them by another name, and has one alone there without a list.
            for position, tensor in enumerate(getattr(node, "keras_inputs", node.input_tensors)):
                self._connect(_given(tensor, ends), _at(ends[id(layer)].inputs, position))
                ahead.append(tensor)
        inputs = [_at(ends[id(tensor._keras_history[0])].inputs, 0) for tensor in model.inputs]
        return _Ends(inputs, [_given(tensor, ends) for tensor in model.outputs])

    def _connect(self, before: Iterable[int], after: Iterable[int]) -> None:
        self.edges.update(product(before, after))


def _given(tensor: Any, ends: Mapping[int, _Ends]) -> list[int]:
    """Return the numbers of the layers that a tensor comes from."""
    return _at(ends[id(tensor._keras_history[0])].outputs, tensor._keras_history.tensor_index)


def _at(groups: list[list[int]], position: int) -> list[int]:
    """Return a group; a layer that is not a model takes and gives everything as one."""
    return groups[min(position, len(groups) - 1)]
