"""Who may see what of the dashboard, tried from outside: a real one before a real backend that asks for a login."""

import asyncio
import hmac
import html
import re

import pytest
from bokeh.util.token import generate_jwt_token, generate_session_id

import prevue
from frontend.visiting import Visitor, closed, given, inside
from frontend_bokeh.auth import local_path
from prevue.api import Api
from prevue.transport import HttpTransport
from serving import PATIENCE_S, finished, free_port, served

ADMIN, PASSWORD = "admin", "  correct horse battery staple "
KEY = b"K-8kQpX2vN0sZr6TtYwB4uEoLmHfGdJi"
PAGE = "/p/ann/digits"


@pytest.fixture(scope="module")
def backend(tmp_path_factory):
    """The address of a backend with accounts, of users `admin`, `ann` and `bob`; ann has two projects."""
    folder = tmp_path_factory.mktemp("backend")
    settings = {"PREVUE_AUTH": "auth", "PREVUE_ADMIN_PASSWORD": PASSWORD.strip(), "PREVUE_TRUSTED_PROXIES": "1"}
    with served("backend", "--port", "0", data=folder, **settings) as backend:
        url = backend.address("backend")
        with asking(url, Api(url, "").log_in(ADMIN, PASSWORD.strip())["session"]) as admin:
            sessions = {name: joined(url, code_for(admin, name)) for name in ("ann", "bob")}
        with pytest.MonkeyPatch.context() as patch, asking(url, sessions["ann"]) as ann:
            patch.setenv("PREVUE_SPOOL_DIR", str(folder / "client"))
            patch.setenv("PREVUE_TOKEN", new_token(ann))
            for project in ("digits", "shared"):
                run = prevue.init(project, "one", url=url)
                run.log({"loss": 0.5})
                finished(run)
        yield url


def asking(url, session):
    return HttpTransport(url, lambda: session)


def code_for(admin, name):
    return admin.post("/api/v1/users", {"username": name})["code"]


def joined(url, code):
    """Set a password with a code, and return the session."""
    return Api(url, "").log_in_with_code(code, None, PASSWORD)["session"]


def new_token(transport, *scopes):
    return transport.post("/api/v1/tokens", {"token_name": "t", "scopes": list(scopes) or ["ingest"]})["token"]


@pytest.fixture(scope="module")
def dashboard(backend, tmp_path_factory):
    """The address of a dashboard behind a proxy, on a machine where an admin has a token in the environment."""
    with asking(backend, Api(backend, "").log_in(ADMIN, PASSWORD.strip())["session"]) as admin:
        token = new_token(admin, "read", "write", "admin")
    folder = tmp_path_factory.mktemp("dashboard")
    settings = {"PREVUE_TOKEN": token, "PREVUE_TRUSTED_PROXIES": "1", "PREVUE_SECRET_KEY": KEY.decode()}
    with served("dashboard", "--port", "0", "--url", backend, data=folder, **settings) as dashboard:
        yield dashboard.address("dashboard")


@pytest.fixture
def nobody(dashboard):
    return Visitor(dashboard)


@pytest.fixture(scope="module")
def logins(dashboard):
    """The cookies of one login of each user's."""
    return {name: logged_in(dashboard, name).cookies for name in ("ann", "bob")}


@pytest.fixture
def ann(dashboard, logins):
    return Visitor(dashboard, dict(logins["ann"]))


@pytest.fixture
def bob(dashboard, logins):
    return Visitor(dashboard, dict(logins["bob"]))


def logged_in(dashboard, name, password=PASSWORD):
    visitor = Visitor(dashboard)
    assert visitor.log_in(name, password).status == 303
    return visitor


def session_in(visitor):
    (session,) = visitor.cookies.values()
    return session


# without a login


