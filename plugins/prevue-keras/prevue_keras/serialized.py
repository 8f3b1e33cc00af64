"""A model's own `to_json()`, without what changes from one training of the same model to the next.

`keras.models.model_from_json` makes the model of it again, with new weights.
"""

import json
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

SHAPES = ("batch_shape", "shape", "build_input_shape")  # beside those below `build_config`


def to_json(model: Any, names: Mapping[str, str]) -> str | None:
    """Return the JSON text of a model, or None where Keras cannot make it, as of some subclassed ones.

    `names`: what layers are called instead of the names that Keras numbered. Left out are how the model was compiled,
    which is the configuration of a run, and the size of the batch that it was built with.
    """
    try:
        with warnings.catch_warnings(), _without_importing_tensorflow():
            warnings.simplefilter("ignore")  # of lambdas, that loading them again is unsafe
            told = json.loads(model.to_json())
        return json.dumps(_lasting(told, names))
    except Exception:  # noqa: BLE001 - foreign code: layers of one's own tell their settings as they like, or cannot
        return None


@contextmanager
def _without_importing_tensorflow() -> Iterator[None]:
    """Keep Keras with another backend from importing TensorFlow, which takes seconds, to find nothing of it here."""
    known = _lazy_tensorflow()
    if known is None:
        yield
        return
    known._available = False
    try:
        yield
    finally:
        known._available = None  # as before: not looked for yet


def _lazy_tensorflow() -> Any:
    """Return what stands for TensorFlow in Keras, which has no public way to it, where it is not imported yet."""
    if "tensorflow" in sys.modules:
        return None
    try:
        from keras.src.utils.module_utils import tensorflow
    except ImportError:
        return None
    return tensorflow if getattr(tensorflow, "_available", True) is None else None


def _lasting(value: Any, names: Mapping[str, str], key: str = "", is_shape: bool = False) -> Any:
    if isinstance(value, dict):
        kept = {name: item for name, item in value.items() if name != "compile_config"}
        return {name: _lasting(item, names, name, is_shape or name == "build_config") for name, item in kept.items()}
    if isinstance(value, list):
        if (is_shape or key in SHAPES) and value and all(item is None or isinstance(item, int) for item in value):
            return [None, *value[1:]]
        return [_lasting(item, names, key, is_shape) for item in value]
    return names.get(value, value) if isinstance(value, str) else value
