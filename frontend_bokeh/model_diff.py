"""In what two models differ, layer by layer."""

from dataclasses import dataclass
from difflib import SequenceMatcher

from frontend_bokeh.architecture import Architecture, Layer

SAME, CHANGED, ADDED, REMOVED = "same", "changed", "added", "removed"
EXACT_LAYERS = 400  # up to so many, no layer is taken for filler because there are many like it


@dataclass(frozen=True)
class Pair:
    """A layer of the first model beside that of the second which stands in its place; None: there is none."""

    left: Layer | None
    right: Layer | None

    @property
    def kind(self) -> str:
        """What became of it: `same` (whatever it is called), `changed`, `added` or `removed`."""
        if self.left is None or self.right is None:
            return ADDED if self.left is None else REMOVED
        return SAME if _looks(self.left) == _looks(self.right) else CHANGED

    def differs(self, part: str) -> bool:
        """Whether the layers have not the same `part`, such as `shape`."""
        return self.kind == CHANGED and getattr(self.left, part) != getattr(self.right, part)


def pairs(left: Architecture, right: Architecture) -> list[Pair]:
    """Return the layers of two models in pairs, in order: the longest runs of equal layers stand beside each other.

    Between those, layers of equal type are paired as changed ones. Names say nothing: frameworks number them freely.
    """
    a, b = left.layers, right.layers
    is_long = max(len(a), len(b)) > EXACT_LAYERS
    matcher = SequenceMatcher(None, [_looks(one) for one in a], [_looks(one) for one in b], autojunk=is_long)
    found: list[Pair] = []
    for kind, a0, a1, b0, b1 in matcher.get_opcodes():
        if kind == "equal":
            found += [Pair(*both) for both in zip(a[a0:a1], b[b0:b1], strict=True)]
        else:
            found += _paired_by_type(a[a0:a1], b[b0:b1])
    return found


def _paired_by_type(a: tuple[Layer, ...], b: tuple[Layer, ...]) -> list[Pair]:
    matcher = SequenceMatcher(None, [one.type for one in a], [one.type for one in b], autojunk=False)
    found: list[Pair] = []
    for kind, a0, a1, b0, b1 in matcher.get_opcodes():
        if kind == "equal":
            found += [Pair(*both) for both in zip(a[a0:a1], b[b0:b1], strict=True)]
        else:
            found += [Pair(one, None) for one in a[a0:a1]] + [Pair(None, one) for one in b[b0:b1]]
    return found


def _looks(layer: Layer) -> tuple[str, str, str, str, int, int]:
    return (
        layer.type, layer.shape, layer.activation, layer.details, layer.parameters, layer.trainable_parameters,
    )  # fmt: skip
