import json

import pytest

import prevue
from prevue.delivery import Answer
from prevue.folder import DELIVERED
from prevue.kept import pieces
from prevue_core.contract import PROBLEM_REFUSED

pytestmark = pytest.mark.usefixtures("no_pauses")


def test_sync_sends_what_waits_and_says_how_many(backend, command, left_behind):
    left_behind()
    left_behind()
    result = command("sync")
    assert (result.exit_code, result.output.splitlines()[-1]) == (0, "14 records sent.")
    assert len(backend.records) == 14


def test_a_second_sync_sends_nothing(backend, command, left_behind):
    left_behind()
    command("sync")
    assert command("sync").output == "0 records sent.\n"
    assert len(backend.records) == 7


def test_sync_prints_json_for_scripts(backend, command, left_behind):
    left_behind()
    assert json.loads(command("sync", "--json").output) == {"sent": 7, "failed": 0, "in_use": 0, "problems": []}


def test_sync_of_one_run_leaves_the_others(backend, command, left_behind):
    one, _ = left_behind(), left_behind()
    assert json.loads(command("sync", one.run_id, "--json").output)["sent"] == 7
    assert set(backend.run_ids.values()) == {one.run_id}


def test_sync_leaves_a_training_that_runs_to_itself(backend, command):
    run = prevue.init("p", mode="offline")
    result = command("sync")
    assert (result.exit_code, result.output) == (0, "0 records sent. 1 trainings are running and send their own.\n")
    run.finish()


def test_sync_without_a_server_fails_and_keeps_the_records(no_server, command, left_behind, spooled):
    run = left_behind()
    before = spooled()
    result = command("sync", "--json")
    problem = f"7 records still wait: cannot reach {no_server}: Connection refused"
    assert result.exit_code == 1
    assert json.loads(result.output) == {
        "sent": 0,
        "failed": 1,
        "in_use": 0,
        "problems": [{"run_id": run.run_id, "problem": problem}],
    }
    assert spooled() == before


def test_sync_tells_people_what_failed(no_server, command, left_behind):
    run = left_behind()
    result = command("sync")
    assert f"run {run.run_id}: 7 records still wait: cannot reach {no_server}" in result.stderr
    assert result.stdout.endswith("0 records sent.\n")


def test_sync_gives_up_at_once_where_a_person_must_help(backend, command, left_behind):
    left_behind()
    backend.recording.faults.append(Answer(401, {"detail": "no token"}))
    result = command("sync", "--json")
    assert result.exit_code == 1
    assert "status 401: no token" in json.loads(result.output)["problems"][0]["problem"]
    assert len(backend.recording.requests) == 1


def test_sync_survives_a_fault_or_two(backend, command, left_behind):
    left_behind()
    backend.recording.faults += [Answer(503), Answer(429, retry_after_s=0.0)]
    assert command("sync").exit_code == 0
    assert len(backend.records) == 7


def test_sync_does_not_come_again_before_the_server_wants_it(backend, command, left_behind):
    left_behind()
    backend.recording.faults.append(Answer(429, retry_after_s=90.0))
    (told,) = json.loads(command("sync", "--json").output)["problems"]
    assert told["problem"].endswith("answers status 429; try again in 90 s")
    assert len(backend.recording.requests) == 1


def test_sync_puts_a_refused_record_aside(backend, command, left_behind, spool_dir):
    left_behind()
    refused = Answer(400, {"type": PROBLEM_REFUSED, "detail": "no"})
    backend.recording.faults += [lambda lines: refused if b'"step":3,' in lines else None] * 9
    assert json.loads(command("sync", "--json").output)["sent"] == 7
    assert [record["type"] for record in backend.records] == ["start", *["metrics"] * 3, "gap", "metrics", "end"]
    assert len(list(spool_dir.glob("*/*/quarantine.ndjson"))) == 1
    assert json.loads(command("sync", "--json").output)["sent"] == 0


def test_sync_sends_to_one_server_and_with_all_to_each(backend, command, left_behind):
    left_behind(url=backend.url)
    left_behind(url=backend.url.replace("127.0.0.1", "localhost"))
    assert json.loads(command("sync", "--json").output)["sent"] == 7
    assert json.loads(command("sync", "--all", "--json").output)["sent"] == 7


def test_sync_sends_what_waits_for_a_mistyped_address(backend, command, left_behind, spool_dir):
    run = left_behind(url="http://localhost:1")
    told = "0 records sent.\n7 records wait for other addresses; `prevue doctor` lists them.\n"
    assert command("sync").output == told
    assert "sync --from http://localhost:1` to " in command("doctor").output
    result = command("sync", "--from", "http://localhost:1", run.run_id)
    assert (result.exit_code, result.output.splitlines()[-1]) == (0, "7 records sent.")
    assert {record["run_id"] for record in backend.records if record["type"] == "start"} == {run.run_id}
    assert command("sync", "--from", "http://localhost:1").output.endswith("waits here for http://localhost:1.\n")
    assert not list(spool_dir.rglob("*.ndjson"))  # nobody would ask for it there


