"""The reference says what the code does: pages that are generated are current, the others name everything."""

import inspect
import re
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import pytest
from click.testing import CliRunner

from pages import PAGES, ROOT, blocks
from prevue_core import hookspecs
from prevue_core.checks import Curve

sys.path.insert(0, str(ROOT / "docs"))

import make_reference

GENERATED = make_reference.pages()


@pytest.mark.parametrize("page", sorted(GENERATED))
def test_a_generated_page_is_current(page: str) -> None:
    written = (ROOT / "docs" / "reference" / page).read_text(encoding="utf-8")
    assert written == GENERATED[page], "run `python docs/make_reference.py` and commit what it writes"


def test_every_setting_is_on_its_page_and_none_that_does_not_exist() -> None:
    sources = [ROOT / "prevue" / "config.py", ROOT / "prevue_core" / "settings.py"]
    read = {name for source in sources for name in re.findall(r'"(PREVUE_[A-Z_]+)"', source.read_text())}
    page = (ROOT / "docs" / "reference" / "settings.md").read_text()
    assert set(re.findall(r"^\| `(PREVUE_[A-Z_]+)`", page, re.MULTILINE)) == read


def test_the_environment_is_read_in_one_place_on_each_side() -> None:
    readers = {
        str(path.relative_to(ROOT))
        for folder in ("prevue", "prevue_core", "frontend_bokeh", "plugins")
        for path in (ROOT / folder).rglob("*.py")
        if "tests" not in path.parts and re.search(r"os\.environ|getenv", path.read_text())
    }
    assert readers == {"prevue/config.py", "prevue_core/settings.py"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_to_files_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!http)([^)#]+)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_every_page_is_on_the_map() -> None:
    index = ROOT / "docs" / "README.md"
    linked = {(index.parent / link).resolve() for link in re.findall(r"\]\((?!http)([^)#]+)", index.read_text())}
    assert set((ROOT / "docs").rglob("*.md")) - {index} - linked == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_is_to_be_installed_exists(page: Path) -> None:
    for folder, extra in re.findall(r"(?<!\.)\./((?:plugins|examples)/[\w-]+)(?:\[(\w+)\])?", page.read_text()):
        project = tomllib.loads((ROOT / folder / "pyproject.toml").read_text())["project"]
        assert not extra or extra in project["optional-dependencies"], f"{folder} has no extra {extra}"


def test_pictures_are_small() -> None:
    sizes = {path.name: path.stat().st_size for path in (ROOT / "docs").rglob("*.png")}
    assert sizes
    assert {name: size for name, size in sizes.items() if size > 200_000} == {}


@pytest.mark.parametrize("name", [name for name in vars(hookspecs) if name.startswith("prevue_")])
def test_a_hook_says_what_an_author_asks(name: str) -> None:
    told = inspect.getdoc(getattr(hookspecs, name))
    for what in ("**Called**", "**Returns**", "**Imports**", "**Errors**", f"def {name}("):
        assert what in told


def example(hook: str) -> Callable[..., Any]:
    """Return the function that the page of the hooks shows for a hook."""
    found: dict[str, Any] = {}
    [block] = blocks(ROOT / "docs" / "reference" / "hooks.md", "python", f"`{hook}`")
    exec(block, found)
    return found[hook]


def test_the_example_describes_a_model(monkeypatch: pytest.MonkeyPatch) -> None:
    describe = example("prevue_describe_model")
    model = type("Model", (), {"size": 3})
    assert describe(model=model()) is None
    monkeypatch.setitem(sys.modules, "my_framework", SimpleNamespace(Model=model))
    assert describe(model=model())["parameters"] == 3
    assert describe(model=3) is None


def test_the_example_adds_a_command() -> None:
    cli = click.Group()
    example("prevue_register_commands")(cli=cli)
    assert CliRunner().invoke(cli, ["hello"]).output == "hello\n"


def test_the_example_draws_a_result() -> None:
    [panel] = example("prevue_register_panels")()
    assert panel.build({"words": ["to", "be"]}).columns == {"word": ["to", "be"], "length": [2, 2]}


def test_the_example_hears_of_an_alert(capsys: pytest.CaptureFixture[str]) -> None:
    hear = example("prevue_run_event")
    for level in ("warn", "error"):
        hear(event={"kind": "alert", "level": level, "text": f"an alert of level {level}"})
    assert capsys.readouterr().out == "an alert of level error\n"


def test_the_example_checks_a_curve() -> None:
    (check,) = example("prevue_register_checks")()
    curve = Curve("loss", "train", [0], [1.0])
    assert "was logged 1 times" in check.look(SimpleNamespace(curve=lambda name: curve))
    assert check.look(SimpleNamespace(curve=lambda name: None)) is None