@pytest.mark.parametrize(
    ("path", "then"),
    [("/", "%2F"), (f"{PAGE}?smooth=0.5&x=wall", "%2Fp%2Fann%2Fdigits%3Fsmooth%3D0.5%26x%3Dwall")],
)
def test_who_has_not_logged_in_is_led_to_where_one_does(nobody, path, then):
    answer = nobody.ask(path)
    assert (answer.status, answer.headers["Location"]) == (302, f"/login?next={then}")
    assert "digits" not in answer.text


@pytest.mark.parametrize("cookie", ["pvs_" + "0" * 49, "pvt_x", "\u00fc", '"; drop', ""])
def test_a_session_that_is_none_is_no_login(nobody, ann, cookie):
    (name,) = ann.cookies
    assert nobody.ask(PAGE, Cookie=f"{name}={cookie}").headers["Location"].startswith("/login?")


def test_a_backends_token_is_no_login(nobody, ann, backend):
    with asking(backend, session_in(ann)) as transport:
        token = new_token(transport, "read")
    (name,) = ann.cookies
    assert nobody.ask(PAGE, Cookie=f"{name}={token}").status == 302
    assert nobody.ask(PAGE, Authorization=f"Bearer {session_in(ann)}").status == 302


def test_the_files_of_pages_are_public_and_have_the_headers_of_files(nobody, ann):
    assert nobody.ask("/login").status == 200
    files = [part for part in ann.ask(PAGE).text.split('"') if part.startswith(("/assets/", "/bokeh/"))]
    for name in [*files, "/assets/v/nothing.js"]:
        answer = nobody.ask(name)
        assert answer.status == (404 if "nothing" in name else 200)
        assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "POST"])
@pytest.mark.parametrize(
    "path",
    ["/session", "/session/", "/session/autoload.js?bokeh-autoload-element=1", "/session/metadata", "/nothing",
     "/static/js/bokeh.min.js", "/static/extensions/x", "/favicon.ico"],
)  # fmt: skip
def test_what_is_not_ours_is_not_there(ann, path, method):
    answer = ann.ask(path, method, "" if method == "POST" else None)
    assert answer.status == 404
    assert "script-src 'self'" in answer.headers["Content-Security-Policy"]


# logging in


def test_a_login_leads_to_the_page_that_was_asked_for(nobody):
    form = nobody.ask(f"/login?next={PAGE}%3Fx%3Dwall")
    assert f'name="next" value="{PAGE}?x=wall"' in html.unescape(form.text)
    answer = nobody.log_in("ann", PASSWORD, f"{PAGE}?x=wall")
    assert (answer.status, answer.headers["Location"]) == (303, f"{PAGE}?x=wall")
    page = nobody.ask(PAGE)
    assert page.status == 200
    assert given(page.text)["project"] == "digits"
    assert 'title="logged in as ann"' in page.text


def test_the_cookie_is_for_the_server_alone_and_ends_with_the_session(dashboard):
    (cookie,) = Visitor(dashboard).log_in("ann", PASSWORD).cookies
    name, _, rest = cookie.partition("=")
    attributes = {part.strip().partition("=")[0].lower() for part in rest.split(";")[1:]}
    assert attributes == {"expires", "httponly", "path", "samesite"}
    assert "SameSite=Lax" in rest
    assert name == f"prevue-{dashboard.rsplit(':', 1)[1]}"


@pytest.mark.parametrize("path", ["/", PAGE, f"{PAGE}/model", "/p/ann/nothing"])
def test_pages_show_no_session(ann, path):
    page = ann.ask(path, X_Own="hunter2")
    assert session_in(ann) not in page.text
    assert session_in(ann)[4:] not in page.text
    assert "hunter2" not in page.text
    assert page.cookies == []


def test_the_token_of_a_page_holds_a_reference_to_the_session_only(ann):
    payload = inside(ann.token(PAGE))
    assert payload.keys() == {"session_id", "session_expiry", "u", "project_id", "owner", "name"}
    assert session_in(ann)[4:20] not in str(payload)
    assert len(payload["u"]) == 32