def test_sync_says_where_nothing_of_a_run_waits(backend, command, left_behind):
    left_behind()
    assert command("sync", "nope").output.endswith(f"Nothing of run nope waits here for {backend.url}.\n")


def test_sync_sends_the_token_of_the_environment(backend, command, left_behind, monkeypatch):
    left_behind()
    monkeypatch.setenv("PREVUE_TOKEN", "a-token")
    command("sync")
    assert backend.headers[0]["Authorization"] == "Bearer a-token"


@pytest.mark.parametrize(("start", "cursor"), [(b"", b""), (b"[]", b"junk"), (b"junk", b"-1")])
def test_sync_tells_what_is_damaged_and_sends_the_rest(backend, command, left_behind, spool_dir, start, cursor):
    left_behind()
    (folder,) = spool_dir.glob("*/*")
    (folder / "start").write_bytes(start)
    (folder / "cursor").write_bytes(cursor)
    lines = (folder / "0.ndjson").read_bytes().splitlines(keepends=True)
    (folder / "0.ndjson").write_bytes(b"\0" + b"".join(lines))
    left_behind()
    result = command("sync", "--json")
    assert result.exit_code == 1
    assert "no readable start record" in json.loads(result.output)["problems"][0]["problem"]
    assert len(backend.records) == 7


def test_sync_passes_over_what_is_no_spool(backend, command, spool_dir):
    (spool_dir / "server" / "empty").mkdir(parents=True)
    (spool_dir / "a file").touch()
    assert command("sync", "--all").output == "0 records sent.\n"


def test_sync_with_an_empty_machine_sends_nothing(command):
    assert command("sync").output == "0 records sent.\n"


# sync --verify


@pytest.fixture
def restored(backend, command, left_behind) -> list[prevue.Run]:
    """Two runs that were delivered, to a backend that is put back to a backup between them."""
    first = left_behind()
    command("sync")
    restore = backend.recording.backup()
    second = left_behind()
    command("sync")
    restore()
    assert len(backend.records) == 7
    return [first, second]


def test_verify_sends_again_what_a_restored_server_lacks(restored, backend, command):
    result = command("sync", "--verify")
    assert result.exit_code == 0
    assert f"run {restored[0].run_id}: 7 records, the server has all" in result.output
    assert f"run {restored[1].run_id}: 7 records, the server lacked 7" in result.output
    assert result.output.endswith("7 records sent.\n")
    assert [[record["seq"] for record in records] for records in backend.recording.records.values()] == [
        [*range(7)]
    ] * 2


def test_verify_prints_json_for_scripts(restored, command):
    told = json.loads(command("sync", "--verify", "--json").output)
    assert told["verified"] == [
        {"run_id": run.run_id, "writers": 1, "records": 7, "missing": missing, "lost": 0}
        for run, missing in zip(restored, (0, 7), strict=True)
    ]
    assert (told["sent"], told["failed"]) == (7, 0)


def test_without_verify_nobody_is_asked(restored, backend, command):
    requests = len(backend.recording.requests)
    assert command("sync").output == "0 records sent.\n"
    assert len(backend.recording.requests) == requests


def test_verify_of_one_run_leaves_the_others(restored, backend, command):
    told = json.loads(command("sync", restored[0].run_id, "--verify", "--json").output)
    assert [row["run_id"] for row in told["verified"]] == [restored[0].run_id]
    assert len(backend.records) == 7


def test_verify_asks_each_server_for_what_it_has(backend, command, left_behind):
    left_behind(url=backend.url.replace("127.0.0.1", "localhost"))
    command("sync", "--all")
    backend.recording.forget()
    assert json.loads(command("sync", "--verify", "--json").output)["verified"] == []
    assert json.loads(command("sync", "--verify", "--all", "--json").output)["sent"] == 7


def test_verify_without_a_server_fails_and_keeps_all(restored, backend, command, spool_dir):
    backend.stop()
    kept = sorted(spool_dir.glob(f"*/{DELIVERED}/*"))
    result = command("sync", "--verify", "--json")
    assert result.exit_code == 1
    assert f"what {backend.url} has is not known: cannot reach" in json.loads(result.output)["problems"][0]["problem"]
    assert sorted(spool_dir.glob(f"*/{DELIVERED}/*")) == kept
    backend.start()


def test_verify_tells_what_is_not_here_any_more(backend, command, left_behind, monkeypatch, spool_dir):
    monkeypatch.setattr("prevue.spool.SEGMENT_BYTES", 100)
    left_behind()
    command("sync")
    backend.recording.forget()
    (folder,) = spool_dir.glob(f"*/{DELIVERED}")
    for piece in pieces(folder.parent)[:3]:
        piece.path.unlink()
    result = command("sync", "--verify")
    assert "7 records, the server lacked 2; 4 more are not kept here any more" in result.output
    assert [record["type"] for record in backend.records][:2] == ["start", "gap"]


def test_what_was_delivered_does_not_wait(restored, command):
    assert json.loads(command("doctor", "--json").output)["writers"] == []
