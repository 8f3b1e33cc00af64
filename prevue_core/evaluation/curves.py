"""ROC and precision-recall as they are drawn: of some classes against the rest, and of all together.

`micro` ranks every pair of a sample and a class at once, `macro` is the mean of the classes' own curves, each counting
the same. A class without samples, or of which all samples are, has no curve and is not in the mean.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from prevue_core.evaluation import ranking
from prevue_core.evaluation.areas import NAMES
from prevue_core.evaluation.probabilities import given_to
from prevue_core.evaluation.ranking import Curve, Ranking
from prevue_core.evaluation.samples import Samples
from prevue_core.evaluation.scoring import areas, number
from prevue_core.evaluation.thinning import HALF_PIXEL, kept_points, spaced_points

MICRO, MACRO, LABEL = "micro", "macro", "label"

Json = dict[str, Any]


def curves(samples: Samples, labels: Sequence[int] = ()) -> list[Json]:
    """Return the means of all classes, where there are several, then each of `labels`; nothing without scores."""
    found = [] if samples.task == "binary" else _means(samples)
    for label in labels:
        if (ranked := ranked_of(samples, label)) is not None:
            found.append({"of": LABEL, "label": label, **drawn(ranked), **areas(ranked)})
    return found


def ranked_of(samples: Samples, label: int) -> Ranking | None:
    """Return the ranking of samples for a class, with the scores that are to be shown; None: without scores."""
    score = samples.score_of(label)
    if score is None:
        return None
    return shown(samples, label, ranking.rank(samples.is_of(label), score, samples.weight))


def shown(samples: Samples, label: int, ranked: Ranking) -> Ranking:
    """Return the ranking for a class with the scores that are to be shown."""
    return ranked._replace(score=ranked.score + samples.shift_of(label))


def rankings(samples: Samples) -> Iterator[Ranking]:
    """Yield the ranking of samples for each class, one after the other, as they take room; none without scores."""
    if samples.task == "binary" and samples.score is not None:
        positive = samples.positive or 0
        ranked = ranking.rank(samples.is_of(positive), samples.score, samples.weight)
        yield from (ranked if label == positive else ranking.of_the_rest(ranked) for label in range(2))
    elif (scores := samples.class_scores()) is not None:
        for label, score in enumerate(scores.T):
            yield ranking.rank(samples.is_of(label), score.astype(float), samples.weight)


def drawn(ranked: Ranking) -> Json:
    """Return the two curves, thinned to what can be seen."""
    return {
        "roc": thinned(ranking.roc(ranked)),
        "precision_recall": thinned(ranking.precision_recall(ranked), is_steps=True),
    }


def thinned(curve: Curve, *, is_steps: bool = False) -> Json:
    """Return a curve for JSON that is nowhere farther than half a pixel of 1 000 from the whole one.

    `is_steps`: it is drawn as steps, whose corners are told. A tenth of the half pixel is given to leaving out points
    before there are two corners of each.
    """
    near = spaced_points(curve.x, curve.y, HALF_PIXEL / 10)
    part = Curve(*(column[near] for column in curve))
    x, y, threshold = ranking.as_steps(part) if is_steps else part
    kept = kept_points(x, y, HALF_PIXEL * 0.9)
    return {
        "x": x[kept].tolist(),
        "y": y[kept].tolist(),
        "threshold": [number(one) for one in threshold[kept]],
        "points": len(curve.x),  # that it was thinned from
    }


def _means(samples: Samples) -> list[Json]:
    scores = samples.class_scores()
    if scores is None:
        return []
    given = scores[samples.target == 1] if samples.task == "multilabel" else given_to(samples.target, scores)
    macro = _Macro()
    micro = ranking.together(map(macro.seen, rankings(samples)), np.unique(given).astype(float))
    return [{"of": MICRO, "label": None, **drawn(micro), **areas(micro)}, {"of": MACRO, "label": None, **macro.told()}]


class _Macro:
    """Gathers what the classes' own curves come to on average."""

    def __init__(self) -> None:
        self._areas: list[dict[str, float | None]] = []
        self._heights = np.zeros((2, len(ranking.GRID)))  # summed up: of 10 000 classes they would take 3 GB

    def seen(self, ranked: Ranking) -> Ranking:
        """Take in a class that has a curve, and return its ranking."""
        if ranked.positives and ranked.negatives:
            self._areas.append(areas(ranked))
            self._heights += ranking.roc_heights(ranked), ranking.precision_heights(ranked)
        return ranked

    def told(self) -> Json:
        """Return the mean curves and areas, None where no class has one."""
        if not self._areas:
            return dict.fromkeys(("roc", "precision_recall", *NAMES))
        roc, precision = self._heights / len(self._areas)
        return {
            "roc": thinned(ranking.mean_curve(roc, start=0.0)),
            "precision_recall": thinned(ranking.mean_curve(precision)),
            **{name: number(np.mean([one[name] for one in self._areas])) for name in NAMES},
        }