@pytest.mark.parametrize(
    ("username", "password"), [("ann", "wrong password"), ("ann", PASSWORD.strip()), ("nobody", PASSWORD), ("", "")]
)
def test_a_wrong_login_is_told_on_the_form(nobody, username, password):
    answer = nobody.log_in(username, password, PAGE)
    assert answer.status == 401
    assert "The user name or the password is wrong." in answer.text
    assert f'value="{PAGE}"' in answer.text
    assert nobody.cookies == {}
    assert "wrong password" not in answer.text.replace("the password is wrong", "")


def test_names_that_are_markup_stay_text(nobody):
    answer = nobody.log_in('"><script>alert(1)</script>', "wrong password")
    assert "<script>alert" not in answer.text


def test_who_tries_too_often_is_told_how_long_to_wait(nobody, backend):
    with asking(backend, Api(backend, "").log_in(ADMIN, PASSWORD.strip(), address="192.0.2.1")["session"]) as admin:
        joined(backend, code_for(admin, "carl"))
    for _ in range(5):
        assert nobody.log_in("carl", "wrong password").status == 401
    answer = nobody.log_in("carl", PASSWORD)
    assert answer.status == 429
    assert "Too many attempts to log in; wait " in answer.text


def test_a_one_time_code_sets_a_password_and_logs_in(nobody, backend):
    with asking(backend, Api(backend, "").log_in(ADMIN, PASSWORD.strip(), address="192.0.2.2")["session"]) as admin:
        code = code_for(admin, "dora")
    form = {"code": f" {code} ", "username": "", "password": "short", "next": "/"}
    refused = nobody.send("/login", form)
    assert refused.status == 422
    assert f'value=" {code} "' in refused.text
    assert 'role="alert"' in refused.text
    assert nobody.send("/login", {**form, "password": PASSWORD}).status == 303
    assert 'title="logged in as dora"' in nobody.ask("/").text
    again = Visitor(nobody.url).send("/login", {**form, "password": PASSWORD})
    assert (again.status, "used up" in again.text) == (401, True)


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": None}, {"Origin": "null"}, {"Origin": "http://evil.example"}, {"Origin": "{own}.evil.example"},
        {"Origin": "{https}"}, {"Origin": "http://localhost:1"}, {"Origin": "http://localhost"},
    ],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/login", "/logout"])
def test_a_strangers_page_logs_nobody_in_or_out(ann, path, headers):
    own = ann.url
    known = {"own": own, "https": own.replace("http:", "https:")}
    headers = {name: value and value.format(**known) for name, value in headers.items()}
    before = dict(ann.cookies)
    answer = ann.send(path, {"username": "bob", "password": PASSWORD}, **headers)
    assert (answer.status, answer.cookies) == (403, [])
    assert ann.cookies == before
    assert ann.ask(PAGE).status == 200


@pytest.mark.parametrize("kind", ["text/plain", "application/json", None])
def test_only_a_form_logs_in(nobody, kind):
    answer = nobody.log_in("ann", PASSWORD, Content_Type=kind)
    assert (answer.status, answer.cookies) == (415, [])


@pytest.mark.parametrize(
    ("asked", "then"),
    [
        ("/p/a/b?x=1#y", "/p/a/b?x=1#y"),
        ("//evil.example", "/"),
        ("https://evil.example", "/"),
        ("/\\evil.example", "/"),
        ("\\\\evil.example", "/"),
        ("/\t/evil.example", "/"),
        ("/x\r\nSet-Cookie: a=b", "/"),
        ("evil.example", "/"),
        ("", "/"),
        ("javascript:alert(1)", "/"),
        ("/\u2215/evil.example", "/"),
    ],
)
def test_a_login_leads_to_this_server_only(asked, then):
    assert local_path(asked) == then


