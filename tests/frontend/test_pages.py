"""The dashboard's pages, from a real server before a real backend."""

import gzip
import html
import json
import re
from urllib.parse import quote
from urllib.request import Request, urlopen

import pytest

import prevue
from frontend.visiting import Visitor, given, inside
from frontend_bokeh import assets
from serving import finished, free_port, served

EVIL = "<img src=x onerror=alert(1)>\"'</script>"


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    """A backend with one project, and a folder for spools."""
    folder = tmp_path_factory.mktemp("stores")
    with served("backend", "--port", "0", data=folder) as backend:
        url = backend.address("backend")
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PREVUE_SPOOL_DIR", str(folder / "client"))
            evils = {"tags": [EVIL], "notes": EVIL, "config": {EVIL: EVIL}, "run_id": RUN_ID}
            run = prevue.init("digits", EVIL, url=url, uid="ann/lee", **evils)
            run.describe({"name": EVIL, "framework": "none", "layers": [{"name": EVIL, "type": "Dense"}]})
            run.log({"loss": 0.5})
            finished(run)
            evil = prevue.init(EVIL.replace("/", ""), "plain", url=url, uid="ann")
            evil.log({"loss": 0.5})
            finished(evil)
        yield url


@pytest.fixture(scope="module")
def dashboard(stores, tmp_path_factory):
    """The address of a dashboard over `stores`."""
    with served("dashboard", "--port", "0", "--url", stores, data=tmp_path_factory.mktemp("d")) as dashboard:
        yield dashboard.address("dashboard")


def ask(url, path, **headers):
    answer = Visitor(url).ask(path, **headers)
    return answer.status, answer.headers, answer.text


RUNS = "/p/ann%2Flee/digits"
RUN_ID = "019ab1c2-0000-7000-8000-000000000001"
PAGES = ["/", RUNS, f"{RUNS}/model", f"{RUNS}/runs/{RUN_ID}", f"{RUNS}/table", f"{RUNS}/compare"]


@pytest.mark.parametrize("path", PAGES)
def test_pages_run_scripts_of_their_own_server_only(dashboard, path):
    status, headers, page = ask(dashboard, path)
    assert status == 200
    assert "script-src 'self';" in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-store"
    assert not re.search(r"(src|href)=\"(https?:)?//", page)
    scripts = re.findall(r"<script([^>]*)>", page)
    assert scripts
    assert all("src=" in script or 'type="application/json"' in script for script in scripts)


@pytest.mark.parametrize("path", PAGES)
def test_names_cannot_become_markup(dashboard, path):
    page = ask(dashboard, path)[2]
    assert "<img src=x" not in page
    assert page.count("</script>") == page.count("<script")


def test_the_lists_show_names_as_they_are(dashboard):
    shown = html.unescape(ask(dashboard, "/")[2])
    assert EVIL in shown
    assert EVIL in html.unescape(ask(dashboard, f"{RUNS}/model")[2])
    assert html.unescape(ask(dashboard, f"{RUNS}/runs/{RUN_ID}")[2]).count(EVIL) >= 5


def test_every_link_of_the_projects_page_leads_to_a_page(dashboard):
    links = [html.unescape(link) for link in re.findall(r'href="(/p/[^"]*)"', ask(dashboard, "/")[2])]
    assert len(links) == 2
    assert [ask(dashboard, link)[0] for link in links] == [200, 200]


def test_every_file_that_a_page_names_is_there(dashboard):
    page = ask(dashboard, RUNS)[2]
    files = re.findall(r'(?:src|href)="(/(?:assets|bokeh)/[^"]+)"', page)
    assert any("bokeh.min.js" in name for name in files)
    for name in files:
        status, headers, _ = ask(dashboard, name)
        assert (status, headers["X-Content-Type-Options"]) == (200, "nosniff")
        assert headers["Cache-Control"] == "public, max-age=31536000, immutable"


def test_a_script_and_what_it_imports_have_the_same_version(dashboard):
    page = ask(dashboard, RUNS)[2]
    (folder,) = set(re.findall(r'"(/assets/[^"]+/)[a-z]+\.js"', page))
    script = ask(dashboard, f"{folder}runs.js")[2]
    imported = re.findall(r'from "(.+?)"', script)
    assert imported
    assert all(re.fullmatch(r"\./[a-z]+\.js", name) for name in imported)
    assert {ask(dashboard, folder + name[2:])[0] for name in imported} == {200}


def test_the_frame_of_figures_that_bring_code_is_of_no_origin_and_asks_for_nothing(dashboard):
    status, headers, _ = ask(dashboard, assets.asset("frame.html"))
    policy = headers["Content-Security-Policy"]
    assert (status, "immutable" in headers["Cache-Control"]) == (200, True)
    assert policy.startswith("default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval' data: blob:;")
    assert policy.endswith("sandbox allow-scripts; frame-ancestors 'self'")
    assert "connect-src" not in policy
    assert ask(dashboard, "/assets/other/frame.html")[1]["Cache-Control"] == "no-store"


