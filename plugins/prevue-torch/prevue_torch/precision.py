"""Precision and recall at evenly spaced thresholds, as TensorBoard computes them."""

from typing import Any

import torch

LEAST = 1e-7  # of positives, so that nothing is divided by 0


def precision_and_recall(
    labels: Any, predictions: Any, num_thresholds: int = 127, weights: Any = None
) -> tuple[list[float], list[float]]:
    """Return precision and recall at `num_thresholds` thresholds from 0 to 1.

    `labels`: 0 or 1, `predictions`: from 0 to 1, `weights`: numbers or None for 1; all of one shape.
    """
    positive, scores = (torch.as_tensor(given).detach().cpu().double().flatten() for given in (labels, predictions))
    weight = torch.ones_like(scores) if weights is None else torch.as_tensor(weights).cpu().double().expand_as(scores)
    bucket = (scores * (num_thresholds - 1)).floor().clamp(0, num_thresholds - 1).long()
    true, false = (_at_least(bucket, part * weight, num_thresholds) for part in (positive, 1 - positive))
    precision = true / (true + false).clamp(min=LEAST)
    recall = true / true[0].clamp(min=LEAST)
    return precision.tolist(), recall.tolist()


def _at_least(bucket: torch.Tensor, weight: torch.Tensor, count: int) -> torch.Tensor:
    """Return for each threshold the weight of what is there or above."""
    found = torch.zeros(count, dtype=torch.float64).index_add_(0, bucket, weight)
    return found.flip(0).cumsum(0).flip(0)