@pytest.mark.parametrize("asked", ["//evil.example", "/\\evil.example", "https://evil.example/"])
def test_a_page_of_another_server_is_not_where_a_login_leads(nobody, ann, asked):
    assert nobody.log_in("bob", PASSWORD, asked).headers["Location"] == "/"
    assert ann.ask(f"/login?next={asked}").headers["Location"] == "/"


# what a user may see


def test_a_project_of_another_is_told_as_one_that_is_not_there(ann, bob):
    assert ann.ask(PAGE).status == 200
    for end in ("", "/model"):
        there, missing = bob.ask(PAGE + end), bob.ask("/p/ann/nothing" + end)
        assert there.status == missing.status == 404
        assert there.text == missing.text.replace("nothing", "digits")
    assert "digits" in ann.ask("/").text
    assert "digits" not in bob.ask("/").text


# the websocket


def test_who_loaded_the_page_opens_its_session(ann):
    assert ann.handshake(ann.token(PAGE)) == 101


@pytest.mark.parametrize(
    "headers",
    [
        {"Cookie": None}, {"Cookie": "prevue=x"},
        {"Origin": None}, {"Origin": "null"}, {"Origin": "http://evil.example"}, {"Origin": "{https}"},
        {"Origin": "{own}.evil.example"}, {"Origin": "http://localhost:1"}, {"Origin": "http://127.0.0.1:{port}"},
        {"Host": "evil.example"},
        {"Bokeh_Session_Id": "x"}, {"Bokeh_Token": "x"},
        {"Sec_WebSocket_Protocol": "bokeh"}, {"Sec_WebSocket_Protocol": "other, {token}"},
        {"Sec_WebSocket_Protocol": "bokeh, {token}, {token}"},
    ],
)  # fmt: skip
def test_a_session_is_refused_before_the_handshake(ann, headers):
    token = ann.token(PAGE)
    own, port = ann.url, ann.url.rsplit(":", 1)[1]
    known = {"own": own, "https": own.replace("http:", "https:"), "port": port, "token": token}
    given = {name: value and value.format(**known) for name, value in headers.items()}
    assert ann.handshake(token, **given) == 403
    assert ann.handshake(token) == 101


@pytest.mark.parametrize("change", [
    lambda token: token.split(".")[0], lambda token: token.swapcase(), lambda token: token + "x",
    lambda token: token[1:], lambda token: "x", lambda token: "", lambda token: "x.y", lambda token: "W10.y",
])  # fmt: skip
def test_a_token_that_was_changed_opens_no_session(ann, change):
    assert ann.handshake(change(ann.token(PAGE))) == 403


@pytest.mark.parametrize(
    ("change", "expiration", "status"), [({}, 60, 101), ({}, -1, 403), ({"project_id": 9}, 60, 403)]
)
def test_a_token_opens_a_session_until_it_expires_and_only_where_its_viewer_may(ann, change, expiration, status):
    payload = {name: inside(ann.token(PAGE))[name] for name in ("u", "project_id", "owner", "name")} | change
    assert ann.handshake(signed(payload, expiration)) == status


def test_a_project_that_is_not_the_viewers_any_more_opens_no_session(ann, bob):
    payload = inside(ann.token(PAGE))
    reference = hmac.new(KEY, f"page {session_in(bob)}".encode(), "sha256").hexdigest()[:32]
    assert bob.handshake(signed({**payload, "u": reference})) == 403


def signed(payload, expiration=60):
    """Return a token as a dashboard with our key makes it."""
    payload = {name: value for name, value in payload.items() if not name.startswith("session_")}
    session_id = generate_session_id(KEY, True)
    return generate_jwt_token(session_id, KEY, True, extra_payload=payload, expiration=expiration)


def test_a_session_cannot_be_named_in_the_address(ann):
    token = ann.token(PAGE)
    for name in ("bokeh-session-id", "bokeh-token", "Bokeh-Token"):
        assert ann.handshake(token, f"/session/ws?{name}=x") == 403


