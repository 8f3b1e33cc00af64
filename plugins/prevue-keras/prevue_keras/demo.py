"""Small trainings to look at: networks learn to read digits of 8 x 8 pixels, with different settings."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import prevue

try:
    import keras
    from keras import layers
    from sklearn.datasets import load_digits
except ModuleNotFoundError as error:
    missing = str(error.name).partition(".")[0]
    extras = {"keras": "'prevue-keras[keras]'", "sklearn": "'prevue-keras[demo]'"}
    other = f"{missing}, or say in KERAS_BACKEND what else Keras shall compute with"
    raise ImportError(f"the demo needs {missing}: pip install {extras.get(missing, other)}") from error

from prevue_keras.callback import PrevueKerasCallback

BATCH = 128
TRAIN = 1_400  # of the 1797 digits
WATCHED_S = 30.0  # that the last run takes, so that there is time to watch it


def _dense(activation: str) -> keras.Model:
    images = keras.Input((8, 8, 1), name="images")
    hidden = layers.Dense(32, activation=activation, name="hidden")(layers.Flatten(name="pixels")(images))
    return keras.Model(images, layers.Dense(10, activation="softmax", name="digits")(hidden), name="dense")


def _residual() -> keras.Model:
    """Return two convolutions with a way around the second."""
    images = keras.Input((8, 8, 1), name="images")
    first = layers.Conv2D(8, 3, padding="same", activation="relu", name="first")(images)
    second = layers.Conv2D(8, 3, padding="same", activation="relu", name="second")(first)
    both = layers.Add(name="both")([first, second])
    features = layers.GlobalMaxPooling2D(name="features")(both)
    return keras.Model(images, layers.Dense(10, activation="softmax", name="digits")(features), name="residual")


@dataclass(frozen=True)
class Setting:
    """A training of the demo."""

    name: str
    make: Callable[[], keras.Model]
    rate: float
    epochs: int
    is_watched: bool = False


SETTINGS = (
    Setting("dense, relu", lambda: _dense("relu"), 0.003, 15),
    Setting("dense, tanh", lambda: _dense("tanh"), 0.003, 15),
    Setting("dense, steps too long", lambda: _dense("relu"), 0.3, 15),
    Setting("residual, small and slow", _residual, 0.005, 30, is_watched=True),
)


def main(url: str, *, uid: str | None = None, once: bool = False) -> None:
    """Train some networks and log them to the project `demo`. The last takes half a minute, or not, with `once`."""
    digits = load_digits()
    x, y = digits.images[..., None] / 16, digits.target
    for setting in SETTINGS:
        print(f"keras: {setting.name}, {setting.epochs} epochs", flush=True)
        _train(setting, x, y, url, uid, WATCHED_S if setting.is_watched and not once else 0.0)


def _train(setting: Setting, x: Any, y: Any, url: str, uid: str | None, at_least_s: float) -> None:
    keras.utils.set_random_seed(0)
    model = setting.make()
    model.compile(keras.optimizers.Adam(setting.rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
    config = {"learning_rate": setting.rate, "batch_size": BATCH}
    with prevue.init("demo", setting.name, url=url, uid=uid, config=config, connector_name="keras") as run:
        callbacks = [PrevueKerasCallback(run=run), _Pace(at_least_s / setting.epochs)]
        validation = x[TRAIN:], y[TRAIN:]
        model.fit(x[:TRAIN], y[:TRAIN], BATCH, setting.epochs, 0, callbacks, validation_data=validation)


class _Pace(keras.callbacks.Callback):
    """Lets each epoch take a while."""

    def __init__(self, epoch_s: float) -> None:
        super().__init__()
        self._epoch_s = epoch_s
        self._began = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        time.sleep(max(0.0, self._began + self._epoch_s * (epoch + 1) - time.monotonic()))
