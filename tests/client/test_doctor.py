import json
import os
import platform
import shutil
import time
from email.utils import formatdate

import pytest

import prevue
from prevue.doctor import doctor
from prevue.room import FREE_BYTES

OPEN = {"mode": "open", "user": None, "scopes": ["ingest", "read", "write"], "version": "9.9", "may_log": True}
ADA = {"mode": "auth", "user": "ada", "scopes": ["ingest"], "version": "9.9", "may_log": True}
RUN_ID = "019ab1c2-0000-7000-8000-000000000001"


@pytest.fixture
def healthy(backend):
    """A backend that answers as it should."""
    backend.documents |= {"/readyz": (200, {"status": "ok"}), "/api/v1/identity": (200, OPEN)}
    return backend


@pytest.fixture
def examine(command):
    """Ask the doctor and return whether there are problems, and what it found."""

    def examine(*arguments: str):
        result = command("doctor", "--json", *arguments)
        assert result.exit_code == 0
        found = json.loads(result.output)
        return bool(found["problems"]), found

    return examine


def lines(result):
    return {line.split()[0]: line.partition(" ")[2].strip() for line in result.output.splitlines()}


def test_all_is_well(healthy, command, spool_dir):
    result = command("doctor")
    told = lines(result)
    assert result.exit_code == 0
    assert told["client"] == f"prevue {prevue.__version__}, Python {platform.python_version()}"
    assert told["server"].startswith(f"{healthy.url}: prevue 9.9, answers in ")
    assert told["clock"] == "right with the server's"
    assert told["token"] == "is not needed: the server is open; may ingest, read, write"
    assert told["project"] == "default: may be logged to"
    assert told["spool"].startswith(f"{spool_dir}: 0 records wait, 0.0 MB, ")
    assert "problem" not in told


def test_what_waits_is_told(healthy, command, left_behind):
    run = left_behind()
    result = command("doctor")
    assert f"run     {run.run_id}: 7 records for {healthy.url}; `prevue sync` sends them" in result.output
    assert "spool" in lines(result)
    assert "7 records wait, 0.0" in lines(result)["spool"]
    assert "problem" not in lines(result)  # to wait is no illness


def test_which_training_runs_is_told(healthy, command):
    run = prevue.init("p", mode="offline")
    assert f"run     {run.run_id}: 1 records for {healthy.url}; its training runs" in command("doctor").output
    run.finish()


def test_why_the_server_does_not_answer_is_told(no_server, command):
    result = command("doctor")
    assert result.exit_code == 0
    assert f"server  {no_server}: cannot reach {no_server}: Connection refused" in result.output
    assert f"problem the server does not answer as it should: cannot reach {no_server}" in result.output


def test_a_server_that_is_not_prevues_is_told(backend, examine):
    backend.documents["/readyz"] = (200, b"<html>log in to the hotel's network</html>")
    is_ill, found = examine()
    assert (is_ill, "did not answer as Prevue's backend does" in found["problem"]) == (True, True)


def test_json_has_all_for_scripts(no_server, examine, left_behind, spool_dir):
    run = left_behind()
    (folder,) = spool_dir.glob("*/*")
    is_ill, found = examine()
    assert (is_ill, found["url"], found["mode"], found["server_version"]) == (True, no_server, "online", None)
    assert found["problem"] == f"cannot reach {no_server}: Connection refused"
    assert (found["spool"], found["is_writable"]) == (str(spool_dir), True)
    assert found["spool_bytes"] == sum(path.stat().st_size for path in folder.glob("*.ndjson")) > 0
    assert found["free_bytes"] > 0
    assert found["writers"] == [
        {
            "run_id": run.run_id,
            "url": no_server,
            "folder": str(folder),
            "records": 7,
            "is_in_use": False,
            "problem": None,
        }
    ]


def test_of_one_run_the_others_are_left_out(no_server, examine, left_behind):
    one, _ = left_behind(), left_behind()
    assert [writer["run_id"] for writer in examine(one.run_id)[1]["writers"]] == [one.run_id]


# token and project


@pytest.mark.parametrize(
    ("who", "token", "problem"),
    [
        (ADA, "pvt_good", None),
        (
            {**ADA, "user": None, "scopes": [], "may_log": False},
            "pvt_old",
            "the token is not known to the server, or over",
        ),
        ({**ADA, "user": None, "scopes": [], "may_log": False}, None, "the token is missing; `prevue login http://"),
        ({**ADA, "scopes": ["read"], "may_log": False}, "pvt_read", "the token may not log; make one with the scope"),
        ({**ADA, "may_log": False}, "pvt_good", "project 'bob/secret' is not one that ada's token may log to"),
    ],
)
def test_what_is_wrong_with_a_token_is_told(healthy, examine, monkeypatch, who, token, problem):
    healthy.documents["/api/v1/identity"] = (200, who)
    monkeypatch.setenv("PREVUE_PROJECT", "bob/secret")
    if token:
        monkeypatch.setenv("PREVUE_TOKEN", token)
    _, found = examine()
    assert healthy.queries[-1] == {"project": ["bob/secret"]}
    assert len(found["problems"]) == (problem is not None)
    assert problem is None or problem in found["problems"][0]


