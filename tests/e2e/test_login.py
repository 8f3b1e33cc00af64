"""What a user sees who has to log in: the form, the way to the page that was asked for, and the way out.

The dashboard is seen under a path of a host, as behind a proxy.
"""

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect

import prevue
from e2e.dashboard import ProjectPage
from prevue.api import Api
from prevue.transport import HttpTransport
from serving import Served, free_port, served, stored

PASSWORD = "correct horse battery"
PREFIX = "/prevue"


class Team:
    """`prevue up` that asks for a login, and the first admin's way in."""

    def __init__(self, process: Served, backend: str, dashboard: str) -> None:
        self.process = process
        self.backend = backend
        self.dashboard = dashboard

    def first_code(self) -> str:
        """Return what the console says of how the first admin comes in."""
        return re.search(rf"prevue login {self.backend} --code (\S+)", self.process.logged()).group(1)

    def token(self, session: str) -> str:
        """Return a token that logs."""
        with HttpTransport(self.backend, lambda: session) as transport:
            return str(transport.post("/api/v1/tokens", {"token_name": "t", "scopes": ["ingest"]})["token"])


@pytest.fixture(scope="module")
def team(tmp_path_factory) -> Iterator[Team]:
    ports = free_port(), free_port()
    command = ("up", "--port", str(ports[0]), "--dashboard-port", str(ports[1]))
    settings = {"PREVUE_AUTH": "auth", "PREVUE_DASHBOARD_PREFIX": PREFIX}
    with served(*command, data=tmp_path_factory.mktemp("team"), **settings) as process:
        process.address("Prevue's")
        process.address("Prevue's")  # both are told of, in any order
        yield Team(process, f"http://127.0.0.1:{ports[0]}", f"http://localhost:{ports[1]}{PREFIX}")


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A browser's profile without cookies."""
    with browser.new_context(viewport={"width": 1280, "height": 800}, color_scheme="light", locale="en-US") as context:
        yield context


@pytest.fixture
def visitor(page: Page, expected_errors: list[str]) -> Page:
    """A page; a browser tells on its console of a form that came back with 401."""
    expected_errors.append(r"401 \(Unauthorized\)")
    return page


@pytest.fixture(scope="module")
def first_admin(team: Team) -> str:
    """A session of user `tester`, who came in with the code on the console, and has a project `digits`."""
    session: str = Api(team.backend, "").log_in_with_code(team.first_code(), "tester", PASSWORD)["session"]
    return session


@pytest.fixture
def training(team: Team, first_admin: str, monkeypatch) -> prevue.Run:
    """A run that logs with a token."""
    monkeypatch.setenv("PREVUE_TOKEN", team.token(first_admin))
    run = prevue.init("digits", "live", url=team.backend, uid="tester")
    run.log({"loss": 1.0}, 0)
    run.log({"loss": 0.5}, 1)
    stored(run, records=3)
    yield run
    run.finish()


def fill(page: Page, username: str, password: str) -> None:
    page.get_by_label("User name", exact=True).fill(username)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Log in", exact=True).click()


def test_curves_are_live_behind_a_login_that_leads_where_the_link_pointed(team, training, visitor):
    page = ProjectPage(visitor, f"{team.dashboard}/p/tester/digits")
    visitor.goto(f"{team.dashboard}/p/tester/digits?smooth=0.5")
    expect(visitor).to_have_title("Log in · Prevue")
    fill(visitor, "tester", "wrong password")
    expect(visitor.get_by_role("alert")).to_have_text("The user name or the password is wrong.")
    expect(visitor.get_by_label("Password", exact=True)).to_be_focused()
    fill(visitor, "tester", PASSWORD)
    page.ready(1)
    assert page.query() == {"smooth": ["0.5"]}
    training.log({"loss": 0.25}, 2)
    page.wait_chart("loss", "chart.sources.raw.data.ys[0].at(-1) === 0.25")
    expect(visitor.get_by_title("logged in as tester")).to_be_visible()
    host = team.dashboard.removesuffix(PREFIX).partition(":")[2]
    assert [one for one in page.addresses if not one.partition(":")[2].startswith(f"{host}{PREFIX}/")] == []
    for query in ("/table", "/compare", "/evaluations", "/model", f"/runs/{training.run_id}/system"):
        visitor.goto(f"{team.dashboard}/p/tester/digits{query}")
        hrefs = visitor.locator("main a[href^='/'], header a").evaluate_all("(all) => all.map((a) => a.pathname)")
        assert [href for href in hrefs if not href.startswith(f"{PREFIX}/")] == []


