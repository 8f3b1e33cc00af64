"""A test of a Keras model, sample by sample: an evaluation for each of its outputs."""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import Any

import numpy as np

import prevue
from prevue.callbacks import harmless
from prevue.json_values import array_of
from prevue_core.errors import InvalidValue, shown
from prevue_keras.captured import loss_name
from prevue_keras.packages import keras, keras_of
from prevue_keras.values import outputs_of

SQUASHED = ("softmax", "sigmoid")  # what these give are scores of classes, whatever the loss
BATCH = 32  # samples, as Keras takes where it is not told
OF_VALUES = ("huber", "log_cosh", "mean_", "poisson")  # how the names of losses of regressions begin


@harmless
def log_test(
    run: prevue.Run, model: Any, x: Any, y: Any = None, *, name: str = "test", class_names: Any = None, **options: Any
) -> None:
    """Predict samples, and log the predictions with their targets: an evaluation, see `Run.log_evaluation`.

    `x`, `y`: what `model.predict` takes, and the targets; or, without `y`, a data set of batches (x, y) or
    (x, y, sample weights), which is gone through once. `class_names`: of the classes 0, 1, 2 ...; of several outputs a
    dict of such. Each of several outputs is an evaluation of its own, `name/output`.

    The task is told by the loss that the model was compiled with; whether scores are logits by that and by the last
    activation. `options`: those of `Run.log_evaluation`, which count first, such as `task`, `sample_ids` and `step`.
    """
    batches = _batches(x) if y is None else _sliced(x, y, options.pop("sample_weight", None))
    y, output, weight = _predicted(model, batches)
    keys, given = _keys(model, output), (y, output, weight, class_names, getattr(model, "loss", None))
    for place, key in enumerate(keys):
        true, scores, weights, labels, loss = (_of_output(one, place, keys) for one in given)
        scores, told = _told(scores, loss, _last_activation(model, place, key))
        told = {"labels": labels, "sample_weight": weights, **told}
        shown_name = name if key is None else f"{name}/{outputs_of(model).get(key, key)}"
        run.log_evaluation(true, None, scores, name=shown_name, **{**told, **options})


def log_data(run: prevue.Run, model: Any, data: Any, **options: Any) -> None:
    """Log a test with data that `check_data` took."""
    x, y, weight = (*data, None)[:3] if isinstance(data, tuple | list) else (data, None, None)
    log_test(run, model, x, y, **({} if weight is None else {"sample_weight": weight}), **options)


def check_data(given: Any) -> None:
    """Raise InvalidValue for what cannot be tested with, or not again and again."""
    if isinstance(given, tuple | list):
        is_known = len(given) in (2, 3)
    else:
        is_known = hasattr(given, "__getitem__") or (hasattr(given, "__iter__") and iter(given) is not given)
    if not is_known:
        raise InvalidValue(
            f"evaluation_data {shown(given)} is not known; give (x, y), (x, y, sample_weight), or a data set of such "
            "batches that can be gone through again"
        )


# predictions


def _predicted(model: Any, batches: Iterator[Any]) -> list[Any]:
    """Return targets, predictions and weights of batches, which a data set may bring in another order each time.

    `model.predict` would need the targets of a second time, and draw a random number that the training then misses.
    """
    is_legacy = keras_of(model).__version__.startswith("2.")  # its `predict_on_batch` fails with steps_per_execution
    predict = partial(model, training=False) if is_legacy else model.predict_on_batch
    parts: list[list[Any]] = [[], [], []]
    with _same_randomness():
        for batch in batches:
            x, y, weight = keras_of(model).utils.unpack_x_y_sample_weight(batch)
            output = predict(_each(_array, x))
            if len(shape := tuple(getattr(output, "shape", ()))) > 2:  # there is no room for a picture of each sample
                raise InvalidValue(f"the model gives an array of shape {shape}; give one with a row a sample")
            for part, values in zip(parts, (y, output, weight), strict=True):
                part.append(_each(_array, values))
    if not parts[0]:
        raise InvalidValue("there are no samples to test with")
    return [_each(_joined, *part) for part in parts]


