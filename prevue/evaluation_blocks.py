"""The samples of a test on their way to the server: of very many fewer, cut into blocks that are records."""

import uuid
from array import array
from collections.abc import Iterator
from typing import Any

import numpy as np

from prevue.evaluation import Samples
from prevue.evaluation_columns import Array
from prevue_core.evaluation_records import (
    BINARY,
    BLOCK_BYTES,
    BLOCK_SAMPLES,
    MAX_SAMPLES,
    MAX_SCORES,
    MULTICLASS,
    MULTILABEL,
    REGRESSION,
    TOP_SCORES,
    check_evaluation,
    packed,
)


def records_of(samples: Samples, **told: Any) -> Iterator[dict[str, Any]]:
    """Yield the records of an evaluation; `told`: name, split, and step where there is one. Raises InvalidValue."""
    samples = _few_scores(_few_samples(samples))
    key = str(uuid.uuid4())
    count = 0 if samples.scores is None else samples.scores.shape[1]
    told = {
        "key": key,
        **told,
        "task": samples.task,
        "labels": samples.labels,
        **({} if samples.positive is None else {"positive": samples.positive}),
        **({} if samples.score_type is None else {"score_type": samples.score_type}),
        "score_count": count,
        "samples": samples.tested,
        "stored": len(samples.target),
        "slices": list(samples.slices),
        "features": list(samples.features),
    }
    check_evaluation(told)  # what the server refuses would leave all samples without an evaluation
    yield {"type": "evaluation", **told}
    size = _block_size(samples, count)
    for first in range(0, len(samples.target), size):
        yield {"type": "predictions", "key": key, **_block(samples, first, min(first + size, len(samples.target)))}


# fewer of very many


def _few_samples(samples: Samples) -> Samples:
    """Keep at most MAX_SAMPLES, as many of each class as its share, one at least; each then stands for several."""
    count = len(samples.target)
    if count <= MAX_SAMPLES:
        return samples
    is_classes = samples.task in (BINARY, MULTICLASS)
    groups = samples.target if is_classes else np.zeros(count, int)
    random = np.random.default_rng(0)  # the same samples of the same test set each time, so that models can be compared
    weight, kept = np.ones(count) if samples.weight is None else samples.weight.copy(), []
    different = np.unique(groups)
    for group in different:
        places = np.flatnonzero(groups == group)
        share = 1 + (len(places) - 1) * (MAX_SAMPLES - len(different)) // (count - len(different))
        chosen = random.choice(places, share, replace=False)
        weight[chosen] *= len(places) / share
        kept.append(chosen)
    places = np.sort(np.concatenate(kept))
    return Samples(
        samples.task,
        samples.target[places],
        samples.prediction[places],
        samples.labels,
        samples.positive,
        None if samples.scores is None else samples.scores[places],
        samples.score_type,
        weight=weight[places],
        sample_ids=None if samples.sample_ids is None else [samples.sample_ids[place] for place in places],
        slices={name: [texts[place] for place in places] for name, texts in samples.slices.items()},
        features={name: values[places] for name, values in samples.features.items()},
        tested=samples.tested,
    )


def _few_scores(samples: Samples) -> Samples:
    """Keep the highest scores and the true class's, where there are too many in all."""
    if samples.task != MULTICLASS or samples.scores is None or samples.scores.size <= MAX_SCORES:
        return samples
    # Of equal scores the later classes', as top-k accuracy counts them.
    order = np.argsort(samples.scores, axis=1, kind="stable")[:, : -TOP_SCORES - 1 : -1]
    is_missing = (order != samples.target[:, None]).all(axis=1)
    order[is_missing, -1] = samples.target[is_missing]
    samples.scores = np.take_along_axis(samples.scores, order, axis=1)
    samples.classes = order.astype("int32")
    return samples


# blocks


def _block_size(samples: Samples, score_count: int) -> int:
    """Return how many samples go into a record."""
    texts = [texts for texts in (samples.sample_ids, *samples.slices.values()) if texts]
    text = sum(max(len(text.encode()) for text in column) + 3 for column in texts)
    width = samples.target.shape[1] // 8 if samples.task == MULTILABEL else 8
    score_bytes = 0 if samples.scores is None else samples.scores.itemsize
    numbers = score_bytes * score_count + 2 * width + 8 * (1 + len(samples.features))
    numbers += 4 * TOP_SCORES if samples.classes is not None else 0
    return max(1, min(BLOCK_SAMPLES, BLOCK_BYTES // (numbers + text)))


def _block(samples: Samples, first: int, end: int) -> dict[str, Any]:
    rows = slice(first, end)
    kind = {REGRESSION: "<f8", MULTILABEL: "B"}.get(samples.task, "<i4")
    block: dict[str, Any] = {"first": first, "count": end - first}
    for name, values in (("target", samples.target[rows]), ("prediction", samples.prediction[rows])):
        block[name] = _packed(
            np.packbits(values, axis=1, bitorder="little") if samples.task == MULTILABEL else values, kind
        )
    if samples.scores is not None:
        block["scores"] = _packed(samples.scores[rows], f"<f{samples.scores.itemsize}")
    if samples.classes is not None:
        block["classes"] = _packed(samples.classes[rows], "<i4")
    if samples.weight is not None:
        block["weight"] = _packed(samples.weight[rows], "<f8")
    if samples.sample_ids is not None:
        block["sample_ids"] = samples.sample_ids[rows]
    if samples.slices:
        block["slices"] = [texts[rows] for texts in samples.slices.values()]
    if samples.features:
        block["features"] = _packed(np.column_stack([values[rows] for values in samples.features.values()]), "<f8")
    return block


def _packed(values: Array, kind: str) -> str:
    return packed(array("B", values.astype(kind).tobytes()))