def test_anns_page_opens_no_session_in_bobs_browser_nor_in_her_next_login(ann, bob):
    token = ann.token(PAGE)
    assert bob.handshake(token) == 403
    again = logged_in(ann.url, "ann")
    assert again.handshake(token) == 403
    assert again.handshake(again.token(PAGE)) == 101


def test_a_refusal_has_the_headers_of_a_page(ann):
    refused = ann.ask("/session/ws", Upgrade="websocket", Connection="Upgrade", Origin="http://evil.example")
    assert refused.status == 403
    for name in ("Cross-Origin-Opener-Policy", "Cross-Origin-Resource-Policy"):
        assert refused.headers[name] == ann.ask("/").headers[name] == "same-origin"
    assert "frame-ancestors 'none'" in refused.headers["Content-Security-Policy"]


# the end of a login


def test_logging_out_ends_the_session_and_closes_its_pages_at_once(ann, dashboard, backend):
    leaving = logged_in(dashboard, "ann")
    cookies = dict(leaving.cookies)

    async def scene():
        async with leaving.session(leaving.token(PAGE)) as page, ann.session(ann.token(PAGE)) as stays:
            answer = await asyncio.to_thread(leaving.log_out)
            assert (answer.status, answer.headers["Location"], leaving.cookies) == (303, "/login", {})
            assert await closed(page) == 4401
            assert stays.close_code is None

    asyncio.run(asyncio.wait_for(scene(), PATIENCE_S))
    old = Visitor(dashboard, cookies)
    assert old.ask(PAGE).status == 302
    assert Api(backend, session_in(old)).identity()["user"] is None


def test_a_form_of_another_login_logs_nobody_out(ann):
    assert ann.send("/logout", {"form_key": "0" * 32}).status == 403
    assert ann.send("/logout", {"form_key": "\u00fc"}).status == 403
    assert ann.send("/logout", {}).status == 403
    assert ann.ask("/").status == 200


def test_a_session_that_ends_elsewhere_closes_its_pages_while_anothers_goes_on(ann, backend):
    """Two users watch one project through one poller; it asks as each in turn, until one is refused."""
    admin, shared = logged_in(ann.url, ADMIN, PASSWORD.strip()), "/p/ann/shared"

    async def scene():
        async with admin.session(admin.token(shared)) as page, ann.session(ann.token(shared)) as stays:
            await asyncio.to_thread(Api(backend, session_in(admin)).log_out)
            assert await closed(page) == 4401
            for _ in range(3):
                assert await stays.read_message() is not None  # the poller lives

    asyncio.run(asyncio.wait_for(scene(), PATIENCE_S))
    assert admin.ask(shared).status == 302


def test_a_dashboard_that_starts_again_knows_its_viewers_and_their_pages(backend, tmp_path):
    port = str(free_port())
    ann = token = None
    for _ in range(2):
        with served("dashboard", "--port", port, "--url", backend, data=tmp_path) as dashboard:
            address = dashboard.address("dashboard")
            ann = ann or logged_in(address, "ann")
            token = token or ann.token(PAGE)
            assert ann.ask(PAGE).status == 200
            assert ann.handshake(token) == 101


# the backend's ways


def test_a_backend_that_is_away_lets_nobody_in(tmp_path):
    port = str(free_port())
    with served("dashboard", "--port", "0", "--url", f"http://127.0.0.1:{port}", data=tmp_path) as dashboard:
        visitor = Visitor(dashboard.address("dashboard"))
        assert visitor.ask("/").status == visitor.ask("/login").status == visitor.log_in(ADMIN, PASSWORD).status == 503
        settings = {"PREVUE_AUTH": "auth", "PREVUE_ADMIN_PASSWORD": PASSWORD.strip()}
        with served("backend", "--port", port, data=tmp_path, **settings) as backend:
            backend.address("backend")
            assert visitor.ask("/").status == 302
            assert visitor.log_in(ADMIN, PASSWORD.strip()).status == 303
            assert visitor.ask("/").status == 200
        assert visitor.ask("/").status == 503


