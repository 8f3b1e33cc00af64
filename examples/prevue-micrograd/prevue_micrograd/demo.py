"""Small trainings to look at: networks of several sizes learn to tell two half moons apart."""

import math
import random

from micrograd.engine import Value
from micrograd.nn import MLP

from prevue_micrograd.callback import PrevueMicrogradCallback

EPOCHS = 30
RATE = 0.5
Point = tuple[list[float], int]


def main(url: str, *, once: bool) -> None:
    """Train some networks and log them to the project `demo`. It takes seconds, whether to be watched or `once`."""
    for size in (2, 4, 8):
        print(f"micrograd: {size} neurons, {EPOCHS} epochs", flush=True)
        random.seed(0)
        points, model = moons(60), MLP(2, [size, 1])
        with PrevueMicrogradCallback("demo", url=url, model=model, run_name=f"{size} neurons") as callback:
            for epoch in range(EPOCHS):
                callback.on_epoch_end(epoch, train(model, points))


def moons(count: int) -> list[Point]:
    """Return points of two half moons, a little blurred, with their class: 1 or -1."""
    return [(_moon(random.random() * math.pi, side), side) for side in (1, -1) for _ in range(count // 2)]


def _moon(angle: float, side: int) -> list[float]:
    x, y = math.cos(angle), math.sin(angle)
    place = (x, y) if side > 0 else (1 - x, 0.5 - y)
    return [value + random.gauss(0, 0.1) for value in place]


def train(model: MLP, points: list[Point]) -> dict[str, Value | float]:
    """Make one step down the gradient and return how good the model was before it."""
    scores = [model(place) for place, _ in points]
    margins = [(1 - side * score).relu() for score, (_, side) in zip(scores, points, strict=True)]
    loss = sum(margins) * (1 / len(points))
    model.zero_grad()
    loss.backward()
    for parameter in model.parameters():
        parameter.data -= RATE * parameter.grad
    right = sum((score.data > 0) == (side > 0) for score, (_, side) in zip(scores, points, strict=True))
    return {"loss": loss, "accuracy": right / len(points)}
