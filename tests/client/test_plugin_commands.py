"""The connector that `prevue plugin new` writes: it works as it is, under whatever name."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest


def install(project: Path, site: Path) -> None:
    """Do what `pip install --editable` does, without an index: a path to the modules, and the metadata."""
    described = tomllib.loads((project / "pyproject.toml").read_text())["project"]
    metadata = site / f"{described['name'].replace('-', '_')}-{described['version']}.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text(f"Name: {described['name']}\nVersion: {described['version']}\n")
    groups = [
        f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in named.items())
        for group, named in described["entry-points"].items()
    ]
    (metadata / "entry_points.txt").write_text("\n".join(groups))


@pytest.mark.parametrize(("name", "distribution"), [("acme", "prevue-acme"), ("my_acme2", "prevue-my-acme2")])
def test_the_connector_that_is_written_passes_its_tests(command, tmp_path, name, distribution):
    done = command("plugin", "new", name)
    assert done.exit_code == 0, done.output
    assert f"Next: cd {distribution} && pip install" in done.output
    project, site = tmp_path / distribution, tmp_path / "site"
    install(project, site)
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (project, site)))}
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=project,
        env=environ,
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stdout
    assert " passed" in ran.stdout
    assert "failed" not in ran.stdout


def test_the_files_are_named_after_the_framework(command, tmp_path):
    command("plugin", "new", "my_frame", "--into", str(tmp_path / "src"))
    project = tmp_path / "src" / "prevue-my-frame"
    written = {str(path.relative_to(project)) for path in project.rglob("*") if path.is_file()}
    modules = {f"prevue_my_frame/{name}.py" for name in ("__init__", "callback", "plugin")}
    assert written == {"README.md", "pyproject.toml", *modules, "tests/conftest.py", "tests/test_my_frame.py"}
    texts = [(project / path).read_text() for path in written]
    assert not [text for text in texts if "acme" in text.lower()]
    assert "class PrevueMyFrameCallback:" in (project / "prevue_my_frame" / "callback.py").read_text()


@pytest.mark.parametrize("name", ["My-Frame", "9lives", "class", "a__b", ""])
def test_a_name_that_no_module_has_is_refused(command, tmp_path, name):
    done = command("plugin", "new", name)
    assert done.exit_code == 1
    assert f"name {name!r} is not one of a module" in done.output
    assert not list(tmp_path.glob("prevue-*"))


def test_what_is_there_stays(command, tmp_path):
    (tmp_path / "prevue-acme").mkdir()
    done = command("plugin", "new", "acme")
    assert (done.exit_code, "prevue-acme exists already" in done.output) == (1, True)
    assert not list((tmp_path / "prevue-acme").iterdir())


def test_a_connector_that_is_installed_is_not_written_again(command, monkeypatch):
    monkeypatch.setattr("prevue.plugin_commands.connector_names", lambda: ["PrevueKerasCallback"])
    assert "PrevueKerasCallback is installed already" in command("plugin", "new", "keras").output
