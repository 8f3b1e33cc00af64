"""`prevue import tensorboard`: the files that PyTorch's writer leaves, and Keras's folders, as runs of the backend."""

import json
import shutil

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from torch.utils.tensorboard import SummaryWriter
from torch_series import assert_equal, in_backend, in_files

from prevue.cli import cli
from prevue.event_files import find_runs

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of TensorBoard and its protobuf


def imported(folder, project, *options, code=0):
    """Return what the command says, as JSON."""
    done = CliRunner().invoke(cli, ["import", "tensorboard", str(folder), "--project", project, *options])
    assert done.exit_code == code, done.output
    return json.loads(done.stdout) if "--json" in options else done.output


def write(folder, steps=range(5), close=True, new_style=False, **given):
    writer = SummaryWriter(folder, **given)
    for step in steps:
        walltime = 1_700_000_000.5 + step
        writer.add_scalar("Loss/train", 1.0 / (step + 1), step, walltime)
        writer.add_scalar("accuracy", torch.tensor(step / 10), step, walltime, new_style)
    writer.flush()
    if close:
        writer.close()
    return writer


def test_series_equal_those_in_the_files_with_their_times(backend, tmp_path):
    write(tmp_path / "first")
    write(tmp_path / "more" / "second", range(3))
    said = imported(tmp_path, "imported")
    assert "2 runs are in" in said
    assert backend.runs("imported", "run_name, state") == [("first", "finished"), ("more/second", "finished")]
    both = in_files(tmp_path / "first", lambda tag: tag.replace("Loss/train", "train/Loss"))
    second = in_files(tmp_path / "more" / "second", lambda tag: tag.replace("Loss/train", "train/Loss"))
    assert_equal(in_backend(backend, "imported"), {place: both[place] + second[place] for place in both})
    assert backend.metrics("imported", "timestamp")[0][0].startswith("2023-11-14 22:13:20.5")


def test_a_second_import_adds_nothing_and_a_grown_file_what_is_new(backend, tmp_path):
    writer = write(tmp_path / "run", close=False, new_style=True)
    first = imported(tmp_path, "again", "--json")
    before = in_backend(backend, "again")
    second = imported(tmp_path, "again", "--json")
    assert (first["records"], second["records"]) == (12 + 1, 0)  # ten values, and the start and end of two writers
    assert second["runs"][0]["known"] == first["records"] - 1 + 1
    assert in_backend(backend, "again") == before
    writer.add_scalar("accuracy", 0.9, 5)
    writer.close()
    assert imported(tmp_path, "again", "--json")["records"] == 1 + 2
    assert in_backend(backend, "again")["train", "accuracy"] == [*before["train", "accuracy"], (5, pytest.approx(0.9))]
    assert backend.runs("again") == [("finished",)]


def test_a_folder_that_moved_is_the_same_run(backend, tmp_path):
    write(tmp_path / "here" / "run")
    imported(tmp_path / "here", "moved")
    shutil.move(tmp_path / "here", tmp_path / "there")
    assert imported(tmp_path / "there" / "run", "moved", "--json")["records"] == 0


def test_a_restarted_training_is_one_run(backend, tmp_path):
    write(tmp_path / "run", range(4))
    write(tmp_path / "run", range(2, 6), purge_step=2, filename_suffix=".second")
    imported(tmp_path, "restarted")
    [(run_id, state)] = backend.runs("restarted", "run_id, state")
    assert state == "finished"
    steps = [step for step, _ in in_backend(backend, "restarted")["train", "accuracy"]]
    assert steps == [0, 1, 2, 3, 2, 3, 4, 5]
    assert ("goes on at step 2", 2) in backend.rows("SELECT text, step FROM events WHERE run_id = ?", run_id)


def test_files_come_in_the_order_in_which_they_were_begun(tmp_path):
    for name in ("1700000000.vm.7.10", "1700000000.vm.7.9", "999999999.vm.7.0"):
        (tmp_path / f"events.out.tfevents.{name}").touch()
    [run] = find_runs(tmp_path)
    assert [path.name.rpartition(".")[2] for path, _ in run.files] == ["0", "9", "10"]


def test_all_that_has_a_view_comes_along_and_the_rest_is_told(backend, tmp_path):
    writer = SummaryWriter(tmp_path)
    writer.add_histogram("weights", np.arange(100.0), 1)
    writer.add_image("image", torch.rand(3, 4, 5), 1)
    writer.add_image("large", torch.rand(3, 600, 600), 1)
    writer.add_text("note", "it learns", 1)
    writer.add_pr_curve("pr", np.array([0, 1, 1]), np.array([0.1, 0.4, 0.9]), 1, num_thresholds=5)
    writer.add_audio("sound", torch.zeros(1, 10), 1)
    writer.add_graph(torch.nn.Linear(2, 1), torch.zeros(1, 2))
    writer.close()
    [run] = imported(tmp_path, "all kinds", "--json")["runs"]
    assert run["left_out"] == {"audio": 1, "graphs": 2, "image, too large or damaged": 1}
    rows = backend.rows("SELECT kind, name, step, payload FROM results WHERE run_id = ?", run["run_id"])
    payloads = {(kind, name): json.loads(payload) for kind, name, step, payload in rows if step == 1}
    assert set(payloads) == {("histogram", "weights"), ("image", "image"), ("text", "note"), ("pr_curve", "pr")}
    histogram = payloads["histogram", "weights"]
    assert (sum(histogram["counts"]), histogram["edges"][0], histogram["edges"][-1]) == (100, 0.0, 99.0)
    assert payloads["text", "note"]["text"] == "it learns"
    assert payloads["pr_curve", "pr"]["recall"][0] == 1.0


def test_hparams_become_the_configuration_of_the_run(backend, tmp_path):
    writer = write(tmp_path / "run", close=False)
    writer.add_hparams({"lr": 0.1, "net": "small"}, {"hparam/accuracy": 0.5})
    writer.close()
    imported(tmp_path, "imported hparams")
    assert backend.runs("imported hparams", "run_name, config") == [("run", '{"lr":0.1,"net":"small"}')]
    assert in_backend(backend, "imported hparams")["train", "hparam/accuracy"] == [(0, 0.5)]


def test_folders_of_keras_are_splits(backend, tmp_path):
    for split, value in (("train", 1.0), ("validation", 2.0)):
        with SummaryWriter(tmp_path / "fit" / split) as writer:
            writer.add_scalar("epoch_loss", value, 0)
    imported(tmp_path, "keras folders")
    assert backend.runs("keras folders", "run_name") == [("fit",)]
    expected = {("train", "epoch_loss"): [(0, 1.0)], ("val", "epoch_loss"): [(0, 2.0)]}
    assert in_backend(backend, "keras folders") == expected


def test_a_file_that_breaks_off_is_read_up_to_there(backend, tmp_path):
    write(tmp_path)
    [path] = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:-7])
    [run] = imported(tmp_path, "broken", "--json")["runs"]
    assert "bytes at the end that are no event" in run["left_out"]
    assert len(in_backend(backend, "broken")["train", "accuracy"]) == 4


def test_without_files_or_a_server_it_says_so(nowhere, tmp_path):
    done = CliRunner().invoke(cli, ["import", "tensorboard", str(tmp_path)])
    assert done.exit_code == 1
    assert "has no event files" in done.output
    write(tmp_path)
    done = CliRunner().invoke(cli, ["import", "tensorboard", str(tmp_path)])
    assert nowhere in str(done.exception)
