"""What a filter can ask for in a project."""

import pytest

from core.stream import metrics, model, started
from prevue_core.contract import RUN_STATES
from prevue_core.db import queries
from prevue_core.db.accounts import OPEN

pytestmark = pytest.mark.usefixtures("database")


def fields_of(stream):
    return queries.run_fields(OPEN, queries.run(OPEN, stream.run_id)["project_id"])


def told(stream):
    return {field["field"]: field for field in fields_of(stream)["fields"]}


def test_keys_of_configurations_come_with_their_types_and_usual_values():
    for lr in (0.1, 0.2, 0.1, "auto"):
        stream = started(config={"lr": lr, "optimizer": {"name": "adam"}, "layers": [64, 10], "none": None})
    found = told(stream)
    assert found["config.lr"] == {
        "field": "config.lr",
        "types": ["number", "text"],
        "examples": [0.1, 0.2, "auto"],
        "run_count": 4,
    }
    assert found["config.optimizer.name"]["examples"] == ["adam"]
    assert found["config.layers"]["examples"] == ["[64,10]"]
    assert "config.none" not in found


def test_fields_of_every_run_come_with_their_values():
    started(uid="bob", project="alice/test", tags=["a"], group="g", environment={"host": {"cpus": 8}})
    stream = started(tags=["a", "b"], connector_name="torch")
    stream.send(model("net"))
    found = told(stream)
    assert found["tag"]["examples"] == ["a", "b"]
    assert sorted(found["user"]["examples"]) == ["alice", "bob"]
    assert found["state"]["examples"] == list(RUN_STATES)
    assert (found["group"]["examples"], found["model"]["examples"]) == (["g"], ["net"])
    assert found["connector"]["examples"] == ["keras"]
    assert found["env.host.cpus"]["examples"] == [8]
    assert found["duration"]["types"] == ["number"]
    assert found["started"]["types"] == ["time"]


def test_series_come_with_split_kind_and_the_text_that_asks_for_them():
    for _ in range(2):
        stream = started()
        stream.send(metrics(0, {"val_loss": 1, "top.5": 1}))
    stream.send(metrics(0, {'it"s \\ odd': 1}))
    found = fields_of(stream)
    assert [(one["field"], one["split"], one["kind"], one["run_count"]) for one in found["series"]] == [
        ("metrics.val.loss", "val", "loss", 2),
        ('metrics.train."top.5"', "train", "metric", 2),
        ('metrics.train."it\\"s \\\\ odd"', "train", "metric", 1),
    ]
    assert found["sums"] == list(queries.SUMS)


def test_every_field_that_is_told_can_be_asked_for():
    stream = started(config={"a b": {"c.d": 1, "in": 2, "9": 3, "é": 4}, 'q"': 5, "": 6, "\n": 7}, environment={"@": 1})
    stream.send(metrics(0, {"loss": 1, "x y/z.1@2": 1, 'q"': 2}))
    found = fields_of(stream)
    texts = [field["field"] for field in found["fields"]]
    assert {'config."a b"."c.d"', 'config."a b".in', 'config."a b".9', 'config."a b".é', 'env."@"'} <= set(texts)
    texts += [f"{one['field']}.{end}" for one in found["series"] for end in found["sums"]]
    for text in texts:
        there = queries.runs(OPEN, 1, filter=f"{text} != null").items
        assert there or text.partition(".")[0] not in ("config", "env", "metrics"), text


def test_long_texts_are_no_examples_and_their_key_is_told():
    stream = started(config={"prompt": "x" * 101})
    assert told(stream)["config.prompt"] == {
        "field": "config.prompt", "types": ["text"], "examples": [], "run_count": 1,
    }  # fmt: skip
