"""The samples of an evaluation, as arrays."""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from prevue_core.evaluation.arrays import Bools, Floats, Ints
from prevue_core.evaluation.probabilities import logistic, softmax


@dataclass(frozen=True)
class Samples:
    """n samples. What was not logged is None, or empty."""

    task: str  # binary, multiclass, multilabel or regression
    labels: list[str]  # of k classes; none of a regression
    target: npt.NDArray[Any]  # (n,) class numbers or values; (n, k) of 0 and 1 for several labels at once
    prediction: npt.NDArray[Any]
    positive: int | None = None  # class of a binary task whose score is `score`
    score_type: str | None = None  # probability, logit or decision
    score: Floats | None = None  # (n,) of the positive class; of more classes of the one predicted
    scores: npt.NDArray[np.floating[Any]] | None = None  # (n, k), or (n, 6) of `classes`; float32 or float64
    classes: Ints | None = None
    weight: Floats | None = None  # None: each counts 1
    slices: dict[str, npt.NDArray[Any]] = field(default_factory=dict)  # (n,) texts
    features: dict[str, Floats] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.target)

    def only(self, chosen: Bools | Ints) -> "Samples":
        """Return some of the samples: those where it is true, or those at the places given, in their order."""
        columns: tuple[Any, ...] = (self.score, self.scores, self.classes, self.weight)
        score, scores, classes, weight = (None if column is None else column[chosen] for column in columns)
        return replace(
            self,
            target=self.target[chosen],
            prediction=self.prediction[chosen],
            score=score,
            scores=scores,
            classes=classes,
            weight=weight,
            slices={name: values[chosen] for name, values in self.slices.items()},
            features={name: values[chosen] for name, values in self.features.items()},
        )

    def probabilities(self) -> npt.NDArray[np.floating[Any]] | None:
        """Return the probability of each class, (n, k); None where scores only rank, or some are missing.

        Those that were logged are returned as they are stored: float32 in other floats would take twice the room.
        """
        if self.score_type in (None, "decision") or self.classes is not None:
            return None
        is_logit = self.score_type == "logit"
        if self.task == "binary" and self.score is not None:
            given = logistic(self.score) if is_logit else self.score
            return np.stack([given, 1 - given] if self.positive == 0 else [1 - given, given], axis=1)
        if not is_logit or self.scores is None:
            return self.scores
        return (logistic if self.task == "multilabel" else softmax)(self.scores.astype(float))

    def class_scores(self) -> npt.NDArray[np.floating[Any]] | None:
        """Return what ranks the samples for each class, (n, k), as `score_of` does for one; None: not logged."""
        if self.task == "binary":
            score = self.score
            return (
                None if score is None else np.column_stack([score, -score] if self.positive == 0 else [-score, score])
            )
        if self.scores is None or self.classes is not None:
            return None
        # Logits of several classes rank a class by its probability: the others' logits count, too.
        return self.probabilities() if self.score_type == "logit" else self.scores

    def score_of(self, label: int) -> Floats | None:
        """Return what ranks the samples for a class, the higher the more it is that; None where that was not logged."""
        if self.task == "binary":
            return self.score if self.score is None or label == self.positive else -self.score
        if self.scores is not None and self.classes is None and self.score_type != "logit":
            return np.asarray(self.scores[:, label], float)
        ranked = self.class_scores()
        return None if ranked is None else ranked[:, label].astype(float)

    def shift_of(self, label: int) -> float:
        """Return what makes of `score_of` the score to be shown: of two classes the other's probability is 1 - p.

        To rank by -p loses nothing, where 1 - p makes small ones equal.
        """
        return float(self.task == "binary" and self.score_type == "probability" and label != self.positive)

    def is_of(self, label: int) -> Bools:
        """Return which samples are of a class."""
        return np.asarray(self.target[:, label] == 1 if self.task == "multilabel" else self.target == label)


def grouped(values: npt.NDArray[Any]) -> tuple[list[str], Ints]:
    """Return the different texts among values of a slice, sorted, and the number of each value's among them."""
    texts = values.tolist()
    names = sorted(set(texts))
    number_of = {name: number for number, name in enumerate(names)}
    return names, np.fromiter(map(number_of.__getitem__, texts), int, len(texts))