def test_a_proxy_may_have_taken_the_prefix_away(team, visitor):
    answer = visitor.request.get(f"{team.dashboard.removesuffix(PREFIX)}/p/a/b?smooth=0.5", max_redirects=0)
    assert answer.headers["location"] == "/prevue/login?next=%2Fprevue%2Fp%2Fa%2Fb%3Fsmooth%3D0.5"


def test_logging_out_in_one_tab_closes_the_other(team, training, visitor):
    visitor.goto(f"{team.dashboard}/login")
    fill(visitor, "tester", PASSWORD)
    expect(visitor.get_by_role("link", name="digits")).to_be_visible()
    other = visitor.context.new_page()
    shown = ProjectPage(other, f"{team.dashboard}/p/tester/digits").open(1)
    sockets = [address for address in shown.addresses if address.startswith("ws:")]
    visitor.get_by_role("button", name="Log out").click()
    expect(visitor).to_have_url(f"{team.dashboard}/login")
    expect(other).to_have_title("Log in · Prevue")
    assert "next=%2Fprevue%2Fp%2Ftester%2Fdigits" in other.url
    assert [address for address in shown.addresses if address.startswith("ws:")] == sockets  # no try to come back
    visitor.go_back()
    expect(visitor).to_have_title("Log in · Prevue")


def test_logging_out_on_a_page_with_curves_leads_to_the_login(team, training, visitor):
    visitor.goto(f"{team.dashboard}/login?next={PREFIX}/p/tester/digits")
    fill(visitor, "tester", PASSWORD)
    ProjectPage(visitor, visitor.url).ready(1)
    visitor.get_by_role("button", name="Log out").click()
    expect(visitor).to_have_url(f"{team.dashboard}/login")
    assert visitor.context.cookies() == []


def test_a_one_time_code_sets_a_password(team, first_admin, visitor, expected_errors):
    expected_errors.append(r"404 \(Not Found\)")
    with HttpTransport(team.backend, lambda: first_admin) as admin:
        code = admin.post("/api/v1/users", {"username": "dora"})["code"]
    visitor.goto(team.dashboard)
    visitor.get_by_text("I have a one-time code").click()
    visitor.get_by_label("One-time code").fill("pvc_wrong")
    visitor.get_by_label("New password").fill(PASSWORD)
    visitor.get_by_role("button", name="Set the password and log in").click()
    expect(visitor.get_by_role("alert")).to_contain_text("The one-time code is not known")
    visitor.get_by_label("One-time code").fill(code)
    visitor.get_by_label("New password").fill(PASSWORD)
    visitor.get_by_role("button", name="Set the password and log in").click()
    expect(visitor.get_by_title("logged in as dora")).to_be_visible()
    visitor.goto(f"{team.dashboard}/p/tester/digits")
    expect(visitor.get_by_role("alert")).to_contain_text("there is no project tester/digits")


def test_the_form_works_without_scripts(team, first_admin, browser):
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(f"{team.dashboard}/login")
        fill(page, "tester", PASSWORD)
        expect(page.get_by_title("logged in as tester")).to_be_visible()
        page.get_by_role("button", name="Log out").click()
        expect(page).to_have_title("Log in · Prevue")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_login_page_asks_nobody_else_and_axe_finds_nothing(team, visitor, theme):
    addresses: list[str] = []
    visitor.on("request", lambda request: addresses.append(request.url))
    visitor.emulate_media(color_scheme=theme)
    visitor.goto(team.dashboard)
    visitor.get_by_text("I have a one-time code").click()
    found = Axe().run(visitor).response["violations"]
    fill(visitor, "tester", "wrong password")
    expect(visitor.get_by_role("alert")).to_be_visible()
    found += Axe().run(visitor).response["violations"]
    assert [(violation["id"], violation["nodes"][0]["target"]) for violation in found] == []
    assert {urlsplit(address).hostname for address in addresses} == {"localhost"}


def test_a_dashboard_that_starts_again_asks_nobody_to_log_in_again(team, training, visitor, tmp_path, expected_errors):
    expected_errors += ["ERR_CONNECTION_REFUSED", "Could not open websocket"]
    command = ("dashboard", "--port", str(free_port()), "--url", team.backend)
    with served(*command, data=tmp_path) as first:
        address = first.address("dashboard")
        visitor.goto(f"{address}/login?next=/p/tester/digits")
        fill(visitor, "tester", PASSWORD)
        page = ProjectPage(visitor, visitor.url).ready(1)
        visitor.evaluate("window.sameDocument = true")
    with served(*command, data=tmp_path) as second:
        second.address("dashboard")
        training.log({"loss": 0.125}, 3)
        page.wait_chart("loss", "chart.sources.lines.data.ys[0].at(-1) === 0.125")
        assert visitor.evaluate("window.sameDocument")
        visitor.goto("about:blank")  # rather than lose its dashboard
