"""Small trainings to look at: classifiers learn to read digits of 8 x 8 pixels, with different learning rates."""

import time
from dataclasses import dataclass
from typing import Any

from sklearn.datasets import load_digits
from sklearn.linear_model import SGDClassifier
from sklearn.metrics import log_loss
from sklearn.neural_network import MLPClassifier

from prevue_sklearn.tracking import track

TRAIN = 1_400  # of the 1797 digits
WATCHED_S = 30.0  # that the last run takes, so that there is time to watch it


@dataclass(frozen=True)
class Setting:
    """A training of the demo."""

    name: str
    classifier: type
    parameters: dict[str, Any]
    epochs: int
    is_watched: bool = False


_SGD = {"loss": "log_loss", "learning_rate": "constant"}
SETTINGS = (
    Setting("linear, rate 0.01", SGDClassifier, {**_SGD, "eta0": 0.01}, 20),
    Setting("linear, rate 1", SGDClassifier, {**_SGD, "eta0": 1.0}, 20),
    Setting("perceptron, rate 0.003", MLPClassifier, {"hidden_layer_sizes": (32,), "learning_rate_init": 0.003}, 20),
    Setting("perceptron, rate 0.1", MLPClassifier, {"hidden_layer_sizes": (32,), "learning_rate_init": 0.1}, 20),
    Setting(
        "small perceptron, watched", MLPClassifier, {"hidden_layer_sizes": (8,), "learning_rate_init": 0.003}, 40, True
    ),
)


def main(url: str, *, uid: str | None = None, once: bool = False) -> None:
    """Train some classifiers and log them to the project `demo`. The last takes half a minute, or not, with `once`."""
    x, y = load_digits(return_X_y=True)
    for setting in SETTINGS:
        print(f"sklearn: {setting.name}, {setting.epochs} epochs", flush=True)
        _train(setting, x / 16, y, url, uid, WATCHED_S if setting.is_watched and not once else 0.0)


def _train(setting: Setting, x: Any, y: Any, url: str, uid: str | None, at_least_s: float) -> None:
    classifier = setting.classifier(random_state=0, **setting.parameters)
    began = time.monotonic()
    with track(classifier, "demo", setting.name, url=url, uid=uid) as run:
        for epoch in range(setting.epochs):
            classifier.partial_fit(x[:TRAIN], y[:TRAIN], classes=range(10))
            if epoch == 0:
                run.describe(classifier)  # now with its coefficients
            train, val = _judge(classifier, x[:TRAIN], y[:TRAIN]), _judge(classifier, x[TRAIN:], y[TRAIN:])
            run.log({**train, **{f"val_{name}": value for name, value in val.items()}}, epoch=epoch)
            time.sleep(max(0.0, began + at_least_s * (epoch + 1) / setting.epochs - time.monotonic()))


def _judge(classifier: Any, x: Any, y: Any) -> dict[str, float]:
    scores = classifier.predict_proba(x)
    return {"loss": log_loss(y, scores, labels=classifier.classes_), "accuracy": classifier.score(x, y)}
