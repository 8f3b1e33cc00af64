"""Method checks of trainings, by the curves that they log."""

from math import inf
from statistics import pstdev

from prevue_core.checks import Check, RunFacts
from prevue_core.method_checks.levels import beginning, end, learning_rate, level_at, loss, noise, smoothed

RISE = 0.05  # of the validation loss above its lowest value: Prechelt's generalisation loss of 5%
FEWEST_POINTS = 10
FALL_LEFT = 0.1  # of the whole fall, in the last fifth of a training
WORST = 2.0  # times the lowest loss
LEAST_FALL = 0.01  # of the first loss
ROUGHNESS = 0.05  # of the whole fall, by which a loss still jumps
MOST_TREND = 1.25  # times the deviation, of one half to the next: a straight line has 1.7
TEST_STEPS = 5


def overfit(facts: RunFacts) -> str | None:
    """Say whether the validation loss rose while the training loss still fell."""
    train, val = loss(facts, "train"), loss(facts, "val")
    if train is None or val is None or len(train) < 3 or len(val) < FEWEST_POINTS:
        return None
    levels = smoothed(val.values)
    best = levels.index(min(levels))
    rise, rough = end(val) - levels[best], noise(val.values)
    if len(val) - best <= 3 or levels[best] <= 0 or rise <= max(RISE * levels[best], 2 * rough):
        return None
    then, now = level_at(train, val.steps[best]), end(train)
    if now >= then:
        return None
    return (
        f"The validation loss was lowest, {levels[best]:.4g}, near step {val.steps[best]} and is {end(val):.4g} at the "
        f"end, {rise / levels[best]:.0%} more, while the training loss fell on from {then:.4g} to {now:.4g}: since "
        "then the model has learned what is true of the training samples only."
    )


def underfit(facts: RunFacts) -> str | None:
    """Say whether a training ended while it still learned."""
    train, val = loss(facts, "train"), loss(facts, "val")
    if train is None or len(train) < FEWEST_POINTS or facts.run["state"] != "finished":
        return None
    first, last = train.steps[0], train.steps[-1]
    fall, left = beginning(train) - end(train), level_at(train, last - (last - first) / 5) - end(train)
    if fall <= LEAST_FALL * abs(beginning(train)) or left <= max(FALL_LEFT * fall, 2 * noise(train.values)):
        return None
    has_val = val is not None and len(val) >= 3
    if val is not None and has_val and end(val) > min(val.values[:-3], default=inf) + noise(val.values):
        return None
    return (
        f"The training loss fell from {beginning(train):.4g} to {end(train):.4g}, {left / fall:.0%} of that in the "
        f"last fifth of the {last - first + 1} steps{', and the validation loss fell with it' if has_val else ''}: "
        "the training ended while the model still learned."
    )


def diverged(facts: RunFacts) -> str | None:
    """Say whether the training loss is not finite, or ends far above where it was."""
    train = loss(facts, "train")
    if train is None:
        return None
    if train.broken:
        return (
            f"The training loss {train.name} is not finite from step {train.broken_step} on, {train.broken} "
            f"time{'s' * (train.broken > 1)}: no weight can be trusted after that."
        )
    lowest = min(smoothed(train.values), default=0.0)
    if len(train) < FEWEST_POINTS or lowest <= 0 or end(train) <= max(WORST * lowest, beginning(train)):
        return None
    return (
        f"The training loss began at {beginning(train):.4g}, came down to {lowest:.4g} and ended at {end(train):.4g}: "
        "above where it began."
    )


def stalled(facts: RunFacts) -> str | None:
    """Say whether the training loss never fell."""
    train = loss(facts, "train")
    if train is None or len(train) < FEWEST_POINTS or train.broken or beginning(train) <= 0:
        return None
    fall = max(0.0, beginning(train) - min(smoothed(train.values)))
    if fall >= LEAST_FALL * beginning(train) or end(train) > WORST * beginning(train):
        return None
    return (
        f"The training loss began at {beginning(train):.4g} and was never below "
        f"{beginning(train) - fall:.4g} in {len(train)} points up to step {train.steps[-1]}: the model has not learned."
    )


