"""ROC and precision-recall as they are drawn: of some classes against the rest, and of all together.

`micro` ranks every pair of a sample and a class at once, `macro` is the mean of the classes' own curves, each counting
the same. A class without samples, or of which all samples are, has no curve and is not in the mean.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from prevue_core.evaluation import ranking
from prevue_core.evaluation.ranking import Curve, Ranking
from prevue_core.evaluation.samples import Samples
from prevue_core.evaluation.scoring import areas, number
from prevue_core.evaluation.thinning import kept_points

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
    ranked = ranking.rank(samples.is_of(label), score, samples.weight)
    return ranked._replace(score=ranked.score + samples.shift_of(label))


def drawn(ranked: Ranking) -> Json:
    """Return the two curves, thinned to what can be seen."""
    return {
        "roc": thinned(ranking.roc(ranked)),
        "precision_recall": thinned(ranking.as_steps(ranking.precision_recall(ranked))),
    }


def thinned(curve: Curve) -> Json:
    """Return a curve for JSON, none of whose points has moved by more than half a pixel of 1 000."""
    kept = kept_points(curve.x, curve.y)
    return {
        "x": curve.x[kept].tolist(),
        "y": curve.y[kept].tolist(),
        "threshold": [number(threshold) for threshold in curve.threshold[kept]],
        "points": len(curve.x),  # that it was thinned from
    }


def _means(samples: Samples) -> list[Json]:
    scores = samples.class_scores()
    if scores is None:
        return []
    positive = np.column_stack([samples.is_of(label) for label in range(len(samples.labels))])
    weights = None if samples.weight is None else np.repeat(samples.weight, len(samples.labels))
    micro = ranking.rank(positive.ravel(), scores.ravel(), weights)
    each = [ranking.rank(*columns, samples.weight) for columns in zip(positive.T, scores.T, strict=True)]
    macro = _macro([one for one in each if one.positives and one.negatives])
    return [{"of": MICRO, "label": None, **drawn(micro), **areas(micro)}, {"of": MACRO, "label": None, **macro}]


def _macro(ranked: list[Ranking]) -> Json:
    if not ranked:
        return dict.fromkeys(("roc", "precision_recall", "roc_auc", "average_precision"))
    found = [areas(one) for one in ranked]
    return {
        "roc": thinned(ranking.mean_curve([ranking.roc(one) for one in ranked])),
        "precision_recall": thinned(ranking.mean_precision_recall([ranking.precision_recall(one) for one in ranked])),
        **{name: number(np.mean([one[name] for one in found])) for name in ("roc_auc", "average_precision")},
    }
