import argparse
import math
import pickle
import re
import threading
import time
import types
import uuid

import pytest

import prevue
from prevue import current as current_module
from prevue import run as run_module
from prevue.delivery import Answer
from prevue.run import Run
from prevue_core.errors import InvalidValue

RUN_ID, OTHER_ID = "019ab1c2-0000-7000-8000-000000000001", "019ab1c2-0000-7000-8000-000000000002"
WRITERS = f"/api/v1/runs/{RUN_ID}/writers"


class Clock:
    """The two clocks of a machine."""

    def __init__(self) -> None:
        self.wall, self.monotonic = 1_763_843_000.0, 50.0

    def pass_by(self, seconds: float) -> None:
        self.wall += seconds
        self.monotonic += seconds


@pytest.fixture
def offline(new_run) -> Run:
    return new_run("digits", mode="offline")


@pytest.fixture
def online(backend, new_run) -> Run:
    return new_run("digits")


@pytest.fixture
def no_run(monkeypatch) -> None:
    monkeypatch.setattr(current_module, "_latest", None)


@pytest.fixture
def metrics(spooled):
    """Return the metrics in the spool."""
    return lambda: [record for record in spooled() if record["type"] == "metrics"]


# the start record


def test_the_first_record_tells_what_the_run_is(new_run, spooled):
    told = {"config": {"lr": 0.001, "layers": [64, 10]}, "tags": ["first"], "notes": "a try", "group": "sweep"}
    run = new_run("digits", "run one", uid="ada", mode="offline", connector_name="torch", rank=2, **told)
    start = spooled()[0]
    assert told.items() <= start.items()
    names = ("run_id", "project", "run_name", "uid", "connector_name", "rank", "type", "format", "url")
    assert [start[name] for name in names] == [
        *(run.run_id, "digits", "run one", "ada", "torch", 2, "start", 1, "http://localhost:8080")
    ]
    assert {"python", "platform", "script", "command", "folder", "cpus", "packages"} <= start["environment"].keys()


def test_run_ids_sort_by_time_and_are_version_7(new_run):
    first, second = (uuid.UUID(new_run(mode="disabled").run_id) for _ in range(2))
    assert (first.version, first.variant) == (7, uuid.RFC_4122)
    assert first.int >> 80 <= second.int >> 80
    assert abs((first.int >> 80) / 1_000 - time.time()) < 60


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"config": {"model": object()}}, "config 'model': <object object .* of type object is not JSON; use text"),
        ({"config": [1, 2]}, r"config \[1, 2\] is not a dict; use names and values"),
        ({"config": {"note": "x" * 1_000_000}}, "config has 1000011 bytes with .*; use at most 262144"),
        ({"name": 7}, "name 7 is of type int; use text"),
        ({"tags": "first"}, "tags 'first' is one text; use a list of text"),
        ({"tags": [7]}, "tag 7 is of type int; use text"),
        ({"notes": 7}, "notes 7 is of type int; use text"),
        ({"group": ""}, "group '' has 0 characters"),
        ({"connector_name": None}, "connector_name None is of type NoneType"),
    ],
)
def test_what_no_server_would_take_raises_at_init(given, told):
    with pytest.raises(InvalidValue, match=told):
        prevue.init(mode="offline", **given)


def test_a_configuration_may_be_what_argparse_returns(new_run):
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--lr", type=float, default=0.1)
    assert dict(new_run(mode="offline", config=arguments.parse_args([])).config) == {"lr": 0.1}


def test_a_notebook_shows_which_run_it_is(new_run):
    run = new_run("digits", "first", mode="offline")
    assert repr(run) == f"<Run 'first' {run.run_id} of project 'digits' at {run.url}>"


@pytest.mark.parametrize(("depth", "is_accepted"), [(20, True), (21, False)])
def test_a_config_is_at_most_20_levels_deep(depth, is_accepted, new_run):
    config = {"lr": 0.1}
    for _ in range(depth - 1):
        config = {"inside": config}
    if is_accepted:
        assert new_run(mode="offline", config=config)
    else:
        with pytest.raises(InvalidValue, match="config is nested deeper than 20 levels; flatten it"):
            prevue.init(mode="offline", config=config)