def test_a_logout_while_the_backend_is_away_is_half_of_one_and_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("PREVUE_SPOOL_DIR", str(tmp_path / "client"))
    settings = {"PREVUE_AUTH": "auth", "PREVUE_ADMIN_PASSWORD": PASSWORD.strip()}

    async def scene(visitor, backend):
        key = re.search(r'name="form_key" value="(\w+)"', visitor.ask("/").text).group(1)
        async with visitor.session(visitor.token("/p/admin/digits")) as page:
            assert backend.stop() == 0
            answer = await asyncio.to_thread(visitor.send, "/logout", {"form_key": key})
            assert (answer.status, visitor.cookies) == (503, {})
            assert "you are logged out in this browser only" in answer.text
            assert await closed(page) == 4401

    with served("backend", "--port", "0", data=tmp_path, **settings) as backend:
        url = backend.address("backend")
        with served("dashboard", "--port", "0", "--url", url, data=tmp_path) as dashboard:
            visitor = logged_in(dashboard.address("dashboard"), ADMIN, PASSWORD.strip())
            with asking(url, session_in(visitor)) as admin:
                monkeypatch.setenv("PREVUE_TOKEN", new_token(admin))
            run = prevue.init("digits", "one", url=url)
            run.log({"loss": 0.5})
            finished(run)
            asyncio.run(asyncio.wait_for(scene(visitor, backend), PATIENCE_S))


def test_a_dashboard_that_shall_ask_for_a_login_does_not_start_before_a_backend_without(tmp_path):
    with served("backend", "--port", "0", data=tmp_path) as backend:
        url = backend.address("backend")
        for host in ("127.0.0.1", "0.0.0.0"):
            arguments = ("dashboard", "--host", host, "--port", "0", "--url", url)
            with served(*arguments, data=tmp_path, PREVUE_AUTH="auth") as dashboard:
                assert dashboard.process.wait(PATIENCE_S) == 78
                told = dashboard.logged()
                assert f"its backend at {url} asks nobody for a password" in told
                assert "PREVUE_AUTH=auth prevue backend" in told
                assert "PREVUE_AUTH=open prevue dashboard" in told


def test_a_backend_that_turns_out_to_be_open_is_not_shown_where_a_login_is_due(tmp_path):
    port = str(free_port())
    url = f"http://127.0.0.1:{port}"
    with served("dashboard", "--port", "0", "--url", url, data=tmp_path, PREVUE_AUTH="auth") as dashboard:
        visitor = Visitor(dashboard.address("dashboard"))
        with served("backend", "--port", port, data=tmp_path) as backend:
            backend.address("backend")
            for path in ("/", "/login", "/p/a/b"):
                answer = visitor.ask(path)
                assert (answer.status, "asks nobody for a password" in answer.text) == (503, True)


@pytest.fixture(scope="module")
def open_backend(tmp_path_factory):
    with served("backend", "--port", "0", data=tmp_path_factory.mktemp("open")) as backend:
        yield backend.address("backend")


@pytest.mark.parametrize(("host", "is_exposed"), [("127.0.0.1", False), ("0.0.0.0", True)])
def test_what_is_open_to_the_network_says_so_on_every_page(open_backend, tmp_path, host, is_exposed):
    arguments = ("dashboard", "--host", host, "--port", "0", "--url", open_backend)
    with served(*arguments, data=tmp_path, PREVUE_AUTH="open") as dashboard:
        visitor = Visitor(dashboard.address("dashboard"))
        page = visitor.ask("/")
        assert page.status == 200
        assert ("Open to the network." in page.text) is is_exposed
        assert "Log out" not in page.text
        assert visitor.ask("/login?next=/p/a/b").headers["Location"] == "/p/a/b"


