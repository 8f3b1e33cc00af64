"""Where a run runs: what is told at its start, by git, and while it goes on."""

import os
import shutil
import subprocess
import sys
import types

import pytest

import prevue
from prevue import environment
from prevue.environment import environment_at_start, environment_now

COMMIT = [
    ["init", "-q", "-b", "trunk"],
    ["config", "user.email", "a@example.org"],
    ["config", "user.name", "A"],
    ["remote", "add", "origin", "https://bob:hunter2@example.org/net.git"],
    ["add", "."],
    ["commit", "-q", "-m", "first"],
]


@pytest.fixture
def repository(tmp_path):
    """A repository with one commit, and a program that logs."""
    folder = tmp_path / "net"
    folder.mkdir()
    (folder / "train.py").write_text(
        "import prevue.run\nprevue.run.REPOSITORY_EXIT_S = 30\nprevue.init('p', mode='offline').log({'loss': 0.5})\n"
    )
    for command in COMMIT:
        git(folder, *command)
    return folder


def git(folder, *command):
    subprocess.run(["git", "-C", str(folder), *command], check=True, capture_output=True)


@pytest.fixture
def told_by(spooled, spool_dir, tmp_path):
    """Run a program from a folder of no repository and return its environment, as the records of its run add to it."""

    def told_by(*command: str, **environ: str) -> dict:
        command = [sys.executable, *command]
        shutil.rmtree(spool_dir, ignore_errors=True)
        subprocess.run(command, cwd=tmp_path, env={**os.environ, **environ}, check=True, capture_output=True, text=True)
        told = {}
        for record in spooled():
            told |= record.get("environment", {})
        return told

    return told_by


def test_the_command_line_is_kept_without_its_secrets(told_by, tmp_path):
    script = tmp_path / "train.py"
    script.write_text("import prevue\nprevue.init('p', mode='offline')\n")
    told = told_by("-X", "dev", str(script), "--lr", "0.1", "--api-key", "hunter2", "wandb.password=hunter2")
    assert told["command"] == f"{sys.executable} -X dev {script} --lr 0.1 --api-key *** wandb.password=***"
    assert (told["script"], told["folder"]) == (str(script), str(tmp_path))


def test_names_in_other_encodings_are_kept_as_far_as_utf8_goes(spooled, tmp_path):
    script = os.fsencode(tmp_path) + b"/train\xff.py"
    with open(script, "w") as file:
        file.write("import prevue\nprevue.init('p', mode='offline')\nraise ValueError")
    subprocess.run([sys.executable, script, b"\xfe"], cwd=tmp_path, capture_output=True, check=False)
    start, end = spooled()
    assert start["environment"]["script"] == f"{tmp_path}/train\\udcff.py"
    assert end["environment"]["exception"]["where"] == f"{tmp_path}/train\\udcff.py:3"


def test_a_program_on_the_command_line_is_not_kept(told_by):
    told = told_by("-c", "import prevue; password = 'hunter2'; prevue.init('p', mode='offline')", "--lr", "0.1")
    assert told["command"] == f"{sys.executable} -c ... --lr 0.1"


def test_a_module_that_is_run_is_kept(told_by, tmp_path):
    (tmp_path / "train.py").write_text("import prevue\nprevue.init('p', mode='offline')\n")
    assert told_by("-m", "train", "--lr", "0.1")["command"] == f"{sys.executable} -m train --lr 0.1"


def test_packages_are_those_that_are_imported_at_the_start_and_later(told_by, tmp_path):
    (tmp_path / "early.py").write_text("__version__ = '1.2'\n")
    (tmp_path / "late.py").write_text("__version__ = '3.4+cu1'\n")
    (tmp_path / "train.py").write_text(
        "import early, prevue\nrun = prevue.init('p', mode='offline')\nimport late\nrun.finish()\n"
    )
    told = told_by(str(tmp_path / "train.py"))
    assert told["packages"] == {"late": "3.4+cu1"}  # at the end; the start has the others
    assert environment_now()["packages"]["pytest"] == pytest.__version__


def test_modules_are_not_asked_but_looked_at(monkeypatch):
    class Lazy(types.ModuleType):
        def __getattribute__(self, name):
            pytest.fail(f"asked for {name}")

    lazy = Lazy("lazy")
    strange = types.ModuleType("strange")
    strange.__version__ = ("1", "2")
    monkeypatch.setitem(sys.modules, "lazy", lazy)
    monkeypatch.setitem(sys.modules, "strange", strange)
    monkeypatch.setitem(sys.modules, "none", None)
    assert not {"lazy", "strange", "none", "json", "re"} & environment_now()["packages"].keys()