def test_a_refused_init_leaves_nothing_on_disk(spool_dir):
    with pytest.raises(InvalidValue):
        prevue.init(config={"model": object()})
    assert not spool_dir.exists()


# steps


def test_steps_count_from_zero(offline, metrics):
    for loss in (3.0, 2.0, 1.0):
        offline.log({"loss": loss})
    assert [(record["step"], record["values"]) for record in metrics()] == [
        (step, {"loss": 3.0 - step}) for step in range(3)
    ]


@pytest.mark.parametrize(
    ("given", "steps"),
    [
        ([None, 10, None, None], [0, 10, 11, 12]),
        ([10, 5, None], [10, 5, 6]),
        ([-3, None, None], [-3, -2, -1]),
        (["7", None], [7, 8]),
        ([7.0, None], [7, 8]),
        ([2**63 - 2, None], [2**63 - 2, 2**63 - 1]),
    ],
)
def test_an_explicit_step_is_counted_on_from(offline, metrics, given, steps):
    for step in given:
        offline.log({"loss": 1.0}, step)
    assert [record["step"] for record in metrics()] == steps


@pytest.mark.parametrize("step", ["ten", 1.5, math.nan, 2**63, [1], object(), {}])
def test_a_step_that_is_none_is_replaced_by_the_next_with_a_warning(offline, metrics, caplog, step):
    for _ in range(2):
        offline.log({"loss": 1.0}, step)
    assert [record["step"] for record in metrics()] == [0, 1]
    assert len(caplog.messages) == 1
    assert "is not a whole number of 64 bits; the next free step is used" in caplog.text


def test_epoch_batch_and_split_are_kept(offline, metrics):
    offline.log({"loss": 1.0}, epoch=3, batch=20, split="val")
    offline.log({"loss": 1.0})
    with_them, without = metrics()
    assert (with_them["epoch"], with_them["batch"], with_them["split"]) == (3, 20, "val")
    assert without.keys() == {"seq", "type", "time", "step", "values"}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"epoch": 0.5}, "epoch 0.5 is not a whole number of 64 bits; it is left out"),
        ({"batch": "last"}, "batch 'last' is not a whole number of 64 bits; it is left out"),
        ({"split": "Val"}, "split 'Val' is not a lower-case name"),
        ({"split": 7}, "split 7 is not a lower-case name"),
    ],
)
def test_what_goes_with_the_values_is_left_out_where_it_cannot_be_used(offline, metrics, caplog, given, told):
    offline.log({"loss": 1.0}, **given)
    assert metrics()[0].keys() == {"seq", "type", "time", "step", "values"}
    assert told in caplog.text


# values


def test_what_is_no_number_is_told_once_a_name_and_the_others_are_logged(offline, metrics, caplog):
    for _ in range(3):
        offline.log({"loss": 0.5, "a": None, "b": "text", "c": 1j, "d": [1.0]})
    assert [record["values"] for record in metrics()] == [{"loss": 0.5}] * 3
    assert [message.split()[2] for message in caplog.messages] == ["'a'", "'b'", "'c'", "'d'"]
    assert offline.status().left_out == 12


def test_large_ints_are_told_once_a_name(offline, caplog):
    for _ in range(3):
        offline.log({"n": 2**53 + 1, "m": 2**60})
    assert caplog.messages == [
        f"'{name}' has values above 2**53; they are rounded to the nearest float64" for name in ("n", "m")
    ]


@pytest.mark.parametrize("values", [{}, {"loss": None}, None, 7])
def test_a_call_with_nothing_to_log_writes_nothing(offline, metrics, values):
    offline.log(values)
    assert metrics() == []
    assert offline.status().logged == 0


def test_ever_new_names_that_cannot_be_used_are_one_warning(offline, caplog):
    for number in range(500):
        offline.log({number: 1.0, f"\n{number}": 1.0})
    assert len(caplog.messages) == 1


def test_values_that_make_too_large_a_record_are_told(offline, metrics, caplog):
    offline.log({f"{number:0500}": 1.0 for number in range(3_000)})
    offline.log({"loss": 1.0})
    assert [record["values"] for record in metrics()] == [{"loss": 1.0}]
    assert "a metrics record has" in caplog.text


# time