def test_the_token_is_not_shown(healthy, command, monkeypatch):
    monkeypatch.setenv("PREVUE_TOKEN", "pvt_secret")
    assert "pvt_secret" not in command("doctor").output + command("doctor", "--json").output


# clock, disk and mode


@pytest.mark.parametrize(
    ("server_is", "told"), [(-60, "60 s ahead of the server's"), (3600, "3600 s behind the server's")]
)
def test_a_wrong_clock_is_told(healthy, command, monkeypatch, server_is, told):
    monkeypatch.setattr(
        "http.server.BaseHTTPRequestHandler.date_time_string",
        lambda *_: formatdate(time.time() + server_is, usegmt=True),
    )
    result = command("doctor")
    seconds = int(lines(result)["clock"].split()[0])
    assert abs(seconds - abs(server_is)) <= 2
    assert lines(result)["clock"].endswith(told.partition(" s ")[2])
    assert "problem this machine's clock is" in result.output


def test_a_server_that_tells_no_time_is_not_blamed(healthy, examine, monkeypatch):
    monkeypatch.setattr("http.server.BaseHTTPRequestHandler.date_time_string", lambda *_: "today")
    is_ill, found = examine()
    assert (is_ill, found["clock_ahead_s"]) == (False, None)


def test_a_spool_that_cannot_be_written_is_told(healthy, examine, spool_dir):
    spool_dir.write_text("a file in its place")
    is_ill, found = examine()
    assert (is_ill, found["is_writable"]) == (True, False)
    assert found["problems"] == [
        f"{spool_dir} cannot be written: records would be kept in memory; set PREVUE_SPOOL_DIR"
    ]


def test_a_full_disk_is_told(healthy, examine, monkeypatch):
    usage = type(shutil.disk_usage("/"))
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage(100 * FREE_BYTES, 100 * FREE_BYTES - 10, 10))
    is_ill, found = examine()
    assert (is_ill, found["free_bytes"]) == (True, 10)
    assert found["problems"][0].startswith("no more records are kept: the disk of ")


@pytest.mark.parametrize("mode", ["offline", "disabled"])
def test_a_mode_that_sends_nothing_is_told(healthy, examine, monkeypatch, mode):
    monkeypatch.setenv("PREVUE_MODE", mode)
    is_ill, found = examine()
    assert (is_ill, found["problems"][0].startswith(f"PREVUE_MODE is '{mode}': ")) == (True, True)


def test_looking_makes_no_folder(healthy, command, spool_dir):
    command("doctor")
    assert not os.path.exists(spool_dir)


# a run


def writer(writer_id, **more):
    return {"writer_id": writer_id, "rank": 0, "host": "gpu-1", "pid": 7, "stored": 50, **more}


def test_counts_of_a_run_are_those_of_here_and_of_the_server(healthy, examine, left_behind, spool_dir):
    run = left_behind()
    (folder,) = spool_dir.glob("*/*")
    pages = {None: ([writer(folder.name, stored=3)], "more"), "more": ([writer("elsewhere", rank=1)], None)}

    def page(asked):
        items, following = pages[asked.get("cursor", [None])[0]]
        return {"items": items, "next": following}

    healthy.documents[f"/api/v1/runs/{run.run_id}/writers"] = (200, page)
    is_ill, found = examine(run.run_id)
    assert not is_ill
    here, elsewhere = found["run"]
    assert (here["writer_id"], here["spooled"], here["stored"]) == (folder.name, 7, 3)
    assert (elsewhere["rank"], elsewhere["spooled"], elsewhere["stored"]) == (1, None, 50)


def test_counts_are_read_by_people(healthy, command, left_behind, spool_dir):
    run = left_behind()
    (folder,) = spool_dir.glob("*/*")
    shown = command("doctor", run.run_id).output
    assert f"writer  {folder.name} (not begun there): 7 spooled, 0 stored" in shown
    page = {"items": [writer("elsewhere"), writer("beside", world_size=2)], "next": None}
    healthy.documents[f"/api/v1/runs/{run.run_id}/writers"] = (200, page)
    shown = command("doctor", run.run_id).output
    assert "writer  elsewhere (rank 0 on gpu-1, pid 7): not here, 50 stored" in shown
    assert "writer  beside (rank 0 of 2 on gpu-1, pid 7): not here, 50 stored" in shown


def test_a_run_that_nobody_knows_is_told(healthy, examine):
    is_ill, found = examine(RUN_ID)
    assert is_ill
    assert found["problems"] == [f"run {RUN_ID} is known neither to {healthy.url} nor on this machine"]


def test_a_token_that_may_not_ask_for_the_run_is_told(healthy, examine):
    refused = (403, {"detail": "this needs 'read' or 'ingest'", "request_id": "0123456789abcdef"})
    healthy.documents[f"/api/v1/runs/{RUN_ID}/writers"] = refused
    assert f"what the server has of run {RUN_ID} is not known" in examine(RUN_ID)[1]["problems"][0]


def test_its_help_says_what_it_looks_at():
    assert "server, token, project, disk" in doctor.help
