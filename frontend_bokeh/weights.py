"""Which histograms a run logged of a layer's weights and gradients, by what they are called.

`gradients/features/0/weight` (`prevue_torch.watch`), `weights/dense/kernel` (`histogram_freq` of Keras) and
`conv1.bias` (TensorBoard's writer) are of the layers `features/0`, `dense` and `conv1`.
"""

import math
import re
from collections.abc import Iterable, Sequence
from typing import Any

# What stands before a layer's name says what is counted.
PREFIX = re.compile(r"(?:(?:train|val|test)/)?(parameters|params|weights|gradients|grads)/(.+)", re.DOTALL)
GRADIENTS = ("gradients", "grads")


def by_layer(layers: Sequence[str], names: Iterable[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Return for each layer the histograms among a run's `result_names` that are its own, weights before gradients.

    Each has `kind`, `split`, `name`, `rank`, and `label`: what it is of the layer. A name is of the longest layer that
    it begins with.
    """
    places = {name.replace(".", "/"): place for place, name in reversed(list(enumerate(layers)))}
    found: list[list[dict[str, Any]]] = [[] for _ in layers]
    for one in names:
        if one["kind"] != "histogram":
            continue
        counted, path = _parts(one["name"])
        parts = path.split("/")
        for end in range(len(parts), 0, -1):
            if (place := places.get("/".join(parts[:end]))) is not None:
                label = " ".join(filter(None, ["/".join(parts[end:]), counted]))
                key = {name: one[name] for name in ("kind", "split", "name", "rank")}
                found[place].append({**key, "label": label or "values"})
                break
    for own in found:
        own.sort(key=lambda one: (one["label"].endswith(GRADIENTS), one["name"], one["split"], one["rank"]))
    return found


def spread(histograms: Iterable[dict[str, Any]]) -> tuple[float, float] | None:
    """Return the mean and the standard deviation of the values in histograms, None of none.

    The values of a bucket count as spread evenly over it.
    """
    count, total, squares = 0.0, 0.0, 0.0
    for one in histograms:
        for inside, low, high in zip(one["counts"], one["edges"], one["edges"][1:], strict=False):
            count += inside
            total += inside * (low + high) / 2
            squares += inside * (low * low + low * high + high * high) / 3
    if not count:
        return None
    mean = total / count
    return mean, math.sqrt(max(0.0, squares / count - mean * mean))


def _parts(name: str) -> tuple[str, str]:
    """Return what a histogram counts, and the path behind it."""
    path = name.replace(".", "/")
    if match := PREFIX.fullmatch(path):
        return "gradients" if match[1] in GRADIENTS else "", match[2]
    return "", path
