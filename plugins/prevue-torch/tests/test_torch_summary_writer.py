"""A script that was written for TensorBoard, with the other import."""

import inspect
import json

import matplotlib as mpl
import numpy as np
import pytest
import torch
from matplotlib import pyplot
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import nn
from torch.utils import tensorboard
from torch_series import assert_equal, in_backend, in_files

from prevue_core.errors import InvalidValue
from prevue_torch import SummaryWriter

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of TensorBoard and its protobuf
mpl.use("Agg")

METHODS = [name for name in dir(tensorboard.SummaryWriter) if not name.startswith("_")]


def results(backend, project):
    """Return payloads by kind, split, name and step."""
    columns = "kind, results.split, results.name, results.step, payload"
    sql = f"SELECT {columns} FROM results JOIN runs USING (run_id) JOIN projects USING (project_id)"
    rows = backend.rows(f"{sql} WHERE project_name = ?", project)
    return {tuple(place): json.loads(payload) for *place, payload in rows}


def script(writer):
    """Write as a training does."""
    torch.manual_seed(0)
    for step in range(5):
        writer.add_scalar("Loss/train", torch.tensor(1.0 / (step + 1)), step)
        writer.add_scalar("Loss/test", 2.0 / (step + 1), global_step=step)
        writer.add_scalar("lr", 0.1, step)
        writer.add_scalar("lr_scale", np.float32(step), torch.tensor(step))
    writer.add_histogram("weights", torch.randn(100), 4)
    writer.add_text("note", "it learns", 4)
    writer.add_image("first", torch.rand(3, 4, 5), 4)
    writer.flush()
    writer.close()


@pytest.mark.parametrize("name", [name for name in METHODS if name != "log_dir"])
def test_methods_have_pytorchs_signature(name):
    theirs, ours = (inspect.signature(getattr(kind, name)) for kind in (tensorboard.SummaryWriter, SummaryWriter))
    described = [[(one.name, one.kind, one.default) for one in each.parameters.values()] for each in (theirs, ours)]
    assert described[0] == described[1]


def test_the_constructor_begins_with_pytorchs_signature():
    theirs, ours = (
        list(inspect.signature(kind).parameters.values()) for kind in (tensorboard.SummaryWriter, SummaryWriter)
    )
    assert [(one.name, one.default) for one in theirs] == [(one.name, one.default) for one in ours[: len(theirs)]]
    assert all(one.kind in (one.KEYWORD_ONLY, one.VAR_KEYWORD) for one in ours[len(theirs) :])


def test_series_equal_those_in_tensorboards_files(backend, tmp_path):
    script(tensorboard.SummaryWriter(tmp_path / "theirs"))
    script(SummaryWriter(tmp_path / "first run", project="written"))
    places = {"Loss/train": "train/Loss", "Loss/test": "test/Loss"}
    assert_equal(in_backend(backend, "written"), in_files(tmp_path / "theirs", lambda tag: places.get(tag, tag)))
    assert backend.runs("written", "run_name, state") == [("first run", "finished")]


def test_histograms_text_and_images_are_results(backend, tmp_path):
    script(SummaryWriter(tmp_path, project="written results"))
    found = results(backend, "written results")
    assert set(found) == {
        ("histogram", "train", "weights", 4),
        ("text", "train", "note", 4),
        ("image", "train", "first", 4),
    }
    assert sum(found["histogram", "train", "weights", 4]["counts"]) == 100
    assert found["text", "train", "note", 4]["text"] == "it learns"
    image = found["image", "train", "first", 4]
    assert (image["height"], image["width"]) == (4, 5)


def test_values_that_belong_together_are_one_call(backend, tmp_path):
    with SummaryWriter(tmp_path, project="together") as writer:
        writer.add_scalars("loss", {"train": 1.0, "val": 2.0, "other": 3.0}, 7)
    expected = {("train", "loss"): [(7, 1.0)], ("val", "loss"): [(7, 2.0)], ("train", "loss/other"): [(7, 3.0)]}
    assert in_backend(backend, "together") == expected


def test_tags_of_one_place_stay_apart(backend, tmp_path):
    with SummaryWriter(tmp_path, project="apart") as writer:
        writer.add_scalar("loss", 1.0, 0)
        writer.add_scalar("loss/train", 2.0, 0)
    assert in_backend(backend, "apart") == {("train", "loss"): [(0, 1.0)], ("train", "loss/train"): [(0, 2.0)]}


def test_hparams_are_configuration_and_no_other_run(backend, tmp_path):
    with SummaryWriter(tmp_path, project="hparams") as writer:
        writer.add_hparams({"lr": 0.1, "net": "small"}, {"hparam/accuracy": 0.5})
    assert backend.runs("hparams", "config") == [('{"lr":0.1,"net":"small"}',)]
    assert in_backend(backend, "hparams") == {("train", "hparam/accuracy"): [(0, 0.5)]}


def test_images_become_one_and_dimensions_come_in_any_order(backend, tmp_path):
    with SummaryWriter(tmp_path, project="images") as writer:
        writer.add_images("grid", np.zeros((10, 4, 5, 3), np.uint8), 0, dataformats="NHWC")
        writer.add_image("grey", torch.rand(6, 7), 0, dataformats="HW")
        writer.add_figure("figure", pyplot.figure(figsize=(2, 1), dpi=50), 0)
        writer.add_image("wrong", torch.rand(6, 7), 0)
    sizes = {name: (one["height"], one["width"]) for (_, _, name, _), one in results(backend, "images").items()}
    assert sizes == {"grid": (8, 40), "grey": (6, 7), "figure": (50, 100)}
    assert pyplot.get_fignums() == []


