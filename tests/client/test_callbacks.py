import functools

import pytest

import prevue
from prevue.callbacks import check_arguments, check_given, harmless
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
        ({"config": {"model": object()}}, "a config record cannot be written as JSON"),
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
