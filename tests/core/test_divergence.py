"""Real trainings, judged as they go: those that learn are left alone, those that break are found."""

from itertools import count

import numpy as np
import pytest
from sklearn.datasets import load_digits

from prevue_core.db.divergence import MIN_MEANS, has_diverged
from prevue_core.db.patrol import GREW_BY, MEANS

STEPS = 1_000


def found_at(losses, is_own=True):
    """Return after how many values the loss is found diverged, None: never; looked at as often as the server does."""
    end = MIN_MEANS
    while end <= len(losses):
        width = 2 ** next(power for power in count() if end <= MEANS * 2**power)
        means = [float(np.mean(losses[start : min(start + width, end)])) for start in range(0, end, width)]
        if has_diverged(means, is_own=is_own):
            return end
        end = max(end + 1, int(end * GREW_BY))
    return None


def digits(rate, batch=16, steps=STEPS, wrong=0.0):
    """Return the losses of a network's batches. `rate(step)`: the learning rate; `wrong`: share of wrong labels."""
    chance = np.random.default_rng(0)
    x, y = load_digits(return_X_y=True)
    x, y = x / 16, np.where(chance.random(len(y)) < wrong, chance.integers(0, 10, len(y)), y)
    first, last = chance.normal(0, 0.2, (64, 32)), chance.normal(0, 0.2, (32, 10))
    speed, losses = [np.zeros_like(first), np.zeros_like(last)], []
    for step in range(steps):
        chosen = chance.integers(0, len(x), batch)
        hidden = np.maximum(x[chosen] @ first, 0)
        scores = hidden @ last
        scores = np.exp(scores - scores.max(1, keepdims=True))
        missed = scores / scores.sum(1, keepdims=True)
        losses.append(-np.log(missed[range(batch), y[chosen]] + 1e-12).mean())
        missed[range(batch), y[chosen]] -= 1
        slopes = x[chosen].T @ ((missed @ last.T) * (hidden > 0)) / batch, hidden.T @ missed / batch
        speed = [0.9 * fast - rate(step) * slope for fast, slope in zip(speed, slopes, strict=True)]
        first, last = first + speed[0], last + speed[1]
    return losses


def gan(steps=4_000, rate=0.05):
    """Return the losses of generator and discriminator: a line of noise learns to look like a Gaussian."""
    chance = np.random.default_rng(1)
    generator, judge = np.array([1.0, 0.0]), np.zeros(3)
    told = []

    def trusted(x):
        features = np.stack([np.ones_like(x), x, x**2])
        return features, 1 / (1 + np.exp(-np.clip(judge @ features, -30, 30)))

    for _ in range(steps):
        z = chance.normal(size=32)
        (of_real, real), (of_fake, fake) = trusted(chance.normal(3, 0.5, 32)), trusted(generator @ [z, np.ones(32)])
        told.append((-np.log(fake + 1e-12).mean(), -np.log(real + 1e-12).mean() - np.log(1 - fake + 1e-12).mean()))
        judge += rate * ((of_real * (1 - real)).mean(1) - (of_fake * fake).mean(1))
        made = generator @ [z, np.ones(32)]
        slope = (1 - trusted(made)[1]) * (judge[1] + 2 * judge[2] * made)
        generator += rate * np.array([(slope * z).mean(), slope.mean()])
    return np.array(told).T


@pytest.mark.parametrize(
    "training",
    [
        lambda: digits(lambda step: 0.01, batch=1),
        lambda: digits(lambda step: 0.3 * min(1, step / 300)),  # too fast, after a warm-up
        lambda: digits(lambda step: 0.1 * (1 + np.cos(np.pi * (step % 200) / 200))),  # warm restarts
        lambda: digits(lambda step: 0.05, wrong=0.3),
        lambda: gan()[0],
        lambda: gan()[1],
        lambda: [2.3] * STEPS,
        lambda: [0.0] * STEPS,
        lambda: [0.0] * (STEPS // 2) + [1.0] * (STEPS // 2),  # a term that is switched on
        lambda: [1e6 if step % 50 == 7 else 2.0 / (1 + step / 100) for step in range(STEPS)],
        lambda: [-(step**0.5) for step in range(STEPS)],
    ],
    ids=[
        "noisy",
        "warm-up",
        "restarts",
        "labels",
        "generator",
        "judge",
        "dead",
        "none",
        "phased-in",
        "spikes",
        "negative",
    ],
)
def test_a_training_that_goes_on_is_left_alone(training):
    assert found_at(training()) is None


@pytest.mark.parametrize("bad_rate", [pytest.param(3.0, id="never learns again"), pytest.param(30.0, id="explodes")])
def test_a_training_that_forgets_is_found_while_it_goes_on(bad_rate):
    losses = digits(lambda step: 0.05 if step < 600 else bad_rate)
    assert 600 < found_at(losses) < STEPS


def test_a_loss_that_explodes_is_found_whatever_it_is_called():
    chance = np.random.default_rng(0)
    weights, wanted, losses = np.zeros(5), np.ones(5), []
    for step in range(400):
        x = chance.normal(size=(16, 5)) * (1 if step < 300 else 4)
        missed = x @ (weights - wanted) + 0.1
        losses.append((missed**2).mean())
        weights -= 0.3 * x.T @ missed / 16
    assert 300 < found_at(losses, is_own=False) < 400


def test_another_loss_than_the_trained_one_may_come_back():
    losses = [2.0, *np.linspace(2.0, 0.1, 200), *np.linspace(0.1, 3.0, 200)]  # of validation: learned by heart
    assert found_at(losses, is_own=False) is None
    assert found_at(losses, is_own=True)


def test_values_that_are_not_finite_say_nothing():
    losses = [*np.linspace(2.0, 0.1, 200), *([np.nan, np.inf] * 100)]
    assert found_at(losses) is None
