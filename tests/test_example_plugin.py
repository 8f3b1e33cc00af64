"""The plugin that the documentation makes: it installs, works, and breaks as the page says."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pages import ROOT, blocks, run_commands

PAGE = ROOT / "docs" / "how-to" / "write-a-plugin.md"
PLUGIN = ROOT / "examples" / "prevue-micrograd"
BROKEN = "What users see when it breaks"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which pip has installed the plugin and its framework."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(folder)]
    subprocess.run([*command, "micrograd", str(PLUGIN)], check=True)
    return folder


@pytest.fixture
def broken_site(site: Path, tmp_path: Path) -> Path:
    """The same, but the module with the hooks cannot be imported."""
    folder = shutil.copytree(site, tmp_path / "site")
    with (folder / "prevue_micrograd" / "plugin.py").open("a") as module:
        module.write("import a_module_that_is_missing\n")
    return folder


def environ(site: Path, tmp_path: Path, **settings: str) -> dict[str, str]:
    path = os.pathsep.join(filter(None, [str(site), os.environ.get("PYTHONPATH")]))
    return {**os.environ, "PYTHONPATH": path, "PREVUE_SPOOL_DIR": f"{tmp_path}/spool", **settings}


def test_the_page_shows_the_files_of_the_package() -> None:
    shown = re.findall(r"^`([\w./]+)`:\n\n```\w+\n(.*?)```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    assert len(shown) == 6
    for name, text in shown:
        assert text == (PLUGIN / name).read_text()


def test_the_installed_plugin_passes_its_own_tests(site: Path, tmp_path: Path) -> None:
    [block] = blocks(PAGE, "sh", "6. Test it")
    _, test = block.splitlines()
    assert "passed" in run_commands(test, environ(site, tmp_path))


def test_users_import_its_class_from_prevue_and_see_its_command(site: Path, tmp_path: Path) -> None:
    [block] = blocks(PAGE, "python", "5. Try it")
    check = f"{block}print(PrevueMicrogradCallback.__module__)"
    command = [sys.executable, "-c", check]
    assert subprocess.check_output(command, env=environ(site, tmp_path), text=True) == "prevue_micrograd.callback\n"
    assert "  best " in run_commands(".venv/bin/prevue --help", environ(site, tmp_path))


def test_a_broken_plugin_ends_every_command_with_the_line_on_the_page(broken_site: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "prevue", "doctor"]
    done = subprocess.run(command, env=environ(broken_site, tmp_path), capture_output=True, text=True)
    [line] = blocks(PAGE, "text", BROKEN)
    assert (done.returncode, done.stderr) == (1, line)


def test_without_the_broken_plugin_commands_work(broken_site: Path, tmp_path: Path) -> None:
    [block] = blocks(PAGE, "sh", BROKEN)
    assert "records wait" in run_commands(block, environ(broken_site, tmp_path))


def test_a_broken_plugin_costs_a_training_its_description_only(broken_site: Path, tmp_path: Path) -> None:
    training = "import prevue\nwith prevue.init(mode='offline') as run:\n    run.describe(3)\n    run.log({'loss': 1})"
    done = subprocess.run(
        [sys.executable, "-c", training],
        env=environ(broken_site, tmp_path),
        cwd=tmp_path,  # in no repository, of which git would tell
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0
    assert done.stderr.count("plugin 'micrograd' of distribution 'prevue-micrograd' cannot be loaded") == 1
    assert "3 records wait" in run_commands(".venv/bin/prevue doctor", environ(tmp_path, tmp_path))