def test_gpus_are_those_that_torch_works_on(monkeypatch):
    cuda = types.SimpleNamespace(
        is_initialized=lambda: True, device_count=lambda: 2, get_device_name=lambda number: f"GPU {number}"
    )
    monkeypatch.setitem(sys.modules, "torch", types.SimpleNamespace(cuda=cuda))
    assert environment_now()["gpus"] == ["GPU 0", "GPU 1"]
    cuda.get_device_name = lambda number: 1 / 0
    assert "gpus" not in environment_now()
    cuda.is_initialized = lambda: False
    monkeypatch.setattr(environment, "glob", lambda _: [])
    assert "gpus" not in environment_now()


def test_nvidias_gpus_are_known_without_torch(monkeypatch, tmp_path):
    (tmp_path / "0").write_text("Model: \t\t NVIDIA H100 80GB HBM3\nIRQ:   \t\t 1\n")
    (tmp_path / "1").write_text("nothing that is known")
    paths = [str(tmp_path / name) for name in ("0", "1", "gone")]
    monkeypatch.setattr(environment, "glob", lambda _: paths)
    assert environment_now()["gpus"] == ["NVIDIA H100 80GB HBM3"]


def test_where_linux_tells_of_no_gpus_nvml_does_once_it_works(monkeypatch):
    names = ["NVIDIA H100 80GB HBM3", "NVIDIA L4"]
    nvml = types.SimpleNamespace(
        nvmlDeviceGetCount=lambda: 2,
        nvmlDeviceGetHandleByIndex=lambda number: number,
        nvmlDeviceGetName=names.__getitem__,
    )
    monkeypatch.setattr(environment, "glob", lambda _: [])
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    assert environment_now()["gpus"] == names
    nvml.nvmlDeviceGetCount = lambda: 1 / 0  # as it is before somebody has called nvmlInit
    assert "gpus" not in environment_now()


def test_a_current_folder_that_is_gone_is_none(monkeypatch, tmp_path):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert environment_at_start()["folder"] is None
    run = prevue.init("p", mode="offline")
    run.finish()
    monkeypatch.chdir(tmp_path)


# git


def test_commit_branch_and_remote_are_kept_without_its_user(told_by, repository):
    head = subprocess.run(["git", "-C", str(repository), "rev-parse", "HEAD"], capture_output=True, text=True).stdout
    told = told_by(str(repository / "train.py"))
    assert {name: value for name, value in told.items() if name.startswith("git")} == {
        "git_commit": head.strip(),
        "git_branch": "trunk",
        "git_remote": "https://example.org/net.git",
        "git_dirty": False,
    }


def test_a_changed_file_makes_it_dirty_and_a_new_one_does_not(told_by, repository):
    (repository / "notes.txt").write_text("new")
    assert told_by(str(repository / "train.py"))["git_dirty"] is False
    with (repository / "train.py").open("a") as file:
        file.write("# changed\n")
    assert told_by(str(repository / "train.py"))["git_dirty"] is True


def test_the_folder_of_the_script_comes_before_the_current_one(told_by, repository, tmp_path):
    git(tmp_path, "init", "-q")
    assert told_by(str(repository / "train.py"))["git_branch"] == "trunk"


def test_without_a_branch_or_a_remote_the_commit_is_kept(told_by, repository):
    git(repository, "remote", "remove", "origin")
    git(repository, "checkout", "-q", "--detach")
    told = told_by(str(repository / "train.py"))
    assert {name for name in told if name.startswith("git")} == {"git_commit", "git_dirty"}


@pytest.mark.parametrize("broken", ["no git", "no commit", "no repository"])
def test_where_git_knows_nothing_there_is_nothing(told_by, repository, tmp_path, broken):
    environ = {}
    if broken == "no git":
        environ["PATH"] = str(tmp_path)
    else:
        (repository / ".git" / "HEAD").write_text("ref: refs/heads/other\n" if broken == "no commit" else "nonsense")
    told = told_by(str(repository / "train.py"), **environ)
    assert not [name for name in told if name.startswith("git")]
    assert told["python"]


def test_another_rank_does_not_ask(told_by, repository):
    assert "git_commit" not in told_by(str(repository / "train.py"), RANK="1")