@contextmanager
def _same_randomness() -> Iterator[None]:
    """Keep PyTorch's random numbers as they are: each of its loaders takes one for itself."""
    torch = sys.modules.get("torch")
    with torch.random.fork_rng(devices=[]) if torch else nullcontext():
        yield


def _batches(dataset: Any) -> Iterator[Any]:
    is_numbered = isinstance(dataset, getattr(keras.utils, "PyDataset", ()))
    if is_numbered:
        count = dataset.num_batches if hasattr(dataset, "num_batches") else len(dataset)  # of Keras 3.0
    else:
        count = int(getattr(dataset, "cardinality", int)())
    if count in (None, -1):  # Keras's and TensorFlow's
        raise InvalidValue("the data set to test with has no end; give one that has, such as `.take(100)` of it")
    yield from map(dataset.__getitem__, range(count)) if is_numbered else dataset


def _sliced(x: Any, y: Any, weight: Any) -> Iterator[Any]:
    """Yield arrays of all samples as batches."""
    first = y
    while isinstance(first, Mapping | tuple | list):
        first = next(iter(first.values() if isinstance(first, Mapping) else first))
    for start in range(0, len(first), BATCH):
        yield tuple(_each(lambda one, at=slice(start, start + BATCH): one if one is None else one[at], one)
                    for one in (x, y, weight))  # fmt: skip


def _each(function: Callable[..., Any], *nested: Any) -> Any:
    """Return what a function makes of the arrays in the same place of tuples, lists and dicts of one structure."""
    if isinstance(nested[0], Mapping):
        return {key: _each(function, *(one[key] for one in nested)) for key in nested[0]}
    if isinstance(nested[0], tuple | list):
        return [_each(function, *ones) for ones in zip(*nested, strict=True)]
    return function(*nested)


def _array(values: Any) -> Any:
    array = array_of(values)
    return values if array is None else array


def _joined(*arrays: Any) -> Any:
    return None if arrays[0] is None else np.concatenate([np.atleast_1d(one) for one in arrays])


# outputs


def _keys(model: Any, output: Any) -> list[Any]:
    """Return what Keras calls the outputs; [None] for one alone."""
    if isinstance(output, Mapping):
        return list(output)
    if not isinstance(output, tuple | list):
        return [None]
    names = getattr(model, "output_names", None) or []
    return list(names) if len(names) == len(output) else [str(place) for place in range(len(output))]


def _of_output(given: Any, place: int, keys: list[Any]) -> Any:
    """Return what one of several outputs has of what was given for all, by name or in their order."""
    if keys == [None]:
        return given
    if isinstance(given, Mapping):
        return given.get(keys[place])
    return given[place] if isinstance(given, tuple | list) and len(given) == len(keys) else given


def _told(scores: Any, loss: Any, activation: str | None) -> tuple[Any, dict[str, str]]:
    """Return scores, and of them what the loss and the last activation tell: the task, and whether they are logits."""
    name = loss_name(loss)
    if name.startswith(OF_VALUES) and activation not in SQUASHED:
        return scores, {"task": "regression"}
    width = scores.shape[1] if scores.ndim == 2 else 1
    if "binary" in name:
        told = {"task": "binary" if width == 1 else "multilabel"}
    elif "categorical" in name:
        told = {"task": "binary" if width == 2 else "multiclass"}
    else:
        return scores, {}
    if not (activation == "linear" or getattr(loss, "from_logits", False) or scores.min() < 0 or scores.max() > 1):
        return scores, told
    if told["task"] == "binary" and width == 2:  # their difference is the logit: neither is by itself
        exponents = np.exp(scores - scores.max(axis=1, keepdims=True))
        return exponents / exponents.sum(axis=1, keepdims=True), told
    return scores, {**told, "score_type": "decision" if "hinge" in name else "logit"}


def _last_activation(model: Any, place: int, key: Any) -> str | None:
    """Return the name of the activation of the layer that gives an output; None where that is not known."""
    try:
        outputs = getattr(model, "_outputs_struct", None)  # a dict as it was given; `outputs` has its values sorted
        tensor = outputs[key] if isinstance(outputs, Mapping) else model.outputs[place]
        return getattr(tensor._keras_history[0].activation, "__name__", None)
    except Exception:  # noqa: BLE001 - a model that its own code calls has no such outputs, many layers no activation
        return None