def constant_rate(facts: RunFacts) -> str | None:
    """Say whether a learning rate that never moved keeps the loss jumping."""
    rate, train = learning_rate(facts), loss(facts, "train")
    if rate is None or train is None or len(rate) < FEWEST_POINTS or len(train) < 2 * FEWEST_POINTS:
        return None
    if max(rate.values) - min(rate.values) > 1e-6 * abs(rate.values[0]):
        return None
    later = train.values[len(train) // 2 :]
    fall, half = beginning(train) - min(train.values), len(later) // 2
    still = abs(sum(later[:half]) / half - sum(later[half:]) / (len(later) - half))
    jumps = pstdev(later)
    if fall <= LEAST_FALL * abs(beginning(train)) or jumps < ROUGHNESS * fall or still > MOST_TREND * jumps:
        return None
    return (
        f"The learning rate {rate.name} stayed at {rate.values[0]:.3g} for all {len(rate)} points, and in the second "
        f"half the training loss did not fall any more but jumped by {jumps:.3g}, {jumps / fall:.0%} of all that it "
        "had fallen: steps of this size are too long to settle."
    )


def test_picks(facts: RunFacts) -> str | None:
    """Say whether the epoch seems to be picked by a number of the test set."""
    asked = [text for text in _texts(facts.run["config"]) if text.lower().startswith(("test_", "test/"))]
    if asked:
        return (
            f"The configuration names {asked[0]!r} as what to watch. An epoch, or a stop, that is picked by the test "
            "set makes the test's numbers better than new data will be."
        )
    found = facts.series()
    tested = [row for row in found if row["split"] == "test" and row["count"] >= TEST_STEPS]
    if not tested or any(row["split"] == "val" for row in found):
        return None
    return (
        f"{tested[0]['name']} of the test set was logged at {tested[0]['count']} steps, and there is no validation "
        "set. Whoever keeps the best of these epochs, or stops by them, has picked it by the test set, and its number "
        "will be better than on new data."
    )


def _texts(config: object) -> list[str]:
    """Return the texts of a configuration below a name such as `monitor`."""
    if not isinstance(config, dict):
        return []
    found: list[str] = []
    for name, value in config.items():
        is_asked = any(word in str(name).lower() for word in ("monitor", "metric_for_best", "early_stop"))
        found += [value] if is_asked and isinstance(value, str) else _texts(value)
    return found


CHECKS = [
    Check(
        "overfit",
        "Overfit",
        "Speaks where the validation loss, at least 10 points of it, was lowest three points or more before the end "
        "and is at least 5% above that now, and above twice its own noise, while the training loss fell on. 5% is the "
        "generalisation loss of Prechelt, *Early stopping - but when?* (1998), section 2.2. Values are medians of "
        "three neighbours, and noise is what second differences show.\n\n"
        "Keep the weights of the best epoch, stop early, or train with more data, augmentation or regularisation.",
        overfit,
    ),
    Check(
        "underfit",
        "Underfit",
        "Speaks where a finished training made more than a tenth of its whole fall of the training loss in its last "
        "fifth, and the validation loss, if there is one, had not begun to rise; not where the loss fell by less than "
        "1% of its first value in all, which is a training that learns nothing. A loss that decays exponentially makes "
        "a tenth of its fall there when it was stopped after one and a half of its time constants; the bounds are "
        "ours. On underfitting see Goodfellow, Bengio and Courville, *Deep Learning* (2016), section 5.2.\n\n"
        "Train longer, with a higher learning rate, or a larger model.",
        underfit,
    ),
    Check(
        "diverged",
        "Training diverged",
        "Speaks where a training loss is NaN or infinite, or ends both above where it began and above twice its lowest "
        "value. The bounds are ours; what to do is in the *Deep Learning Tuning Playbook* (Godbole and others, 2023), "
        "in its part on unstable trainings.\n\n"
        "Lower the learning rate, warm it up, clip gradients, and look at the samples of the step before.",
        diverged,
    ),
    Check(
        "stalled",
        "Training stalled",
        "Speaks where the training loss, at least 10 points of it, never fell by a hundredth of its first value. The "
        "bound is ours. Karpathy, *A Recipe for Training Neural Networks* (2019), has the checks to make then: fit one "
        "batch, look at the loss of the first step, look at the inputs right before the model.\n\n"
        "Check that the weights are trained at all, the learning rate, and that inputs and targets belong together.",
        stalled,
    ),
    Check(
        "constant_rate",
        "Learning rate never moved",
        "Speaks where the logged learning rate is one number all along while, in the second half of at least 20 "
        "points, the training loss does not fall any more but jumps by more than 5% of its whole fall, which is more "
        "than 1% of its first value. The noise of stochastic gradients does not vanish at a minimum, so that the rate "
        "must: *Deep Learning* (2016), section 8.3.1. The two shares are ours.\n\n"
        "Let it decay, or use a schedule; where one is configured, see that it is stepped.",
        constant_rate,
    ),
    Check(
        "test_picks",
        "Test metric picks the epoch",
        "Speaks where the configuration tells a callback to watch a test metric (`monitor: test_loss`), or where a "
        "number of the test set was logged at 5 steps or more and there is no validation set. What is selected on a "
        "set is biased on it: Cawley and Talbot, *On over-fitting in model selection* (JMLR 11, 2010).\n\n"
        "Take a part of the training samples as validation set, and test once, at the end.",
        test_picks,
    ),
]
