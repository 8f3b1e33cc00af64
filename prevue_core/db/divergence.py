"""Whether a loss has diverged: by its means over equal stretches of steps, so that one bad batch is no alarm.

Two things count. A training's own loss that had fallen far and is half way back up, and stays there: it has forgotten
what it had learned. And any loss that is a hundred times what it ever was, and stays there. Everything else that rises
is left alone, as it is usual somewhere: the losses of a GAN and of reinforcement learning, a KL term or a penalty that
is phased in, a loss of validation when the model learns by heart, the jumps of warm restarts.
"""

import math
from collections.abc import Sequence
from itertools import pairwise
from statistics import median, quantiles

MIN_MEANS = 80  # below, nothing is said
WINDOW = 0.05  # of the training: as long it has to be bad, and at least MIN_WINDOW means
MIN_WINDOW = 20
TIMES_NOISE = 3.0  # of one value to the next: a fall that is less is none
FELL_BY = 0.5  # of where it began: less is no learning that could be forgotten
CAME_BACK_BY = 0.5  # of what it had fallen
TIMES = 100.0  # what it was at most before


def has_diverged(means: Sequence[float], *, is_own: bool) -> bool:
    """Return whether a loss has diverged at its end. `means`: of equal stretches, in order of step; not all finite.

    `is_own`: it is the one that is trained on, `train/loss`, and not a part of it or of another split.
    """
    values = [value for value in means if math.isfinite(value)]
    if len(values) < MIN_MEANS:
        return False
    window = max(MIN_WINDOW, math.ceil(len(values) * WINDOW))
    levels = [median(values[end - window : end]) for end in range(window, len(values) - window + 1)]
    level = quantiles(values[-window:], n=4)[0]  # three of four are above: single batches are far off both ways
    sizes = list(map(abs, levels))
    if median(sizes) > 0 and level > TIMES * max(sizes):  # what was zero until now is a term that is switched on
        return True
    start, best = levels[0], min(levels)
    fell_by = start - best
    noise = median(abs(later - earlier) for earlier, later in pairwise(values))
    has_learned = fell_by > TIMES_NOISE * noise and fell_by >= FELL_BY * abs(start)
    return is_own and has_learned and level >= best + CAME_BACK_BY * fell_by