@pytest.fixture
def clock(monkeypatch) -> Clock:
    clock = Clock()
    seam = types.SimpleNamespace(
        time=lambda: clock.wall,
        monotonic=lambda: clock.monotonic,
        perf_counter_ns=time.perf_counter_ns,
        time_ns=time.time_ns,
    )
    monkeypatch.setattr(run_module, "time", seam)
    return clock


def test_time_never_goes_back_with_the_machines_clock(clock, offline, metrics):
    for set_back in (0.0, -3_600.0, -1e9):
        clock.pass_by(1.0)
        clock.wall += set_back
        offline.log({"loss": 1.0})
    assert [record["time"] for record in metrics()] == [1_763_843_001.0, 1_763_843_002.0, 1_763_843_003.0]


# the end


def test_the_end_is_the_last_record(offline, spooled):
    offline.log({"loss": 1.0})
    offline.finish()
    last = spooled()[-1]
    assert (last["type"], last["state"], "message" in last) == ("end", "finished", False)


@pytest.mark.parametrize("state", ["finished", "failed"])
def test_a_run_ends_as_it_is_told(offline, spooled, state):
    offline.finish(state, message="because")
    assert (spooled()[-1]["state"], spooled()[-1]["message"]) == (state, "because")


def test_a_state_that_does_not_end_a_run_is_refused(offline):
    with pytest.raises(InvalidValue, match="state 'running' does not end a run; use 'finished' or 'failed'"):
        offline.finish("running")


def test_finishing_twice_writes_one_end(online, backend):
    assert online.finish()
    assert online.finish("failed")
    assert [end["state"] for end in backend.ends()] == ["finished"]


