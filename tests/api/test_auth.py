"""Accounts over HTTP: what each status says, and that no route forgets to ask."""

import re

import pytest

from api.posting import NDJSON, lines, path_of
from core.stream import Stream, event, start, started
from prevue_core import __version__
from prevue_core.api.app import create_app
from prevue_core.db import logins, tokens
from prevue_core.db.accounts import OPEN, identify
from prevue_core.db.models import Result
from prevue_core.settings import server_settings

PASSWORD = "correct horse battery"
NOTE = {"type": "result", "kind": "text", "name": "note", "payload": {"text": "for bob alone"}}
PUBLIC = {
    ("GET", "/"), ("GET", "/api/openapi.json"), ("GET", "/healthz"), ("GET", "/readyz"),
    ("GET", "/api/v1/identity"), ("POST", "/api/v1/sessions"), ("POST", "/api/v1/sessions/with-code"),
    ("DELETE", "/api/v1/sessions/current"),
    ("GET", "/api/docs/"), ("GET", "/api/docs/<path:path>"), ("GET", "/api/docs/dist/<path:filename>"),
    ("GET", "/api/checks"),
}  # fmt: skip


@pytest.fixture(scope="module")
def closed():
    """The backend in `auth` mode: what nothing is said about it is."""
    return create_app(server_settings(environ={}))


@pytest.fixture
def client(closed, database):
    return closed.test_client()


def bearer(text):
    return {"Authorization": f"Bearer {text}"}


def session_of(name, is_admin=False):
    code = logins.add_user(OPEN, name, None, is_admin).code
    return logins.use_code(code, None, PASSWORD, "here").session


@pytest.fixture
def alice(database):
    return bearer(session_of("alice"))


@pytest.fixture
def root(database):
    return bearer(session_of("root", is_admin=True))


def test_every_route_but_the_way_in_asks_who_comes(client, problem_of):
    asked = []
    for rule in client.application.url_map.iter_rules():
        for method in rule.methods - {"HEAD", "OPTIONS"}:
            if (method, rule.rule) not in PUBLIC:
                path = re.sub(r"<uuid:\w+>", "019ab1c2-0000-7000-8000-000000000001", rule.rule)
                path = re.sub(r"<[^>]+>", "1", path)
                for headers in ({}, bearer("pvt_nonsense"), {"Authorization": "Basic YWRtaW46YWRtaW4="}):
                    answer = client.open(path, method=method, headers=headers)
                    problem_of(answer, 401)
                    assert answer.headers["WWW-Authenticate"] == "Bearer"
                asked.append(path)
    assert len(asked) >= 14


def test_a_cookie_is_no_way_in(client, alice):
    client.set_cookie("session", alice["Authorization"].partition(" ")[2])
    assert client.get("/api/v1/projects").status_code == 401


def test_logging_in_and_out(client, alice):
    answer = client.post("/api/v1/sessions", json={"username": "alice", "password": PASSWORD})
    assert (answer.status_code, answer.json["username"], answer.headers["Cache-Control"]) == (201, "alice", "no-store")
    who = bearer(answer.json["session"])
    assert client.get("/api/v1/identity", headers=who).json == {
        "mode": "auth",
        "is_on_network": False,
        "user": "alice",
        "is_admin": False,
        "scopes": ["ingest", "read", "write"],
        "version": __version__,
        "dashboard_url": None,
    }
    assert client.delete("/api/v1/sessions/current", headers=who).status_code == 204
    assert client.get("/api/v1/projects", headers=who).status_code == 401
    assert client.get("/api/v1/identity", headers=who).json["user"] is None


def test_wrong_passwords_are_401_and_then_429_with_the_wait(client, alice, problem_of):
    for _ in range(5):
        answer = client.post("/api/v1/sessions", json={"username": "alice", "password": "something else"})
        assert problem_of(answer, 401)["detail"] == "the user name or the password is wrong"
    answer = client.post("/api/v1/sessions", json={"username": "alice", "password": PASSWORD})
    assert problem_of(answer, 429)["detail"] == "too many attempts to log in; wait 1 s"
    assert answer.headers["Retry-After"] == "1"


def test_the_first_admin_comes_in_with_the_code(client, database):
    body = {"code": logins.first_code(), "username": "alice", "password": PASSWORD}
    answer = client.post("/api/v1/sessions/with-code", json=body)
    assert (answer.status_code, answer.json["is_admin"]) == (201, True)
    assert client.post("/api/v1/sessions/with-code", json=body).status_code == 401


def test_a_code_that_is_over_has_a_new_one_written_to_the_log(client, database, caplog):
    body = {"code": "pvf_over", "username": "alice", "password": PASSWORD}
    assert client.post("/api/v1/sessions/with-code", json=body).status_code == 401
    (line,) = caplog.messages
    url, code = re.search(r"prevue login (\S+) --code (\S+)", line).groups()
    assert url == "http://localhost"
    assert client.post("/api/v1/sessions/with-code", json={**body, "code": code}).status_code == 201


