"""Small trainings to look at: networks learn to read digits of 8 x 8 pixels, with different settings."""

import time
from dataclasses import dataclass

import torch
from torch import nn

from prevue_torch.callback import PrevueTorchCallback

try:
    from sklearn.datasets import load_digits
except ModuleNotFoundError as error:
    if error.name != "sklearn":
        raise
    raise ImportError("the demo's digits come with scikit-learn: pip install 'prevue-torch[demo]'") from error

BATCH = 128
TRAIN = 1_400  # of the 1797 digits
WATCHED_S = 30.0  # that the last run takes, so that there is time to watch it


@dataclass(frozen=True)
class Setting:
    """A training of the demo."""

    name: str
    channels: int
    optimizer: str
    lr: float
    epochs: int
    is_watched: bool = False


SETTINGS = (
    Setting("Adam", 8, "Adam", 0.003, 15),
    Setting("Adam, steps too long", 8, "Adam", 0.1, 15),
    Setting("SGD", 8, "SGD", 0.2, 15),
    Setting("SGD, small and slow", 2, "SGD", 0.1, 40, is_watched=True),
)


class Digits(nn.Module):
    """One convolution and a linear layer."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(1, channels, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten())
        self.head = nn.Linear(16 * channels, 10)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return the scores of the ten digits: (n, 1, 8, 8) -> (n, 10)."""
        return self.head(self.features(images))


def main(url: str, *, uid: str | None = None, once: bool = False) -> None:
    """Train some networks and log them to the project `demo`. The last takes half a minute, or not, with `once`."""
    digits = load_digits()
    x = torch.tensor(digits.images, dtype=torch.float32)[:, None] / 16
    y = torch.tensor(digits.target)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # in such small networks several wait for each other, and on a busy machine for long
    try:
        for setting in SETTINGS:
            print(f"torch: {setting.name}, {setting.epochs} epochs", flush=True)
            _train(setting, x, y, url, uid, WATCHED_S if setting.is_watched and not once else 0.0)
    finally:
        torch.set_num_threads(threads)


def _train(setting: Setting, x: torch.Tensor, y: torch.Tensor, url: str, uid: str | None, at_least_s: float) -> None:
    torch.manual_seed(0)
    model, measure = Digits(setting.channels), nn.CrossEntropyLoss()
    optimizer = getattr(torch.optim, setting.optimizer)(model.parameters(), lr=setting.lr)
    settings = {"channels": setting.channels, "optimizer": setting.optimizer, "lr": setting.lr, "batch_size": BATCH}
    began = time.monotonic()
    with PrevueTorchCallback(
        project_name="demo", url=url, uid=uid, model=model, run_name=setting.name, config=settings, update_freq="batch"
    ) as callback:
        for epoch in range(setting.epochs):
            for batch, chosen in enumerate(torch.randperm(TRAIN).split(BATCH)):
                loss = measure(model(x[chosen]), y[chosen])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                callback.on_batch_end(batch, {"loss": loss}, epoch=epoch)
            train, val = _judge(model, x[:TRAIN], y[:TRAIN]), _judge(model, x[TRAIN:], y[TRAIN:])
            callback.on_epoch_end(epoch, {**train, **{f"val_{name}": value for name, value in val.items()}})
            time.sleep(max(0.0, began + at_least_s * (epoch + 1) / setting.epochs - time.monotonic()))


@torch.no_grad()
def _judge(model: nn.Module, x: torch.Tensor, y: torch.Tensor) -> dict[str, torch.Tensor]:
    scores = model(x)
    return {"loss": nn.functional.cross_entropy(scores, y), "accuracy": (scores.argmax(1) == y).float().mean()}
