import json
import stat

import pytest

import prevue
from prevue.config import client_settings
from prevue.credentials import forget_login, store_login, stored_login
from prevue.delivery import Answer

URL = "http://localhost:8080"


@pytest.fixture
def file(tmp_path):
    return tmp_path / "config" / "prevue" / "tokens.json"


def test_each_server_has_its_login(file):
    assert stored_login(file, URL) is None
    store_login(file, URL, {"token": "a", "user": "alice"})
    store_login(file, "http://other", {"token": "b"})
    assert stored_login(file, URL) == {"token": "a", "user": "alice"}
    forget_login(file, URL)
    assert (stored_login(file, URL), stored_login(file, "http://other")) == (None, {"token": "b"})


def test_the_file_is_its_owners_alone(file):
    store_login(file, URL, {"token": "a"})
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert [path.name for path in file.parent.iterdir()] == ["tokens.json"]


@pytest.mark.parametrize(
    "damage", ["", "{", "[]", '{"http://localhost:8080": 5}', '{"http://localhost:8080": {"token": 5}}']
)
def test_a_damaged_file_is_no_login_and_is_written_anew(file, damage):
    file.parent.mkdir(parents=True)
    file.write_text(damage)
    assert stored_login(file, URL) is None
    store_login(file, URL, {"token": "a"})
    assert json.loads(file.read_text())[URL] == {"token": "a"}


def test_a_given_token_goes_before_the_stored_one_and_an_empty_one_before_both(tmp_path):
    environ = {"XDG_CONFIG_HOME": str(tmp_path), "PREVUE_URL": URL}
    settings = client_settings(environ=environ)
    assert settings.bearer() is None
    store_login(settings.tokens_file, URL, {"token": "stored"})
    assert settings.bearer() == "stored"
    assert client_settings(environ=environ | {"PREVUE_TOKEN": "set"}).bearer() == "set"
    assert client_settings(environ=environ | {"PREVUE_TOKEN": "set"}, token="").bearer() is None
    assert client_settings(environ=environ, url="http://other").bearer() is None


def test_a_login_during_a_training_is_used_by_its_next_request(backend, new_run, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setattr("prevue.delivery.PROBE_S", 0.01)
    monkeypatch.delenv("PREVUE_TOKEN", raising=False)
    settings = client_settings(url=backend.url)

    def log_in_meanwhile(lines):
        store_login(settings.tokens_file, backend.url, {"token": "new"})
        return Answer(401, {"detail": "no token was sent"})

    backend.recording.faults.append(log_in_meanwhile)
    run = new_run()
    run.log({"loss": 0.5})
    assert run.finish(timeout=30)
    assert [headers.get("Authorization") for headers in backend.headers][:2] == [None, "Bearer new"]


def test_a_uid_that_the_server_does_not_use_is_told_once(backend, new_run, caplog):
    def answer_as_alices(lines):
        stored = backend.recording.accept(*backend.recording.requests[-1])
        return Answer(200, {**stored.document, "user": "alice"})

    backend.recording.faults += [answer_as_alices] * 9
    run = new_run(uid="test")
    run.log({"loss": 0.5})
    assert run.finish(timeout=30)
    assert caplog.text.count("uid 'test' is not used") == 1


def test_a_user_may_log_in_for_reading(backend):
    backend.documents["/api/v1/identity"] = (200, {"mode": "auth", "user": "alice"})
    assert prevue.Api(backend.url, "a-session").identity()["user"] == "alice"
    assert backend.headers[-1]["Authorization"] == "Bearer a-session"
