import pytest

from prevue.config import client_settings
from prevue.resume import Known, known_of, last_step
from prevue.spool import Spool, encode

RUN_ID, OTHER_ID = "019ab1c2-0000-7000-8000-000000000001", "019ab1c2-0000-7000-8000-000000000002"


@pytest.fixture
def left_behind():
    """Leave a writer's records in the spool; its folder comes back."""

    def leave(run_id: str, *steps: int, rank: int = 0):
        start = {"type": "start", "run_id": run_id, "rank": rank}
        spool = Spool(client_settings().server_folder, run_id, start)
        for step in steps:
            spool.append(encode({"type": "metrics", "step": step}))
        spool.close(is_delivered=False)
        return spool.folder

    return leave


def known(run_id: str = RUN_ID, mode: str = "offline") -> int:
    return last_step(client_settings(mode=mode), run_id, timeout_s=10)


def test_nothing_is_known_of_a_new_run():
    assert known() == -1


def test_the_highest_step_of_all_writers_counts(left_behind):
    left_behind(RUN_ID, 3, 7, 5)
    left_behind(RUN_ID, 4)
    left_behind(OTHER_ID, 99)
    assert known() == 7


def test_samples_of_the_machine_are_no_steps_of_the_training(left_behind):
    folder = left_behind(RUN_ID, 3)
    with (folder / "0.ndjson").open("ab") as file:
        file.write(b'{"type":"metrics","step":500,"split":"system"}\n{"type":"event","step":900}\n')
    assert known() == 3


def test_a_writer_whose_first_piece_was_delivered_belongs_to_its_run(left_behind):
    folder = left_behind(OTHER_ID, 98, 99)
    lines = (folder / "0.ndjson").read_bytes().splitlines(keepends=True)
    (folder / "0.ndjson").unlink()
    (folder / "2.ndjson").write_bytes(lines[2])
    assert known(RUN_ID) == -1
    assert known(OTHER_ID) == 99


@pytest.mark.parametrize(
    "junk", [b"\0\0\0\n", b"7\n", b"[]\n", b"null\n", b'{"step":"9"}\n', b'{"step":9.5}\n', b'{"ste']
)
def test_damaged_lines_are_passed_over(left_behind, junk):
    folder = left_behind(RUN_ID, 3)
    with (folder / "0.ndjson").open("ab") as file:
        file.write(junk)
    assert known() == 3


@pytest.mark.parametrize("start", [b"", b"[]", b"7", b"{}", b"\xff"])
def test_a_writer_whose_start_is_damaged_is_passed_over(left_behind, start):
    left_behind(RUN_ID, 3)
    (left_behind(RUN_ID, 9) / "start").write_bytes(start)
    assert known() == 3


def test_a_piece_that_went_meanwhile_is_passed_over(left_behind):
    left_behind(RUN_ID, 3)
    (left_behind(RUN_ID) / "9.ndjson").symlink_to("gone")
    assert known() == 3


@pytest.mark.parametrize(
    ("items", "step"),
    [([{"last_step": 41}], 41), ([{"last_step": None}], -1), ([{"x": 1}], -1), ([], -1), (None, -1), ([7], -1)],
)
def test_the_server_is_asked(backend, items, step):
    backend.documents[f"/api/v1/runs/{RUN_ID}/writers"] = (200, {"items": items})
    assert known(mode="online") == step


def test_steps_are_those_of_the_rank(left_behind, backend, monkeypatch):
    left_behind(RUN_ID, 50)
    left_behind(RUN_ID, 7, rank=1)
    backend.documents[f"/api/v1/runs/{RUN_ID}/writers"] = (
        200,
        lambda asked: {"items": [{"last_step": 60 if asked["rank"] == ["0"] else 3}]},
    )
    assert known(mode="online") == 60
    monkeypatch.setenv("RANK", "1")
    assert known(mode="online") == 7


@pytest.mark.parametrize(("status", "exists"), [(200, True), (404, False), (403, None), (500, None)])
def test_whether_a_run_exists_is_known_or_not(backend, status, exists):
    document = {"items": [], "detail": "no", "request_id": "0123456789abcdef"}
    backend.documents[f"/api/v1/runs/{RUN_ID}/writers"] = (status, document)
    assert known_of(client_settings(), RUN_ID, timeout_s=10).exists is exists


def test_a_run_exists_whose_records_wait_here_in_any_rank(no_server, left_behind):
    assert known_of(client_settings(), RUN_ID, timeout_s=10).exists is None
    left_behind(RUN_ID, 3, rank=5)
    assert known_of(client_settings(), RUN_ID, timeout_s=10) == Known(True, -1)


def test_a_run_that_the_server_does_not_know_is_new(backend):
    assert known(mode="online") == -1


def test_a_server_that_is_away_costs_nothing_but_its_word(no_server, left_behind):
    left_behind(RUN_ID, 3)
    assert known(mode="online") == 3