def test_files_of_another_version_are_not_kept_by_browsers(dashboard):
    status, headers, _ = ask(dashboard, "/assets/of-yesterday/page.js")
    assert (status, headers["Cache-Control"]) == (200, "no-store")


@pytest.mark.parametrize("coding", ["identity", "gzip"])
@pytest.mark.parametrize(
    "path",
    [
        "/assets/v/../../pages.py",
        "/assets/v/%2e%2e/pages.py",
        "/bokeh/v/..%2f..%2fserver.py",
        "/assets/v/%2e%2e/templates/icons.svg",
        f"/assets/v/{assets.BOKEH_JS}/bokeh.min.js",
    ],
)
def test_files_outside_the_folder_stay_inside(dashboard, path, coding):
    assert ask(dashboard, path, Accept_Encoding=coding)[0] in (403, 404)


def test_scripts_travel_small_to_whom_that_suits(dashboard):
    script = f"{dashboard}{assets.asset('page.js')}"
    plain, packed = (urlopen(Request(script, headers={"Accept-Encoding": coding})) for coding in ("identity", "gzip"))
    with plain, packed:
        assert packed.headers["Content-Encoding"] == "gzip"
        assert "Accept-Encoding" in packed.headers["Vary"]
        assert packed.headers["Content-Type"] == plain.headers["Content-Type"]
        assert gzip.decompress(packed.read()) == plain.read()


@pytest.mark.parametrize(
    "path",
    [
        "/p/nobody/digits",
        "/p/nobody/digits/model",
        "/p/nobody/digits/table",
        "/p/nobody/digits/compare",
        "/p/n/100%25s",
    ],
)
def test_an_unknown_project_is_a_page_that_says_so(dashboard, path):
    status, headers, page = ask(dashboard, path)
    assert status == 404
    assert "there is no project n" in page
    assert "%s/" not in page
    assert "script-src 'self'" in headers["Content-Security-Policy"]


def test_the_token_of_a_page_has_nothing_of_the_request(dashboard):
    page = ask(dashboard, RUNS, Cookie="secret=hunter2", Authorization="Bearer hunter2", X_Own="hunter2")[2]
    assert inside(given(page)["token"]).keys() == {"session_id", "session_expiry", "u", "project_id", "owner", "name"}
    assert "hunter2" not in page


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_probes_are_answered(dashboard, path):
    assert (ask(dashboard, path)[0], json.loads(ask(dashboard, path)[2])) == (200, {"status": "ok"})


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("{own}", 101),
        ("http://evil.example", 403),
        ("{own}.evil.example", 403),
        ("http://localhost:1", 403),
        ("null", 403),
    ],
)
def test_only_its_own_pages_may_open_a_session(dashboard, origin, status):
    visitor = Visitor(dashboard)
    assert visitor.handshake(visitor.token(RUNS), Origin=origin.format(own=dashboard)) == status


@pytest.fixture(scope="module")
def lonely(tmp_path_factory):
    """The address of a dashboard whose backend is away."""
    away = f"http://127.0.0.1:{free_port()}"
    with served("dashboard", "--port", "0", "--url", away, data=tmp_path_factory.mktemp("l")) as dashboard:
        yield dashboard.address("dashboard"), away


@pytest.mark.parametrize("path", PAGES)
def test_a_backend_that_is_away_is_a_page_that_says_so(lonely, path):
    status, headers, page = ask(lonely[0], path)
    assert status == 503
    assert lonely[1] in html.unescape(page)
    assert "script-src 'self'" in headers["Content-Security-Policy"]


def test_a_percent_sign_in_an_error_stays_one(lonely):
    status, _, page = ask(lonely[0], "/p/a/" + quote("50%d"))
    assert (status, "%%" in page) == (503, False)


def test_configurations_are_told_flat_and_only_of_the_project(dashboard):
    status, headers, text = ask(dashboard, f"{RUNS}/configs")
    assert (status, headers["Cache-Control"]) == (200, "no-store")
    assert json.loads(text) == {"runs": {RUN_ID: {EVIL: EVIL}}}
    assert ask(dashboard, "/p/nobody/digits/configs")[0] == 404


def test_the_page_of_curves_asks_for_all_its_scripts_at_once(dashboard):
    page = ask(dashboard, RUNS)[2]
    asked = re.findall(r'<link rel="modulepreload" href="([^"]+)"', page)
    assert len(asked) == len(set(asked)) > 10
    for address in asked:
        folder, _, _ = address.rpartition("/")
        status, _, script = ask(dashboard, address)
        assert status == 200
        assert {f"{folder}/{name}" for name in re.findall(r'from "\./(.+?)"', script)} <= set(asked)