def test_an_open_dashboard_answers_to_no_name_that_others_can_point_here(open_backend, tmp_path):
    arguments = ("dashboard", "--port", "0", "--url", open_backend)
    with served(*arguments, data=tmp_path, PREVUE_ALLOWED_HOSTS="prevue.example") as dashboard:
        visitor = Visitor(dashboard.address("dashboard"))
        port = visitor.url.rsplit(":", 1)[1]
        refused = visitor.ask("/", Host=f"evil.example:{port}")
        assert refused.status == 421
        assert "PREVUE_ALLOWED_HOSTS" in refused.text
        for host in ("localhost", "127.0.0.1", "[::1]", "prevue.example"):
            assert visitor.ask("/", Host=f"{host}:{port}").status == 200


# behind a proxy


def test_over_https_the_cookie_is_for_https_and_for_this_host_alone(nobody):
    https = nobody.url.replace("http:", "https:")
    assert nobody.log_in("ann", PASSWORD, X_Forwarded_Proto="https").status == 403  # its Origin has another scheme
    answer = nobody.log_in("ann", PASSWORD, X_Forwarded_Proto="https", Origin=https)
    (cookie,) = answer.cookies
    assert cookie.startswith("__Host-prevue-")
    assert "secure" in cookie.lower()
    assert answer.headers["Strict-Transport-Security"].startswith("max-age=")
    assert nobody.ask(PAGE, X_Forwarded_Proto="https").status == 200


def test_attempts_are_counted_for_each_viewer_not_for_the_dashboard(nobody):
    statuses = [
        nobody.log_in(f"nobody{number}", "wrong password", X_Real_Ip=f"10.9.9.{number}").status for number in range(21)
    ]
    assert (statuses[0], statuses[-1]) == (401, 429)
    claimed = {"X_Forwarded_For": f"10.9.9.99, {nobody.address}"}  # the last is the proxy's word
    assert nobody.log_in("nobody21", "wrong password", **claimed).status == 429
    assert Visitor(nobody.url).log_in("nobody22", "wrong password").status == 401


def test_what_a_proxy_would_say_is_not_believed_where_there_is_none(backend, tmp_path):
    with served("dashboard", "--port", "0", "--url", backend, data=tmp_path) as dashboard:
        answer = Visitor(dashboard.address("dashboard")).log_in("ann", PASSWORD, X_Forwarded_Proto="https")
        assert (answer.status, "secure" in answer.cookies[0].lower()) == (303, False)


# what changes runs


@pytest.fixture
def run_id(backend, ann):
    return next(run.run_id for run in Api(backend, session_in(ann)).runs("digits"))


def change(visitor, run_id, key=None, **form):
    own = re.search(r'name="form_key" value="(\w+)"', visitor.ask("/").text).group(1)
    sent = {"action": "edit", "field": "notes", "value": "changed", "run": run_id, **form}
    return visitor.send("/changes", {**sent, "form_key": own if key is None else key})


def test_a_run_is_changed_by_a_form_of_ones_own_login_only(ann, backend, run_id):
    assert [change(ann, run_id, key).status for key in ("", "0" * 32, "\u00fc")] == [403, 403, 403]
    assert Api(backend, session_in(ann)).run(run_id).notes == ""
    assert change(ann, run_id).status == 200
    assert Api(backend, session_in(ann)).run(run_id).notes == "changed"


def test_a_strangers_run_can_neither_be_seen_nor_changed(ann, bob, nobody, run_id):
    for page in (f"{PAGE}/runs/{run_id}", f"{PAGE}/table", f"{PAGE}/compare?run={run_id}", f"{PAGE}/configs"):
        assert (ann.ask(page).status, bob.ask(page).status, nobody.ask(page).status) == (200, 404, 302)
    assert "there is no run" not in ann.ask(f"{PAGE}/runs/{run_id}").text
    assert change(bob, run_id).status == 404
    assert change(bob, run_id, action="delete").status == 404
    assert nobody.send("/changes", {"action": "delete", "run": run_id}).status == 302
    assert ann.ask(f"{PAGE}/runs/{run_id}").status == 200