def test_precision_and_recall_equal_tensorboards(backend, tmp_path):
    torch.manual_seed(0)
    labels, scores = torch.randint(2, (50,)), torch.rand(50)
    with SummaryWriter(tmp_path, project="curves", tee=True) as writer:
        writer.add_pr_curve("pr", labels, scores, 3, num_thresholds=21)
    files = EventAccumulator(str(tmp_path))
    files.Reload()
    [event] = files.Tensors("pr")
    expected = torch.tensor(event.tensor_proto.float_val).reshape(6, 21)
    found = results(backend, "curves")["pr_curve", "train", "pr", 3]
    assert found["precision"] == pytest.approx(expected[4].tolist(), rel=1e-6)
    assert found["recall"] == pytest.approx(expected[5].tolist(), rel=1e-6)
    assert found["thresholds"][:2] == [0.0, 0.05]


def test_buckets_of_ones_own_are_kept(backend, tmp_path):
    with SummaryWriter(tmp_path, project="raw") as writer:
        writer.add_histogram_raw("raw", -1.0, 5.0, 3, 6.0, 14.0, [0.0, 1.0, 2.0, 5.0], [0, 1, 0, 2], 0)
    assert results(backend, "raw")["histogram", "train", "raw", 0] == {"edges": [0, 1, 2, 5], "counts": [1, 0, 2]}


def test_a_graph_is_the_models_description(backend, tmp_path):
    with SummaryWriter(tmp_path, project="graph") as writer:
        writer.add_graph(nn.Sequential(nn.Linear(3, 4), nn.ReLU()), torch.zeros(2, 3))
    layers = backend.model("graph")[2]["layers"]
    assert [layer["output_shape"] for layer in layers] == [[None, 4], [None, 4]]


def test_what_has_no_view_costs_one_warning_a_kind(backend, tmp_path, caplog):
    with SummaryWriter(tmp_path, project="no view") as writer:
        for _ in range(3):
            writer.add_audio("sound", torch.zeros(1, 10))
            writer.add_embedding(torch.zeros(2, 2))
        writer.add_scalar("after", 1.0, 0)
    told = [record.getMessage() for record in caplog.records if "no view" in record.getMessage()]
    assert len(told) == 2
    assert in_backend(backend, "no view") == {("train", "after"): [(0, 1.0)]}


def test_a_tee_writes_tensorboards_files_too(backend, tmp_path):
    script(SummaryWriter(tmp_path, project="tee", tee=True))
    assert len(in_files(tmp_path)) == 4
    assert len(in_backend(backend, "tee")) == 4
    given = tensorboard.SummaryWriter(tmp_path / "given")
    script(SummaryWriter(tmp_path / "none", project="tee", tee=given))
    assert in_files(tmp_path / "given").keys() == in_files(tmp_path).keys()


def test_purge_step_goes_on_with_the_folders_run(backend, tmp_path):
    for purge_step, steps in ((None, range(4)), (2, range(2, 5)), (None, range(1))):
        with SummaryWriter(tmp_path, purge_step=purge_step, project="purged") as writer:
            for step in steps:
                writer.add_scalar("loss", float(purge_step or 0), step)
    (first,), _ = backend.runs("purged", "run_id")  # the second is of the writer that purges nothing
    sql = "SELECT step, loss_value FROM metrics WHERE run_id = ? ORDER BY metric_id"
    assert backend.rows(sql, first) == [(0, 0), (1, 0), (2, 0), (3, 0), (2, 2), (3, 2), (4, 2)]
    assert ("goes on at step 2", 2) in backend.rows("SELECT text, step FROM events WHERE run_id = ?", first)


def test_an_exception_fails_the_run_and_is_not_swallowed(backend, tmp_path):
    def fail():
        with SummaryWriter(tmp_path, project="writer fails") as writer:
            writer.add_scalar("loss", 1.0)
            raise MemoryError("no memory")

    with pytest.raises(MemoryError, match="no memory"):
        fail()
    assert backend.runs("writer fails") == [("failed",)]


def test_the_folder_is_there_for_what_is_kept_beside(tmp_path):
    with SummaryWriter(tmp_path / "runs" / "one", mode="disabled") as writer:
        torch.save({}, f"{writer.get_logdir()}/model.pt")
    assert (tmp_path / "runs" / "one" / "model.pt").exists()


def test_a_value_that_cannot_be_logged_does_not_stop_the_script(backend, tmp_path, caplog):
    with SummaryWriter(tmp_path, project="odd values") as writer:
        writer.add_scalar("loss", "high", 0)
        writer.add_histogram("weights", "wide", 0)
        writer.add_pr_curve("pr", [0, 1], "scores", 0)
    assert in_backend(backend, "odd values") == {}
    assert len(caplog.records) >= 3


def test_a_bad_argument_is_refused_with_its_value():
    with pytest.raises(InvalidValue, match="'a/b/c'"):
        SummaryWriter("runs/one", project="a/b/c")
