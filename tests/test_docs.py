"""The reference says what the code does: pages that are generated are current, the others name everything."""

import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "docs"))

import make_reference  # noqa: E402 - lies beside the pages that it writes

PAGES = make_reference.pages()


@pytest.mark.parametrize("page", sorted(PAGES))
def test_a_generated_page_is_current(page: str) -> None:
    written = (ROOT / "docs" / "reference" / page).read_text(encoding="utf-8")
    assert written == PAGES[page], "run `python docs/make_reference.py` and commit what it writes"


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


@pytest.mark.parametrize(
    "page", [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))], ids=lambda page: page.name
)
def test_links_to_files_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!http)([^)#]+)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_the_example_of_the_hooks_page_works() -> None:
    example: dict = {}
    exec(re.search(r"```python\n(.*?)```", PAGES["hooks.md"], re.DOTALL)[1], example)
    model = type("MyModel", (), {})()
    assert example["prevue_describe_model"](model)["name"] == "my-model"
    assert example["prevue_describe_model"](3) is None
