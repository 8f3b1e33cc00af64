"""The types of arrays that the modules beside this one take and return."""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


def ratio(part: npt.ArrayLike, whole: npt.ArrayLike) -> Floats:
    """Return `part / whole`, and 0 where `whole` is 0: what scikit-learn gives for a score that is not defined."""
    part, whole = np.asarray(part, float), np.asarray(whole, float)
    return np.divide(part, whole, out=np.zeros(np.broadcast_shapes(part.shape, whole.shape)), where=whole != 0)


def weights_of(weight: Floats | None, count: int) -> Floats:
    """Return the weight of each of `count` samples: 1 where none is given."""
    return np.ones(count) if weight is None else weight


def mean_of(values: npt.ArrayLike, weight: Floats | None = None) -> float:
    """Return the weighted mean of n > 0 values; NaN where no weight is, as of a group of samples that count nothing."""
    values = np.asarray(values, float)
    if weight is None:
        return float(values.mean())
    whole = weight.sum()
    return float((values * weight).sum() / whole) if whole > 0 else float("nan")
