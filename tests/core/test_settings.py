import sys
from pathlib import Path

import pytest

from prevue_core.errors import SettingsError
from prevue_core.settings import Limits, dashboard_settings, plugin_settings, secret, server_settings


def test_without_settings_the_backend_is_for_this_machine_with_a_file_of_its_own(tmp_path):
    settings = server_settings(environ={"XDG_DATA_HOME": str(tmp_path)})
    assert (settings.host, settings.port, settings.auth) == ("127.0.0.1", 8080, None)
    assert settings.database_url == f"sqlite:///{tmp_path}/prevue/prevue.sqlite"


def test_the_environment_is_followed(tmp_path):
    settings = server_settings(
        environ={
            "PREVUE_DATABASE_URL": "postgresql://db/prevue",
            "PREVUE_DATA_DIR": str(tmp_path),
            "PREVUE_HOST": "0.0.0.0",
            "PREVUE_PORT": "81",
            "PREVUE_AUTH": "open",
            "PREVUE_ALLOWED_HOSTS": "prevue.example, ml.example,",
        }
    )
    assert settings.database_url == "postgresql://db/prevue"
    assert (settings.data_dir, settings.host, settings.port, settings.auth) == (tmp_path, "0.0.0.0", 81, "open")
    assert settings.allowed_hosts == {"prevue.example", "ml.example"}


def test_each_limit_can_be_set():
    names = ("BODY_BYTES", "INFLATED_BYTES", "RECORDS", "NAMES", "WAITING")
    environ = {f"PREVUE_MAX_{name}": str(number) for number, name in enumerate(names, 1)}
    assert server_settings(environ=environ).limits == Limits(1, 2, 3, 4, 5)
    assert server_settings(environ={}).limits == Limits(1 << 20, 8 << 20, 5_000, 10_000, 64)


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "many", "1 000", "1073741825"])
def test_a_refused_limit_is_quoted(text):
    with pytest.raises(SettingsError, match=f"PREVUE_MAX_NAMES is '{text}'; use a whole number from 1 to 1073741824"):
        server_settings(environ={"PREVUE_MAX_NAMES": text})


def test_arguments_win_over_the_environment(tmp_path):
    environ = {"PREVUE_HOST": "10.0.0.1", "PREVUE_PORT": "81", "PREVUE_DATA_DIR": "/elsewhere"}
    settings = server_settings(host="127.0.0.2", port=0, data_dir=tmp_path, environ=environ)
    assert (settings.host, settings.port, settings.data_dir) == ("127.0.0.2", 0, tmp_path)


def test_an_empty_variable_is_as_good_as_none():
    settings = server_settings(environ={"PREVUE_HOST": "", "PREVUE_PORT": "", "PREVUE_AUTH": ""})
    assert (settings.host, settings.port, settings.auth) == ("127.0.0.1", 8080, None)


def test_the_data_folder_is_absolute_and_knows_the_home_folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert server_settings(data_dir=Path("data"), environ={}).data_dir == tmp_path / "data"
    assert server_settings(data_dir=Path("~/data"), environ={}).data_dir == Path.home() / "data"


@pytest.mark.parametrize("port", ["eighty", "-1", "65536", "80.5"])
def test_a_refused_port_is_quoted(port):
    with pytest.raises(SettingsError, match=f"port '{port}' is not a number from 0 to 65535"):
        server_settings(environ={"PREVUE_PORT": port})


def test_an_unknown_kind_of_login_is_refused():
    with pytest.raises(SettingsError, match="PREVUE_AUTH is 'none'"):
        server_settings(environ={"PREVUE_AUTH": "none"})


@pytest.mark.parametrize("days", ["a week", "-1", "nan", "36501"])
def test_days_that_cannot_be_are_refused(days):
    with pytest.raises(SettingsError, match=f"PREVUE_TRASH_DAYS is '{days}'; use a number of days"):
        server_settings(environ={"PREVUE_TRASH_DAYS": days})


def test_alerts_are_chosen_by_their_causes():
    chosen = {text: server_settings(environ={"PREVUE_ALERTS": text}).alerts for text in ("", "stalled, diverged")}
    assert chosen == {"": frozenset(), "stalled, diverged": {"stalled", "diverged"}}
    assert server_settings(environ={}).alerts == {"non_finite", "diverged", "stalled"}
    with pytest.raises(SettingsError, match="PREVUE_ALERTS names 'nan'; use some of non_finite, diverged, stalled"):
        server_settings(environ={"PREVUE_ALERTS": "nan"})


KEY = "whsec_" + "abcd" * 8


def test_a_webhook_is_an_address_a_secret_and_kinds():
    assert server_settings(environ={}).webhook is None
    environ = {"PREVUE_WEBHOOK_URL": "https://chat.example.org/hunter2", "PREVUE_WEBHOOK_SECRET": KEY}
    settings = server_settings(environ=environ | {"PREVUE_WEBHOOK_EVENTS": "failed, alert"})
    assert (len(settings.webhook.secret), settings.webhook.kinds) == (24, {"failed", "alert"})
    assert "hunter2" not in repr(settings)
    assert "abcd" not in repr(settings)
    assert server_settings(environ=environ).webhook.kinds == {"running", "lost", "finished", "failed", "alert"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("URL", url) for url in ("hunter2", "file:///hunter2", "https://", "http://[hunter2", "http://a:hunter2/")),
        *(("SECRET", key) for key in ("hunter2", "whsec_hunter2", KEY.removeprefix("whsec_"), "whsec_abcd")),
        ("EVENTS", "started"),
    ],
)
def test_a_webhook_that_cannot_be_is_refused_and_not_quoted(name, value):
    environ = {"PREVUE_WEBHOOK_URL": "http://localhost", f"PREVUE_WEBHOOK_{name}": value}
    with pytest.raises(SettingsError, match=f"PREVUE_WEBHOOK_{name} ") as refused:
        server_settings(environ=environ)
    assert "hunter2" not in str(refused.value)


