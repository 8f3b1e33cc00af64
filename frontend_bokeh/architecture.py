"""What a stored description of a model says, whoever wrote it: what is not as the hook `prevue_describe_model` has it
is left out, and never breaks a page.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SHOWN_CHARS = 300  # of a text
NOT_TOLD = "its description does not tell how its layers are connected"


@dataclass(frozen=True)
class Layer:
    """A layer as it is shown; empty text: not told."""

    name: str
    type: str
    shape: str  # of what comes out, without the size of a batch
    activation: str
    details: str
    parameters: int
    trainable_parameters: int


@dataclass(frozen=True)
class Architecture:
    """A model. `edges`: pairs of places in `layers`, or None, and then `why_no_edges` says why."""

    framework: str
    layers: tuple[Layer, ...]
    left_out: int  # layers that are not described
    edges: tuple[tuple[int, int], ...] | None
    why_no_edges: str
    parameters: int | None
    trainable_parameters: int | None


def read(described: Any) -> Architecture:
    """Return what a description says."""
    described = described if isinstance(described, Mapping) else {}
    listed = described.get("layers")
    listed = listed if isinstance(listed, list) else []
    layers = tuple(_layer(one) for one in listed if isinstance(one, Mapping))
    return Architecture(
        framework=_text(described.get("framework")),
        layers=layers,
        left_out=_number(described.get("layers_left_out")) or 0,
        edges=_edges(described.get("edges"), len(layers)) if len(layers) == len(listed) else None,
        why_no_edges=_text(described.get("why_no_edges")) or NOT_TOLD,
        parameters=_number(described.get("parameters")),
        trainable_parameters=_number(described.get("trainable_parameters")),
    )


def _layer(described: Mapping[str, Any]) -> Layer:
    return Layer(
        name=_text(described.get("name")) or "–",
        type=_text(described.get("type")),
        shape=_shape(described.get("output_shape")),
        activation=_text(described.get("activation")),
        details=_text(described.get("details")),
        parameters=_number(described.get("parameters")) or 0,
        trainable_parameters=_number(described.get("trainable_parameters")) or 0,
    )


def _shape(value: Any) -> str:
    """Return `28 × 28 × 1` for [None, 28, 28, 1]; a dot is a size that is not known."""
    if not isinstance(value, list) or not all(size is None or _number(size) is not None for size in value):
        return ""
    sizes = value[1:] if value[:1] == [None] and len(value) > 1 else value
    return " × ".join("·" if size is None else str(size) for size in sizes)


def _edges(value: Any, count: int) -> tuple[tuple[int, int], ...] | None:
    if not isinstance(value, list):
        return None
    found = set()
    for pair in value:
        match pair:
            case [int(a), int(b)] if 0 <= a < count and 0 <= b < count:
                found.add((a, b))
            case _:
                return None
    return tuple(sorted(found))


def _number(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _text(value: Any) -> str:
    return value[:SHOWN_CHARS] if isinstance(value, str) else ""
