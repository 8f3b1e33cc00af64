"""With what a model is trained, as Keras knows it: this becomes the configuration of a run."""

import sys
from collections.abc import Mapping
from typing import Any

from prevue_keras.packages import keras

TEXT_CHARS = 200  # of a setting that is neither a number nor text


def config_of(model: Any, params: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return optimizer with its settings, loss, batch size, epochs and steps of an epoch, as far as they are known.

    For hooks that `fit` calls; `params` is what Keras gave the callback.
    """
    told = {
        "optimizer": _optimizer(getattr(model, "optimizer", None)),
        "loss": _named(getattr(model, "loss", None)),
        "batch_size": _batch_size(model),
        **{name: (params or {}).get(name) for name in ("epochs", "steps")},
    }
    return {name: value for name, value in told.items() if value is not None}


def loss_name(loss: Any) -> str:
    """Return the long name of a single loss: `mean_squared_error` of "mse"; "" where it is not known."""
    try:
        return _named(keras.losses.get(loss)) or ""
    except Exception:  # noqa: BLE001 - foreign code
        return ""


def _optimizer(optimizer: Any) -> dict[str, Any] | None:
    if optimizer is None:
        return None
    name = {"name": type(optimizer).__name__}  # its own is numbered through the process: `adam_3`
    try:
        return {**_settings(optimizer.get_config()), **name}
    except Exception:  # noqa: BLE001 - foreign code: an optimizer of one's own may not know its settings
        return name


def _settings(config: Mapping[str, Any]) -> dict[str, Any]:
    return {str(name): _plain(value) for name, value in config.items() if value is not None}


def _plain(value: Any) -> Any:
    """Return a setting as JSON has it."""
    if isinstance(value, Mapping):  # with `class_name`: a schedule, say, as Keras serializes objects
        inner = value.get("config")
        is_object = "class_name" in value and isinstance(inner, Mapping)
        return {**_settings(inner), "name": value["class_name"]} if is_object else _settings(value)  # type: ignore[arg-type]
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return float(f"{value:.7g}")  # Keras keeps 0.001 as a float32, which is 0.0010000000474974513
    return value if isinstance(value, bool | int | str) else str(value)[:TEXT_CHARS]


def _named(loss: Any) -> Any:
    """Return a loss by its name; of several outputs those of all."""
    if isinstance(loss, Mapping):
        return {str(output): _named(one) for output, one in loss.items()}
    if isinstance(loss, list | tuple):
        return [_named(one) for one in loss]
    name = loss if isinstance(loss, str) else getattr(loss, "name", None) or getattr(loss, "__name__", None)
    return name if isinstance(name, str) else None


def _batch_size(model: Any) -> int | None:
    """Return the batch size of the `fit` that calls, from its frame: Keras tells its callbacks of steps only."""
    frame = sys._getframe()
    while frame is not None:
        if frame.f_code.co_name == "fit" and frame.f_locals.get("self") is model:
            adapter = getattr(frame.f_locals.get("epoch_iterator"), "data_adapter", None)
            size = getattr(adapter, "batch_size", None)  # None for data that brings batches of several sizes
            return size if isinstance(size, int) else None
        frame = frame.f_back  # type: ignore[assignment]
    return None