def test_passwords_in_errors_are_not_shown(client, database):
    for body in ({"username": "a", "password": 4711815}, {"password": "hunter2hunter2"}):
        assert "4711815" not in client.post("/api/v1/sessions", json=body).text
        assert "hunter2" not in client.post("/api/v1/sessions", json=body).text
    body = {"code": logins.first_code(), "username": "a", "password": "hunter2"}
    answer = client.post("/api/v1/sessions/with-code", json=body)
    assert answer.status_code == 422
    assert "hunter2" not in answer.text


# users and tokens


def test_an_admin_adds_users_and_others_do_not(client, alice, root, problem_of):
    problem_of(client.get("/api/v1/users", headers=alice), 403)
    problem_of(client.post("/api/v1/users", headers=alice, json={"username": "eve"}), 403)
    made = client.post("/api/v1/users", headers=root, json={"username": "bob", "email": "bob@example.org"})
    assert (made.status_code, made.json["username"]) == (201, "bob")
    body = {"code": made.json["code"], "password": PASSWORD}
    assert client.post("/api/v1/sessions/with-code", json=body).status_code == 201
    listed = client.get("/api/v1/users?limit=1", headers=root).json["items"][0]
    assert (listed["username"], listed["email"], listed["can_log_in"]) == ("bob", "bob@example.org", True)
    problem_of(client.post("/api/v1/users", headers=root, json={"username": "bob"}), 409)
    problem_of(client.post("/api/v1/users", headers=root, json={"username": "x", "email": "nowhere"}), 422)


def test_a_user_with_a_strange_name_gets_a_new_code(client, root):
    client.post("/api/v1/users", headers=root, json={"username": "Zoé the 1st"})
    assert client.post("/api/v1/users/Zoé%20the%201st/code", headers=root).status_code == 201
    assert client.post("/api/v1/users/nobody/code", headers=root).status_code == 404


def test_an_ingest_token_logs_and_reads_nothing(client, alice, problem_of):
    made = client.post("/api/v1/tokens", headers=alice, json={"token_name": "node", "scopes": ["ingest"]}).json
    who, stream = bearer(made["token"]), Stream()
    headers = {**who, "Content-Type": NDJSON}
    answer = client.post(path_of(stream), data=lines(start(uid="mallory")), headers=headers)
    assert (answer.status_code, answer.json["user"]) == (200, "alice")
    for path in ("/api/v1/projects", f"/api/v1/runs/{stream.run_id}", f"/api/v1/series?run_id={stream.run_id}"):
        problem_of(client.get(path, headers=who), 403)
    problem_of(client.post("/api/v1/tokens", headers=who, json={"token_name": "a", "scopes": ["ingest"]}), 403)
    assert client.get(f"/api/v1/runs/{stream.run_id}", headers=alice).json["user"] == "alice"


def test_who_may_only_log_asks_how_far_its_runs_are_and_no_others(client, alice, problem_of):
    made = client.post("/api/v1/tokens", headers=alice, json={"token_name": "node", "scopes": ["ingest"]}).json
    who, mine, others = bearer(made["token"]), Stream(), started(uid="bob", project="secret")
    client.post(path_of(mine), data=lines(start()), headers={**who, "Content-Type": NDJSON})
    assert client.get(f"/api/v1/runs/{mine.run_id}/writers", headers=who).json["items"][0]["next_seq"] == 1
    problem_of(client.get(f"/api/v1/runs/{others.run_id}/writers", headers=who), 404)


@pytest.mark.parametrize(
    ("scopes", "project", "may_log"),
    [
        (["ingest"], "mine", True),
        (["ingest"], "alice/mine", True),
        (["ingest"], "a new one", True),
        (["ingest"], "bob/secret", False),
        (["ingest"], "bob/nothing", False),
        (["read", "write"], "mine", False),
    ],
)
def test_one_may_ask_whether_a_project_can_be_logged_into(client, alice, scopes, project, may_log):
    started(uid="alice", project="mine")
    started(uid="bob", project="secret")
    made = client.post("/api/v1/tokens", headers=alice, json={"token_name": "node", "scopes": scopes}).json
    told = client.get("/api/v1/identity", headers=bearer(made["token"]), query_string={"project": project}).json
    assert (told["may_log"], told["scopes"]) == (may_log, scopes)
    assert client.get("/api/v1/identity", query_string={"project": project}).json["may_log"] is False


def test_a_token_of_one_project_logs_into_no_other(client, alice):
    started(uid="alice", project="mine")
    project_id = client.get("/api/v1/projects", headers=alice).json["items"][0]["project_id"]
    made = {"token_name": "node", "scopes": ["ingest"], "project_id": project_id}
    who = bearer(client.post("/api/v1/tokens", headers=alice, json=made).json["token"])
    asked = {
        project: client.get("/api/v1/identity", headers=who, query_string={"project": project}).json["may_log"]
        for project in ("mine", "a new one")
    }
    assert asked == {"mine": True, "a new one": False}