def test_threads_that_finish_together_write_one_end(new_run, spooled):
    for _ in range(20):
        run = new_run(mode="offline")
        threads = [threading.Thread(target=run.finish) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert [record["type"] for record in spooled()].count("end") == 20


def test_logging_after_the_end_is_told_once_and_does_nothing(offline, spooled, caplog):
    offline.finish()
    before = spooled()
    for _ in range(3):
        offline.log({"loss": 1.0})
    assert spooled() == before
    assert caplog.messages == [f"run {offline.run_id} is finished; what is logged now is left out"]


def test_logging_while_another_thread_finishes_loses_nothing_that_was_numbered(backend, new_run):
    for _ in range(10):
        run = new_run()
        is_over = threading.Event()
        thread = threading.Thread(target=log_until, args=(run, is_over))
        thread.start()
        run.finish(timeout=None)
        is_over.set()
        thread.join()
        stored = [record["seq"] for records in backend.recording.records.values() for record in records]
        assert run.status().stored == run.status().spooled
    assert stored


def log_until(run: Run, is_over: threading.Event) -> None:
    while not is_over.is_set():
        run.log({"loss": 1.0})


def test_a_with_block_finishes_its_run(spooled):
    with prevue.init(mode="offline") as run:
        run.log({"loss": 1.0})
    assert spooled()[-1]["state"] == "finished"


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


@pytest.mark.parametrize(
    ("error", "state", "message"),
    [
        (ValueError("the loss is NaN"), "failed", "ValueError: the loss is NaN"),
        (KeyboardInterrupt(), "failed", "KeyboardInterrupt"),
        (SystemExit(3), "failed", "SystemExit: 3"),
        (SystemExit("no data"), "failed", "SystemExit: no data"),
        (SystemExit(0), "finished", None),
        (SystemExit(None), "finished", None),
        (OSError("no file '\udcff'"), "failed", r"OSError: no file '\udcff'"),
        (Unspeakable(), "failed", "Unspeakable"),
        (ValueError("x" * 20_000), "failed", "ValueError: " + "x" * 10_000),
        (ValueError("for password=hunter2"), "failed", "ValueError: for password=***"),
    ],
)
def test_an_exception_in_a_with_block_marks_the_run_and_goes_on(spooled, error, state, message):
    with pytest.raises(type(error)), prevue.init(mode="offline"):
        raise error
    assert (spooled()[-1]["state"], spooled()[-1].get("message")) == (state, message)


# the run that was opened last


def test_prevue_log_goes_to_the_run_that_was_opened_last(new_run, spooled):
    new_run("first", mode="offline")
    second = new_run("second", mode="offline")
    prevue.log({"loss": 1.0}, 7, epoch=1, batch=2, split="val")
    assert second.status().logged == 1
    prevue.finish()
    assert [record["state"] for record in spooled() if record["type"] == "end"] == ["finished"]


def test_a_run_that_nobody_holds_goes_on(spooled):
    prevue.init(mode="offline")
    prevue.log({"loss": 1.0})
    prevue.finish("failed")
    assert [record["type"] for record in spooled()] == ["start", "metrics", "end"]


@pytest.mark.parametrize("call", [lambda: prevue.log({"loss": 1.0}), prevue.finish])
def test_without_a_run_it_is_told(no_run, caplog, call):
    call()
    call()
    assert caplog.messages == ["there is no run to log to; call prevue.init() first"]


# modes


def test_disabled_writes_nothing_anywhere(new_run, spool_dir, caplog):
    run = new_run("digits", mode="disabled")
    run.log({"loss": 1.0})
    run.describe({"name": "tiny"})
    assert run.finish()
    assert not spool_dir.exists()
    assert run.status().spooled == 0
    assert caplog.messages == []


def test_disabled_never_asks_the_server(backend, new_run):
    new_run(mode="disabled", run_id=RUN_ID).log({"loss": 1.0})
    assert backend.headers == []


def test_offline_keeps_everything_and_never_asks_the_server(backend, new_run, spooled):
    run = new_run(mode="offline", run_id=RUN_ID)
    run.log({"loss": 1.0})
    assert not run.finish()
    assert backend.headers == []
    assert [record["type"] for record in spooled()] == ["start", "metrics", "end"]


def test_no_file_of_the_spool_has_the_token(new_run, spool_dir):
    run = new_run(mode="offline", token="a-secret-token", config={"lr": 0.1})
    run.log({"loss": 1.0})
    run.finish()
    files = [path for path in spool_dir.rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if b"a-secret-token" in path.read_bytes()]


def test_a_folder_that_cannot_be_written_is_told_once_and_records_stay_in_memory(backend, new_run, spool_dir, caplog):
    spool_dir.write_text("a file stands in the way")
    run = new_run()
    for _ in range(9):
        run.log({"loss": 1.0})
    assert run.status().is_degraded
    assert run.finish()
    assert len(backend.steps()) == 9
    assert len(caplog.messages) == 1
    assert f"records cannot be kept in {spool_dir} (" in caplog.messages[0]
    assert "Set PREVUE_SPOOL_DIR" in caplog.messages[0]


def test_without_a_thread_everything_is_kept_and_told(backend, new_run, spooled, caplog, monkeypatch):
    def refuse(self: object) -> None:
        raise RuntimeError("can't start new thread")

    run = new_run()
    with monkeypatch.context() as patch:
        patch.setattr("prevue.run.Sender.start", refuse)
        run.log({"loss": 1.0})
    run.finish()
    assert [record["type"] for record in spooled()] == ["start", "metrics", "end"]
    assert caplog.messages == ["nothing can be sent now (can't start new thread); `prevue sync` sends the records"]


# status


def test_everything_logged_is_spooled_and_stored(online, backend):
    for _ in range(100):
        online.log({"loss": 1.0})
    assert online.finish()
    status = online.status()
    assert (status.logged, status.spooled, status.stored) == (100, 102, 102)  # with start and end
    assert (status.dropped, status.rejected, status.left_out, status.is_degraded) == (0, 0, 0, False)
    assert len(backend.records) == 102


def test_the_run_says_what_the_server_did_not_accept(online, backend):
    def reject(lines: bytes) -> Answer:
        answer = backend.recording.accept(*backend.recording.requests[-1])
        rejected = {"rejected": [{"seq": 1, "reason": "no"}], "rejected_count": 1}
        return Answer(200, {**answer.document, **rejected})

    backend.recording.faults.append(reject)
    online.log({"loss": 1.0})
    online.finish()
    assert online.status().rejected == 1


def test_the_run_says_how_its_last_request_failed(online, backend):
    backend.recording.faults.append(Answer(503, {"detail": "no database"}, 0.0))
    online.log({"loss": 1.0})
    assert online.finish()
    assert online.status().last_error == f"{backend.url} answers status 503: no database"


def test_the_time_in_log_is_kept(offline):
    assert (offline.status().log_median_us, offline.status().log_worst_us) == (0.0, 0.0)
    offline.log({"loss": 1.0})
    one = offline.status()
    assert one.log_median_us == one.log_worst_us > 0.0
    for _ in range(3_000):
        offline.log({"loss": 1.0})
    assert 0.0 < offline.status().log_median_us < offline.status().log_worst_us


def test_the_share_of_time_inside_our_calls_is_kept(new_run):
    run = new_run(mode="offline")
    assert 0.0 < run.status().share <= 1.0
    for _ in range(3_000):
        run.log({"loss": 1.0})
    run.finish()
    share = run.status().share
    assert 0.0 < share <= 1.0
    assert run.status().share == share  # the run is over, and the time with it


def test_a_status_is_read_by_people(online, backend):
    for _ in range(3):
        online.log({"loss": 1.0, "text": "a"})
    assert online.finish()
    first, second = repr(online.status()).splitlines()
    assert first == (f"run {online.run_id}: 3 logged = 5 records, all stored; 0 dropped, 0 rejected, 3 values left out")
    assert re.fullmatch(r"log\(\) takes [\d.]+ us \(median\), [\d.]+ us \(worst\); [\d.]+% of the time is ours", second)


def test_a_status_tells_what_waits_and_why(no_server, new_run):
    run = new_run()
    run.log({"loss": 1.0})
    assert not run.finish(timeout=30)
    told = repr(run.status())
    assert "1 logged = 3 records, 0 stored, 3 wait" in told
    assert f"last error: cannot reach {no_server}: Connection refused" in told
    assert run.status().waiting == 3


def test_a_status_tells_when_the_next_try_is(backend, new_run):
    backend.recording.faults += [Answer(401, {"detail": "no token was sent"})] * 3
    run = new_run()
    run.log({"loss": 1.0})
    assert not run.finish(timeout=30)
    status = run.status()
    assert 0 < status.next_try_s <= 60
    assert "answers status 401: no token was sent; next try in " in repr(status)


def test_a_status_tells_that_records_are_in_memory_only(backend, new_run, spool_dir):
    spool_dir.write_text("a file in its place")
    assert "records are in memory only" in repr(new_run().status())


def test_status_is_known_before_anything_is_logged(new_run):
    status = new_run(mode="offline").status()
    assert (status.logged, status.spooled, status.stored) == (0, 1, 0)


# threads


def test_threads_log_without_holes(online, backend):
    def log(thread: int) -> None:
        for number in range(500):
            online.log({"loss": 1.0}, thread * 500 + number)

    threads = [threading.Thread(target=log, args=(thread,)) for thread in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert online.finish(timeout=None)
    assert sorted(backend.steps()) == list(range(4_000))
    assert [record["seq"] for record in backend.records] == list(range(4_002))
    assert online.status().logged == 4_000


# models


def test_a_dict_describes_a_model(offline, spooled):
    model = {"name": "tiny", "framework": "mine", "layers": [{"name": "dense", "parameters": 10}]}
    offline.describe(model)
    record = spooled()[-1]
    assert (record["type"], record["model_name"]) == ("model", "tiny")
    assert record["architecture"] == {"framework": "mine", "layers": model["layers"]}
    assert model["name"] == "tiny"


@pytest.mark.parametrize(
    ("of_run", "of_model", "connector_name"),
    [
        ({}, {"framework": "keras"}, "keras"),
        ({}, {}, "python"),
        ({"connector_name": "mine"}, {"framework": "keras"}, "mine"),
    ],
)
def test_a_model_belongs_to_the_connector_or_else_to_its_framework(new_run, spooled, of_run, of_model, connector_name):
    new_run(mode="offline", **of_run).describe({"name": "tiny", **of_model})
    assert spooled()[-1]["connector_name"] == connector_name


@pytest.mark.parametrize(
    ("model", "told"),
    [
        (object(), "no installed plugin describes a builtins.object; give describe() a dict"),
        ({"framework": "mine"}, "the model is not described: model name None is of type NoneType"),
        ({"name": "tiny", "framework": 7}, "the model is not described: framework 7 is of type int"),
        ({"name": "tiny", "layers": [object()]}, "a model record cannot be written as JSON"),
    ],
)
def test_a_model_that_cannot_be_described_is_told_once(offline, spooled, caplog, model, told):
    for _ in range(2):
        offline.describe(model)
    assert [record["type"] for record in spooled()] == ["start"]
    assert len(caplog.messages) == 1
    assert told in caplog.messages[0]


def test_a_plugin_that_fails_to_describe_costs_its_description_only(offline, caplog, monkeypatch):
    class Broken:
        """In the place of the plugin manager."""

        @property
        def hook(self) -> object:
            raise ZeroDivisionError("a fault of the plugin")

    monkeypatch.setattr("prevue_core.manager.plugins", lambda on_error: Broken())
    offline.describe(object())
    assert "a plugin failed to describe the model: ZeroDivisionError: a fault of the plugin" in caplog.text


# copies


def test_a_pickled_run_has_no_token(new_run):
    run = new_run(mode="offline", token="a-secret-token")
    assert b"a-secret-token" not in pickle.dumps(run)


def test_a_copy_logs_as_another_writer_of_the_same_run(offline, spooled, new_run):
    copy = pickle.loads(pickle.dumps(offline))
    assert copy.url == offline.url
    copy.log({"loss": 1.0})
    copy.finish()
    starts = [record for record in spooled() if record["type"] == "start"]
    assert [start["run_id"] for start in starts] == [offline.run_id] * 2


def test_a_copy_never_ends_the_run(offline, spooled):
    copy = pickle.loads(pickle.dumps(offline))
    copy.log({"loss": 1.0})
    copy.finish("failed")
    assert [record for record in spooled() if record["type"] == "end"] == []


def test_a_copy_that_logs_nothing_creates_nothing(offline, spool_dir):
    copy = pickle.loads(pickle.dumps(offline))
    assert copy.finish()
    assert len(list(spool_dir.glob("*/*"))) == 1


def test_a_copy_takes_the_token_of_its_process(backend, new_run, monkeypatch):
    run = new_run(token="given")
    monkeypatch.setenv("PREVUE_TOKEN", "of-the-environment")
    copy = pickle.loads(pickle.dumps(run))
    copy.log({"loss": 1.0})
    copy.finish()
    assert {headers.get("Authorization") for headers in backend.headers} == {"Bearer of-the-environment"}


def test_log_of_a_copy_does_not_ask_the_server(backend, new_run):
    """Where a resumed run stands is asked in `init`: `log` never waits for the network."""
    copy = pickle.loads(pickle.dumps(new_run(run_id=RUN_ID)))
    backend.queries.clear()
    copy.log({"loss": 1.0})
    assert backend.queries == []
    copy.finish()
    assert [record["step"] for record in backend.records if record["type"] == "metrics"] == [0]


# resuming


def test_a_run_that_goes_on_counts_behind_the_servers_last_step(backend, new_run):
    backend.documents[WRITERS] = (200, {"items": [{"last_step": 41}]})
    run = new_run(run_id=RUN_ID)
    run.log({"loss": 1.0})
    run.finish()
    assert backend.steps() == [42]
    assert backend.queries == [{"rank": ["0"], "limit": ["1"]}]


def test_a_run_that_goes_on_counts_behind_what_waits_here(backend, new_run):
    backend.documents[WRITERS] = (200, {"items": [{"last_step": 41}]})
    before = new_run(run_id=RUN_ID, mode="offline")
    before.log({"loss": 1.0}, 99)
    before.finish()
    run = new_run(run_id=RUN_ID)
    run.log({"loss": 1.0})
    run.finish()
    backend.wait_for(lambda: 100 in backend.steps())


def test_a_rank_that_begins_late_counts_its_own_steps(backend, new_run):
    first = new_run(run_id=RUN_ID, mode="offline")
    first.log({"loss": 1.0}, 99)
    first.finish()
    late = new_run(run_id=RUN_ID, mode="offline", rank=1)
    late.log({"loss": 1.0})
    assert late.finish() is False
    assert new_run(run_id=RUN_ID, mode="offline", rank=1)._steps.__next__() == 1


NOT_THERE = (404, {"detail": "does not exist", "request_id": "0123456789abcdef"})
THERE = (200, {"items": [{"last_step": 41}]})
REFUSED = (403, {"detail": "this needs 'read'", "request_id": "0123456789abcdef"})


@pytest.mark.parametrize(
    ("resume", "answer", "told"),
    [
        ("never", THERE, f"run_id '{RUN_ID}' exists already, and resume is 'never'; use another run_id, or 'allow'"),
        ("must", NOT_THERE, f"run_id '{RUN_ID}' is not known to http://"),
        ("maybe", THERE, "resume 'maybe' is not known; use one of never, allow, must"),
    ],
)
def test_a_run_that_may_not_go_on_so_raises_and_leaves_nothing(backend, spool_dir, resume, answer, told):
    backend.documents[WRITERS] = answer
    with pytest.raises(InvalidValue, match=re.escape(told)):
        prevue.init(run_id=RUN_ID, resume=resume)
    assert not spool_dir.exists()


@pytest.mark.parametrize(
    ("resume", "answer"), [("never", NOT_THERE), ("allow", NOT_THERE), ("allow", THERE), ("must", THERE)]
)
def test_a_run_that_may_go_on_does_so_without_a_word(backend, new_run, caplog, resume, answer):
    backend.documents[WRITERS] = answer
    assert new_run(run_id=RUN_ID, resume=resume).finish()
    assert caplog.messages == []


def test_what_must_go_on_has_to_have_a_name(backend):
    with pytest.raises(InvalidValue, match="resume 'must' needs the run to go on with; give its run_id, or"):
        prevue.init(resume="must")


def test_a_run_without_a_name_of_ones_own_is_always_new(backend, new_run):
    new_run(resume="never").finish()
    assert backend.queries == []


def test_a_run_in_the_spool_exists(no_server, new_run):
    new_run(run_id=RUN_ID, mode="offline", resume="allow").finish()
    with pytest.raises(InvalidValue, match="exists already"):
        prevue.init(run_id=RUN_ID, resume="never")
    new_run(run_id=RUN_ID, mode="offline", resume="must").finish()


def test_ranks_that_find_the_run_of_the_first_join_it(backend, new_run):
    backend.documents[WRITERS] = THERE
    assert new_run(run_id=RUN_ID, resume="never", rank=1).finish()


@pytest.mark.parametrize("resume", ["never", "allow", "must"])
def test_a_server_that_cannot_be_asked_stops_no_training(no_server, new_run, caplog, resume):
    run = new_run(run_id=RUN_ID, resume=resume)
    assert f"{no_server} cannot be asked whether run {RUN_ID} exists" in caplog.text
    run.log({"loss": 1.0})
    assert run.status().logged == 1


def test_a_token_that_may_not_ask_stops_no_training(backend, new_run, caplog):
    backend.documents[WRITERS] = REFUSED
    assert new_run(run_id=RUN_ID, resume="must").finish()
    assert "count from 0" in caplog.text


def test_offline_nobody_is_asked_and_only_what_was_wished_is_told(backend, new_run, caplog):
    new_run(run_id=RUN_ID, mode="offline").finish()
    assert (backend.queries, caplog.messages) == ([], [])
    new_run(run_id=OTHER_ID, mode="offline", resume="must").finish()
    assert "cannot be asked whether" in caplog.text


def test_a_new_run_does_not_ask_where_it_stands(backend, new_run):
    new_run().finish()
    assert backend.queries == []


def test_the_numbers_of_writers_are_their_own(backend, new_run):
    for _ in range(2):
        run = new_run(run_id=RUN_ID)
        run.log({"loss": 1.0})
        run.finish()
    assert [[record["seq"] for record in records] for records in backend.recording.records.values()] == [[0, 1, 2]] * 2
    assert set(backend.run_ids.values()) == {RUN_ID}


# deleted


def test_a_run_that_was_deleted_logs_no_more(online, backend, spool_dir, caplog):
    backend.recording.faults.append(Answer(410, {"type": "urn:prevue:problem:run-deleted"}))
    online.log({"loss": 1.0})
    backend.wait_for(lambda: backend.recording.requests)
    for _ in range(100):
        online.log({"loss": 1.0})
    assert online.finish()
    assert caplog.messages == [f"run {online.run_id} was deleted on the server; nothing more is logged to it"]
    assert list(spool_dir.glob("*/*")) == []
    assert len(backend.recording.requests) == 1
