"""Series as TensorBoard's files have them, and as the backend stored them."""

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from prevue_core.contract import place_of


def in_files(folder, names=lambda tag: tag):
    """Return the series of a folder of event files: (split, name) to a list of (step, value)."""
    files = EventAccumulator(str(folder), size_guidance={"scalars": 0})
    files.Reload()
    tags = files.Tags()["scalars"]
    return {place_of(names(tag))[:2]: [(event.step, event.value) for event in files.Scalars(tag)] for tag in tags}


def in_backend(backend, project):
    """Return the series of a project in the same form."""
    found = {}
    columns = "metrics.split, loss_name, loss_value, metric_name, metric_value, step"
    for split, loss, loss_value, metric, metric_value, step in backend.metrics(project, columns):
        for name, value in ((loss, loss_value), (metric, metric_value)):
            if name is not None:
                found.setdefault((split, name), []).append((step, value))
    return found


def assert_equal(found, expected):
    """TensorBoard's files have numbers with seven digits."""
    assert found.keys() == expected.keys()
    for place, points in expected.items():
        assert [step for step, _ in found[place]] == [step for step, _ in points]
        assert [value for _, value in found[place]] == pytest.approx([value for _, value in points], rel=1e-6)