def test_records_for_anothers_run_are_not_read(client, alice, root, problem_of):
    path = path_of(started(identity=identify(alice["Authorization"].removeprefix("Bearer "))))
    bob = bearer(session_of("bob"))
    torn = {"data": b"no JSON, and not gzip", "content_type": NDJSON, "headers": {"Content-Encoding": "gzip"}}
    for who, status in ((bob, 404), (alice, 400), (root, 400)):
        problem_of(client.post(path, **{**torn, "headers": {**torn["headers"], **who}}), status)


def test_tokens_are_listed_without_themselves_and_revoked(client, alice):
    made = client.post("/api/v1/tokens", headers=alice, json={"token_name": "a", "scopes": ["read"]}).json
    listed = client.get("/api/v1/tokens", headers=alice)
    assert [item["public_id"] for item in listed.json["items"]] == [made["public_id"]]
    assert made["token"] not in listed.text
    assert client.get("/api/v1/projects", headers=bearer(made["token"])).status_code == 200
    assert client.delete(f"/api/v1/tokens/{made['public_id']}", headers=alice).status_code == 204
    assert client.get("/api/v1/projects", headers=bearer(made["token"])).status_code == 401
    assert client.delete(f"/api/v1/tokens/{made['public_id']}", headers=alice).status_code == 404


def test_what_is_anothers_answers_as_what_does_not_exist(client, alice, problem_of):
    stream = started(uid="bob", project="secret")
    stream.send(NOTE, event())
    result_id = Result.select(Result.result_id).scalar()
    stranger = {
        "/api/v1/projects/{}": ("1", "999999"),
        "/api/v1/runs/{}": (stream.run_id, Stream().run_id),
        "/api/v1/runs/{}/series": (stream.run_id, Stream().run_id),
        "/api/v1/runs/{}/writers": (stream.run_id, Stream().run_id),
        "/api/v1/runs/{}/results": (stream.run_id, Stream().run_id),
        "/api/v1/runs/{}/results/names": (stream.run_id, Stream().run_id),
        "/api/v1/runs/{}/results/steps?kind=text&split=train&name=note": (stream.run_id, Stream().run_id),
        f"/api/v1/runs/{stream.run_id}/results/{{}}": (str(result_id), "999999"),
    }
    for path, names in stranger.items():
        told = []
        for name in names:
            problem = problem_of(client.get(path.format(name), headers=alice), 404)
            told.append(problem["detail"].replace(name, "NAME"))
        assert told[0] == told[1]
    assert client.get(f"/api/v1/series?run_id={stream.run_id}", headers=alice).json == {"series": []}
    assert client.get(f"/api/v1/events?run_id={stream.run_id}", headers=alice).json["items"] == []
    assert client.get("/api/v1/projects", headers=alice).json["items"] == []


def test_a_tokens_project_is_one_of_the_askers(client, alice, problem_of):
    started(uid="bob", project="secret")
    made = client.post("/api/v1/tokens", headers=alice, json={"token_name": "a", "scopes": ["read"], "project_id": 1})
    problem_of(made, 404)


# open mode


def test_an_open_server_has_no_accounts(app, database, problem_of):
    client = app.test_client()
    identity = client.get("/api/v1/identity").json
    assert (identity["mode"], identity["user"], identity["is_on_network"]) == ("open", None, False)
    login = {"username": "alice", "password": PASSWORD}
    problem_of(client.post("/api/v1/sessions", json=login), 409)
    problem_of(client.get("/api/v1/tokens"), 409)
    problem = problem_of(client.post("/api/v1/users", json={"username": "eve"}), 409)
    assert problem["detail"] == "this server is open: it has no accounts, and needs no login"
    text, _ = tokens.create_token(identify(session_of("alice")), "a", ["read"])
    assert client.get("/api/v1/projects", headers=bearer(text)).status_code == 200


def test_answers_are_kept_from_other_pages(client):
    headers = client.get("/healthz").headers
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"


def test_who_may_only_read_puts_nothing_away(client, alice, problem_of):
    reader = bearer(
        client.post("/api/v1/tokens", json={"token_name": "r", "scopes": ["read"]}, headers=alice).json["token"]
    )
    stream = started(identity=identify(alice["Authorization"].partition(" ")[2]))
    run = f"/api/v1/runs/{stream.run_id}"
    assert client.get(run, headers=reader).status_code == 200
    for answer in (client.delete(run, headers=reader), client.post(f"{run}/archive", headers=reader)):
        problem_of(answer, 403)
    assert client.delete(run, headers=alice).status_code == 200
