import uuid
from pathlib import Path

import pytest

from prevue.config import DEFAULT_URL, client_settings, normal_url, spool_root
from prevue.room import MIB, Bounds
from prevue_core.errors import InvalidValue

RUN_ID = "019ab1c2-0000-7000-8000-000000000001"
ENVIRON = {
    "PREVUE_URL": "http://environ:1",
    "PREVUE_PROJECT": "from-environ",
    "PREVUE_UID": "environ",
    "PREVUE_RUN_ID": RUN_ID,
    "PREVUE_MODE": "offline",
    "PREVUE_TOKEN": "environ-token",
    "RANK": "3",
}


@pytest.mark.parametrize(
    ("url", "normal"),
    [
        ("http://localhost:8080", "http://localhost:8080"),
        ("http://localhost:8080/", "http://localhost:8080"),
        ("localhost:8080", "http://localhost:8080"),
        ("prevue.example.org", "http://prevue.example.org"),
        (" https://prevue.example.org ", "https://prevue.example.org"),
        ("https://example.org/tools/prevue/", "https://example.org/tools/prevue"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        ("HTTPS://example.org", "https://example.org"),
        ("http://example.org/?token=secret#top", "http://example.org"),
    ],
)
def test_a_url_is_brought_into_one_form(url, normal):
    assert normal_url(url) == normal


@pytest.mark.parametrize(
    "url",
    [
        "",
        "   ",
        "ftp://example.org",
        "http://",
        "http://:8080",
        "http://host:port",
        "http://host:0",
        "http://host:70000",
        "http://[::1",
        "http://a host",
        8080,
        b"http://host",
    ],
)
def test_a_url_that_is_no_http_address_is_refused_and_quoted(url):
    with pytest.raises(InvalidValue) as refused:
        normal_url(url)
    assert repr(url) in str(refused.value) or repr(url.strip()) in str(refused.value)
    assert DEFAULT_URL in str(refused.value)


@pytest.mark.parametrize(
    "url",
    [
        "http://ada:secret@example.org",
        "ada:secret@example.org:8080",
        "http://:secret@example.org",
        "http://ada:sec/secret@example.org",
        "http://ada:secret@[::1",
    ],
)
def test_a_password_in_the_url_is_refused_and_not_shown(url):
    with pytest.raises(InvalidValue, match="PREVUE_TOKEN") as refused:
        normal_url(url)
    assert "secret" not in str(refused.value)


def test_the_environment_is_read():
    settings = client_settings(environ=ENVIRON)
    assert (settings.url, settings.project, settings.uid) == ("http://environ:1", "from-environ", "environ")
    assert (settings.run_id, settings.mode, settings.rank) == (RUN_ID, "offline", 3)
    assert settings.token == "environ-token"


def test_arguments_win_over_the_environment():
    run_id = str(uuid.uuid4())
    given = {"url": "http://given:2", "project": "given", "uid": "ada", "run_id": run_id, "mode": "disabled", "rank": 0}
    settings = client_settings(**given, token="given-token", environ=ENVIRON)
    assert {name: getattr(settings, name) for name in given} == given
    assert settings.token == "given-token"


def test_a_laptop_needs_no_settings():
    settings = client_settings(environ={})
    assert (settings.url, settings.project, settings.run_id) == (DEFAULT_URL, "default", None)
    assert (settings.mode, settings.rank, settings.token) == ("online", 0, None)
    assert settings.uid


SLURM, OPEN_MPI = (
    {"SLURM_PROCID": "5", "SLURM_NTASKS": "16"},
    {"OMPI_COMM_WORLD_RANK": "1", "OMPI_COMM_WORLD_SIZE": "4"},
)


@pytest.mark.parametrize(
    ("environ", "place"),
    [
        ({"RANK": "3", "WORLD_SIZE": "8", **SLURM}, (3, 8)),
        ({"RANK": "3", "WORLD_SIZE": "many"}, (3, None)),
        ({"RANK": "3"}, (3, None)),
        ({**SLURM, "PREVUE_RUN_ID": RUN_ID}, (5, 16)),
        ({**OPEN_MPI, **SLURM, "PREVUE_RUN_ID": RUN_ID}, (1, 4)),
        ({**OPEN_MPI, **SLURM}, (0, None)),  # each task trains by itself
    ],
)
def test_a_launcher_tells_rank_and_number_of_ranks(environ, place):
    settings = client_settings(environ=environ)
    assert (settings.rank, settings.world_size) == place


@pytest.mark.parametrize(
    ("given", "quoted"),
    [
        ({"run_id": "run 7"}, "run_id 'run 7' is not a UUID"),
        ({"run_id": 7}, "run_id 7 is not a UUID"),
        ({"mode": "onlin"}, "mode 'onlin' is not known; use one of online, offline, disabled"),
        ({"rank": -1}, "rank -1 is not a whole number from 0 on"),
        ({"rank": 0.5}, "rank 0.5 is not a whole number from 0 on"),
        ({"rank": "first"}, "rank 'first' is not a whole number from 0 on"),
        ({"project": "a/b/c"}, "project_name 'a/b/c' has more than an owner and a name"),
        ({"project": ".."}, "project_name '..' cannot be part of an address"),
        ({"project": 7}, "project_name 7 is of type int; use text"),
        ({"uid": "a\nb"}, r"uid 'a\\nb' has a control character"),
        ({"uid": "x" * 256}, "has 256 characters; use 1 to 255"),
    ],
)
def test_a_value_that_cannot_be_used_is_quoted(given, quoted):
    with pytest.raises(InvalidValue, match=quoted):
        client_settings(**given, environ={})


@pytest.mark.parametrize(
    ("name", "value"),
    [("PREVUE_URL", "ftp://x"), ("PREVUE_MODE", "of"), ("PREVUE_RUN_ID", "7"), ("RANK", "x"), ("PREVUE_PROJECT", "/")],
)
def test_a_value_of_the_environment_is_checked_as_well(name, value):
    with pytest.raises(InvalidValue, match=repr(value)):
        client_settings(environ={name: value})


@pytest.mark.parametrize("text", [RUN_ID, RUN_ID.upper(), RUN_ID.replace("-", ""), f"{{{RUN_ID}}}"])
def test_a_run_id_is_brought_into_one_form(text):
    assert client_settings(run_id=text, environ={}).run_id == RUN_ID


def test_the_token_may_stand_in_a_file(tmp_path):
    path = tmp_path / "token"
    path.write_text("file-token\n")
    assert client_settings(environ={"PREVUE_TOKEN_FILE": str(path)}).token == "file-token"


def test_a_newline_behind_the_token_is_not_a_part_of_it():
    assert client_settings(environ={"PREVUE_TOKEN": "environ-token\n"}).token == "environ-token"


@pytest.mark.parametrize("token", ["sec\nret", "s\u00e9cret"])
def test_a_token_that_no_header_can_carry_is_refused_and_not_shown(token):
    with pytest.raises(InvalidValue, match="copy it again") as refused:
        client_settings(token=token, environ={})
    assert token not in str(refused.value)


def test_settings_do_not_show_the_token():
    assert "secret" not in repr(client_settings(token="secret", environ={}))


@pytest.mark.parametrize(
    ("environ", "folder"),
    [
        ({"PREVUE_SPOOL_DIR": "/scratch/spool"}, "/scratch/spool"),
        ({"PREVUE_SPOOL_DIR": "~/spool"}, Path.home() / "spool"),
        ({"PREVUE_SPOOL_DIR": "spool"}, "spool"),
    ],
)
def test_the_spool_is_where_it_was_said(environ, folder):
    assert spool_root(environ) == Path(folder).absolute()


def test_the_spool_is_in_the_users_state_folder(monkeypatch):
    monkeypatch.setattr("sys.platform", "linux")
    assert spool_root({"XDG_STATE_HOME": "/state"}) == Path("/state/prevue/spool")
    assert spool_root({}) == Path.home() / ".local" / "state" / "prevue" / "spool"


def test_each_server_has_a_folder_of_its_own():
    folders = {client_settings(url=url, environ={}).server_folder for url in ("http://a:1", "http://a:2", "a:1/")}
    assert len(folders) == 2


def test_the_spool_has_bounds_and_settings_for_them():
    assert client_settings(environ={}).bounds == Bounds(1024 * MIB, 256 * MIB)
    given = {"PREVUE_SPOOL_MAX_MB": "2000", "PREVUE_KEEP_MB": "0"}
    assert client_settings(environ=given).bounds == Bounds(2000 * MIB, 0)


@pytest.mark.parametrize(
    ("name", "value", "least"),
    [
        ("PREVUE_SPOOL_MAX_MB", "15", 16),
        ("PREVUE_SPOOL_MAX_MB", "1 GB", 16),
        ("PREVUE_KEEP_MB", "-1", 0),
        ("PREVUE_KEEP_MB", "none", 0),
    ],
)
def test_a_bound_that_cannot_be_used_is_told(name, value, least):
    with pytest.raises(InvalidValue, match=f"{name} '{value}' is not a whole number of MB from {least} on"):
        client_settings(environ={name: value})
