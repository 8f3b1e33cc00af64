import pytest

from prevue.notices import QUIET_S, Notices


class Clock:
    def __init__(self) -> None:
        self.time = 0.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def notices(clock) -> Notices:
    return Notices(now=clock)


def test_a_kind_is_said_once_in_ten_minutes(notices, clock, caplog):
    for clock.time in (0.0, 1.0, QUIET_S - 1.0):
        notices.warn("disk", "the disk is full")
    assert caplog.messages == ["the disk is full"]


def test_after_ten_minutes_it_is_said_again_with_a_count(notices, clock, caplog):
    for clock.time in (0.0, 1.0, 2.0, QUIET_S):
        notices.warn("disk", "the disk is full")
    assert caplog.messages[1:] == ["the disk is full (and 2 times more since the last word on it)"]


def test_the_count_begins_anew_with_each_word(notices, clock, caplog):
    for clock.time in (0.0, 1.0, QUIET_S, 2.0 * QUIET_S):
        notices.warn("disk", "the disk is full")
    assert caplog.messages[2] == "the disk is full"


def test_kinds_do_not_silence_each_other(notices, caplog):
    notices.warn(("value", "loss"), "loss is None")
    notices.warn(("value", "accuracy"), "accuracy is None")
    assert caplog.messages == ["loss is None", "accuracy is None"]


def test_it_is_a_warning_of_the_logger_prevue(notices, caplog):
    notices.warn("disk", "the disk is full")
    assert [(record.name, record.levelname) for record in caplog.records] == [("prevue", "WARNING")]
