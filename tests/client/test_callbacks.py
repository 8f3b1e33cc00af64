import functools
import socket

import pytest

import prevue
from client.records import RUN_ID
from prevue import callbacks
from prevue.callbacks import Opening, RateMarks, batches_between, check_arguments, check_given, ended, harmless
from prevue_core.errors import InvalidValue


@harmless
def divide(number: int) -> None:
    """Divide one by a number."""
    1 / number


def test_a_hook_that_fails_warns_once_and_raises_nothing(caplog):
    for _ in range(3):
        divide(0)
    assert caplog.messages == [
        "divide failed: ZeroDivisionError: division by zero. Training goes on, but is not logged as it should"
    ]


def test_a_hook_that_works_is_not_told_of_and_keeps_its_name(caplog):
    divide(1)
    assert caplog.messages == []
    assert (divide.__name__, divide.__doc__) == ("divide", "Divide one by a number.")


def test_what_ends_a_program_goes_through():
    @harmless
    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupt()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"name": 7}, "run_name 7 is of type int"),
        ({"group": ""}, "group '' has 0 characters"),
        ({"tags": "first"}, "tags 'first' is one text; use a list of text"),
        ({"tags": [7]}, "tag 7 is of type int"),
        ({"config": [1]}, r"config \[1\] is not a dict; use names and values"),
        ({"config": {"model": object()}}, "config 'model': <object object .* is not JSON"),
    ],
)
def test_what_init_would_refuse_is_refused_when_a_callback_is_made(given, told):
    with pytest.raises(InvalidValue, match=told):
        check_arguments(**given)
    with pytest.raises(InvalidValue):
        prevue.init(mode="offline", **given)


def test_what_init_would_take_is_taken():
    check_arguments("run one", "sweep", {"lr": 0.1}, ["first"])
    check_arguments()


def test_a_run_is_given_alone():
    run = prevue.init(mode="disabled")
    check_given(run, {"url": None, "token": None})
    with pytest.raises(InvalidValue, match=f"url, token cannot be given with run {run.run_id}") as refused:
        check_given(run, {"url": "http://a", "token": "secret"})
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("run", [None, "run one", functools.partial(prevue.init)])
def test_what_is_no_run_is_refused(run):
    with pytest.raises(InvalidValue, match=r"is not a run; give what prevue\.init\(\) returned"):
        check_given(run, {})


# the run of a callback


def of_type(records, kind):
    return [record for record in records if record["type"] == kind]


def test_what_comes_after_the_end_goes_on_with_the_run(spooled):
    opening = Opening("some", mode="offline", resume="never", run_id=RUN_ID)
    for _ in range(2):
        assert opening.open() is opening.open() is opening.run
        opening.close()
        assert opening.run is None
    assert [record["run_id"] for record in of_type(spooled(), "start")] == [RUN_ID] * 2
    assert [record["state"] for record in of_type(spooled(), "end")] == ["finished"] * 2


def test_a_learning_rate_that_leaves_a_level_is_marked_and_one_that_always_changes_is_not(spooled):
    opening, marks = Opening("some", mode="offline"), RateMarks()
    for step, rate in enumerate([0.1, 0.1, 0.01, 0.005, 0.0025, 0.0025, 0.001]):
        marks.look(opening.open(), {"learning_rate": rate}, step)
    opening.close()
    marked = [(event["kind"], event["text"], event["step"]) for event in of_type(spooled(), "event")]
    assert marked == [
        ("lr_change", "learning_rate: 0.1 to 0.01", 2),
        ("lr_change", "learning_rate: 0.0025 to 0.001", 6),
    ]


def test_an_error_makes_the_run_a_failed_one(spooled):
    opening = Opening("some", mode="offline")
    opening.open()
    opening.close(MemoryError("no memory"))
    [end] = of_type(spooled(), "end")
    assert (end["state"], end["message"]) == ("failed", "MemoryError: no memory")


def test_the_users_configuration_counts_before_the_frameworks(spooled):
    opening = Opening("some", mode="offline", config={"epochs": "mine"})
    opening.open({"epochs": 3, "batch_size": 32})
    opening.close()
    [start] = of_type(spooled(), "start")
    assert (start["connector_name"], start["config"]) == ("some", {"epochs": "mine", "batch_size": 32})


def test_a_given_run_stays_open_and_gets_the_configuration_that_it_lacks(spooled, new_run):
    run = new_run(mode="offline", config={"epochs": "mine"})
    opening = Opening("some", run)
    assert opening.open({"epochs": 3, "batch_size": 32}) is run
    opening.close()
    run.log({"loss": 1.0})
    assert [record["config"] for record in of_type(spooled(), "config")] == [{"batch_size": 32}]
    assert of_type(spooled(), "metrics")


def test_a_copy_is_made_of_what_was_given_without_the_token():
    opening = Opening("some", project="mine", name="first", url="there", token="secret", tags=["a"])
    kept = opening.for_copy()
    assert kept.pop("token") is None
    arguments = {"connector_name": "some", "project_name": "mine", "run_name": "first", "url": "there", "tags": ["a"]}
    assert {name: value for name, value in kept.items() if value is not None} == arguments


@pytest.mark.parametrize("given", [{"connector_name": ""}, {"url": "ftp://a"}, {"tags": "a"}, {"resume": "no"}])
def test_what_cannot_be_used_is_refused_when_the_callback_is_made(given):
    with pytest.raises(InvalidValue):
        Opening(**{"connector_name": "some", **given})


@pytest.mark.parametrize(("update_freq", "batches"), [("epoch", 0), ("batch", 1), (10, 10)])
def test_batches_are_logged_as_often_as_is_said(update_freq, batches):
    assert batches_between(update_freq) == batches


@pytest.mark.parametrize("update_freq", [0, -1, True, "step", 1.5, None])
def test_another_frequency_is_refused(update_freq):
    with pytest.raises(InvalidValue, match=r"update_freq .* is not known; use 'epoch', 'batch' or a number of batches"):
        batches_between(update_freq)


# the ends of many runs


@pytest.fixture
def waits(monkeypatch):
    """The seconds that the ends of runs may wait for the server, in their order."""
    allowed, usual = [], prevue.Run._end

    def end(run, ending, timeout):
        allowed.append(timeout)
        return usual(run, ending, timeout)

    monkeypatch.setattr(prevue.Run, "_end", end)
    monkeypatch.setattr(callbacks, "EXIT_S", 0.1)
    monkeypatch.setattr(callbacks, "_late", None)
    return allowed


def log_and_end(**where):
    with ended(prevue.init(system_metrics=False, **where)) as run:
        run.log({"loss": 1.0})
    return run


def test_of_many_runs_one_waits_for_a_server_that_does_not_answer(waits, backend):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        for _ in range(3):
            log_and_end(url=url)
        log_and_end()  # of the one that answers
    assert waits == [0.1, 0, 0, 0.1]


def test_once_a_server_has_answered_runs_wait_for_it_again(waits, backend, monkeypatch):
    monkeypatch.setattr(callbacks, "EXIT_S", 0.0)
    late = log_and_end()
    monkeypatch.setattr(callbacks, "EXIT_S", 30.0)
    assert late.finish(timeout=None)
    assert log_and_end().finish(timeout=0)
    assert [timeout for timeout in waits if timeout is not None] == [0.0, 30.0, 0]


def test_what_ends_a_block_fails_its_run_and_goes_on(backend):
    with pytest.raises(ZeroDivisionError), ended(prevue.init(system_metrics=False)) as run:
        divide.__wrapped__(0)
    assert run.status().spooled == 2
