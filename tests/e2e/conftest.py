"""A browser before a real dashboard before a real backend. Trainings are logged by the real client."""

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from e2e.dashboard import PATIENCE_MS, ProjectPage
from serving import free_port, served

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


@pytest.fixture(scope="session", autouse=True)
def spool_dir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("spool")
        patch.setenv("PREVUE_SPOOL_DIR", str(folder))
        yield folder


@pytest.fixture(scope="session")
def prevue_up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The addresses of a backend and its dashboard."""
    ports = free_port(), free_port()
    command = ("up", "--port", str(ports[0]), "--dashboard-port", str(ports[1]))
    with served(*command, data=tmp_path_factory.mktemp("up")) as process:
        process.address("Prevue's")
        process.address("Prevue's")  # both are told of, in any order
        yield f"http://127.0.0.1:{ports[0]}", f"http://localhost:{ports[1]}"


@pytest.fixture(scope="session")
def backend(prevue_up: tuple[str, str]) -> str:
    return prevue_up[0]


@pytest.fixture(scope="session")
def dashboard(prevue_up: tuple[str, str]) -> str:
    return prevue_up[1]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A browser's profile. One for all tests, as each would read and compile Bokeh's script anew."""
    with browser.new_context(viewport={"width": 1280, "height": 800}, color_scheme="light", locale="en-US") as context:
        yield context


@pytest.fixture
def expected_errors() -> list[str]:
    """Patterns of what a test expects on the browser's console: of a server that is away the browser itself tells."""
    return []


@pytest.fixture
def page(context: BrowserContext, expected_errors: list[str]) -> Iterator[Page]:
    """A page of its own; a console error or an uncaught exception fails the test."""
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    wrong: list[str] = []
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    yield page
    page.close()
    assert [text for text in wrong if not any(re.search(pattern, text) for pattern in expected_errors)] == []


@pytest.fixture
def open_project(page: Page, dashboard: str) -> Callable[..., Any]:
    """Open a project's page and wait until its charts are drawn."""

    def open_project(name: str, *, charts: int, query: str = "", url: str = dashboard) -> ProjectPage:
        return ProjectPage(page, f"{url}/p/tester/{name}").open(charts, query)

    return open_project