def test_a_stall_takes_a_minute_at_least():
    assert server_settings(environ={"PREVUE_STALL_MINUTES": "1.5"}).stall_minutes == 1.5
    with pytest.raises(SettingsError, match="PREVUE_STALL_MINUTES is '0'; use a number of minutes from 1 to 525600"):
        server_settings(environ={"PREVUE_STALL_MINUTES": "0"})


def test_a_secret_may_stand_in_a_file(tmp_path):
    file = tmp_path / "url"
    file.write_text("postgresql://db/prevue\nsecond line\n")
    environ = {"PREVUE_DATABASE_URL_FILE": str(file), "PREVUE_DATABASE_URL": "sqlite:///other"}
    assert server_settings(environ=environ).database_url == "postgresql://db/prevue"


def test_a_missing_secret_file_is_named():
    with pytest.raises(SettingsError, match="TOKEN_FILE is '/nowhere/token', which cannot be read: No such file"):
        secret("TOKEN", {"TOKEN_FILE": "/nowhere/token"})


@pytest.mark.parametrize("name", ["PREVUE_DATABASE_URL", "PREVUE_DATABASE_DIRECT_URL"])
def test_settings_do_not_show_the_database_url(name):
    settings = server_settings(environ={name: "postgresql://me:hunter2@db/prevue"})
    assert "hunter2" not in repr(settings)


def test_a_direct_url_is_one_of_postgresql():
    environ = {"PREVUE_DATABASE_DIRECT_URL": "sqlite:///hunter2"}
    with pytest.raises(SettingsError, match="PREVUE_DATABASE_DIRECT_URL is not a URL of PostgreSQL") as refused:
        server_settings(environ=environ)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("read", [server_settings, dashboard_settings])
def test_both_servers_read_who_may_come_in(read):
    environ = {"PREVUE_AUTH": "auth", "PREVUE_ALLOWED_HOSTS": "a.example,b.example", "PREVUE_TRUSTED_PROXIES": "1"}
    settings = read(environ=environ)
    assert (settings.auth, settings.allowed_hosts, settings.trusted_proxies) == ("auth", {"a.example", "b.example"}, 1)


def test_a_key_to_sign_with_comes_from_the_environment_or_a_file(tmp_path):
    key = "0123456789abcdefghijklmnopqrstuv"
    (tmp_path / "key").write_text(f"{key}\n")
    given = {"PREVUE_SECRET_KEY": key}, {"PREVUE_SECRET_KEY_FILE": str(tmp_path / "key")}
    assert [dashboard_settings(environ=environ).secret_key for environ in given] == [key.encode()] * 2
    assert key not in repr(dashboard_settings(environ=given[0]))
    assert dashboard_settings(environ={}).secret_key is None


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("hunter2", "has 7 bytes, at least 32 are needed"),
        ("CHANGE_ME_TO_A_COMPLEX_RANDOM_SECRET", "is a placeholder"),
        ("please-replace-this-with-a-key-of-your-own", "is a placeholder"),
        ("0" * 64, "is a placeholder"),
    ],
)
def test_a_key_that_others_could_know_is_refused_and_not_shown(key, told):
    with pytest.raises(SettingsError, match=f"PREVUE_SECRET_KEY {told}.*token_urlsafe") as caught:
        dashboard_settings(environ={"PREVUE_SECRET_KEY": key})
    assert key not in str(caught.value)


@pytest.mark.parametrize(
    ("environ", "only", "trace"),
    [
        ({}, None, False),
        ({"PREVUE_PLUGINS": ""}, frozenset(), False),
        ({"PREVUE_PLUGINS": "prevue-keras, other"}, frozenset({"prevue-keras", "other"}), False),
        ({"PREVUE_TRACE_PLUGINS": "1"}, None, True),
        ({"PREVUE_TRACE_PLUGINS": "0"}, None, False),
    ],
)
def test_the_environment_chooses_plugins(environ, only, trace):
    settings = plugin_settings(environ)
    assert (settings.only, settings.trace) == (only, trace)


@pytest.mark.parametrize(
    ("platform", "environ", "folder"),
    [
        ("linux", {}, Path.home() / ".local/share/prevue"),
        ("linux", {"XDG_DATA_HOME": "/data"}, Path("/data/prevue")),
        ("darwin", {}, Path.home() / "Library/Application Support/prevue"),
        ("win32", {"LOCALAPPDATA": "/local"}, Path("/local/prevue")),
    ],
)
def test_data_is_kept_where_the_system_keeps_it(monkeypatch, platform, environ, folder):
    monkeypatch.setattr(sys, "platform", platform)
    assert server_settings(environ=environ).data_dir == folder


def test_origins_that_may_frame_curves() -> None:
    def told(text: str) -> tuple[str, ...] | None:
        return dashboard_settings(environ={"PREVUE_FRAME_ANCESTORS": text}).frame_ancestors

    assert dashboard_settings(environ={}).frame_ancestors is None
    assert told("") == ()
    assert told("https://*.example.org, http://localhost:*,vscode-webview:") == (
        *("https://*.example.org", "http://localhost:*", "vscode-webview:"),
    )
    for text in ("example.org", "https://a; script-src *", "'self'", "https://a/path"):
        with pytest.raises(SettingsError, match="PREVUE_FRAME_ANCESTORS has"):
            told(text)
