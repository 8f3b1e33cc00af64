"""The hook `prevue_run_event`: what plugins of a backend are told, when, and what they cannot break."""

import threading
import time

import pluggy
import pytest

from api.posting import post
from core.stream import Stream, end, metrics, start
from prevue_core import hookspecs
from prevue_core.api.announcing import announcing
from prevue_core.api.app import create_app
from prevue_core.hookspecs import hookimpl
from prevue_core.settings import server_settings

pytestmark = pytest.mark.usefixtures("database")


class Listener:
    """A plugin that keeps what it is told."""

    def __init__(self):
        self.events = []

    @hookimpl
    def prevue_run_event(self, event):
        self.events.append(event)


class Broken:
    """A plugin that raises."""

    @hookimpl
    def prevue_run_event(self):
        raise RuntimeError("out of order")


def manager(*plugins):
    made = pluggy.PluginManager("prevue")
    made.add_hookspecs(hookspecs)
    for number, plugin in enumerate(plugins):
        made.register(plugin, name=f"{type(plugin).__name__} {number}")
    return made


def told(*plugins, dashboard_url=None, batches):
    """Post batches of one writer to a backend with these plugins."""
    stream = Stream()
    with announcing(manager(*plugins), dashboard_url) as announce:
        app = create_app(server_settings(environ={"PREVUE_AUTH": "open"}), announce=announce)
        for records in batches:
            assert post(app.test_client(), stream, *records).status_code == 200
    return stream


def test_prevue_run_event_is_told_of_states_and_alerts_in_order():
    listener = Listener()
    batches = [[start(run_name="first")], [metrics(0, {"loss": "NaN"})], [end(state="failed", message="no memory")]]
    stream = told(listener, batches=batches, dashboard_url="https://prevue.example.org/")
    assert [(one["kind"], one["message"]) for one in listener.events] == [
        ("running", ""),
        ("alert", "train/loss is NaN at step 0"),
        ("failed", "no memory"),
    ]
    running, alert, failed = listener.events
    run = {"run_id": stream.run_id, "run_name": "first", "project": "alice/test", "user": "alice"}
    page = f"https://prevue.example.org/p/alice/test/runs/{stream.run_id}"
    started_at = running["run"].pop("started_at")
    assert running["run"] == {**run, "state": "running", "url": page}
    assert abs(time.time() - started_at) < 60
    assert (alert["step"], alert["level"], alert["cause"]) == (0, "error", "non_finite")
    assert alert["text"] == "alice/test first alert: train/loss is NaN at step 0"
    assert (failed["run"]["state"], failed["level"], failed["cause"]) == ("failed", None, None)


def test_a_point_and_a_batch_that_comes_again_are_no_events():
    listener = Listener()
    told(listener, batches=[[start(), metrics(0, {"loss": 1.0})], [metrics(1, {"loss": 2.0})], []])
    assert [one["kind"] for one in listener.events] == ["running"]
    assert listener.events[0]["run"]["url"] is None


def test_what_a_plugin_raises_is_logged_and_others_hear_the_event(caplog):
    one, other = Listener(), Listener()
    told(one, Broken(), other, batches=[[start()], [end()]])
    assert [event["kind"] for event in one.events] == [event["kind"] for event in other.events]
    assert caplog.messages == ["plugin Broken 1 failed at an event"] * 2


def test_ingest_does_not_wait_for_a_plugin():
    goes_on = threading.Event()

    class Slow:
        @hookimpl
        def prevue_run_event(self, event):
            assert goes_on.wait(30)

    with announcing(manager(Slow()), None) as announce:
        client = create_app(server_settings(environ={"PREVUE_AUTH": "open"}), announce=announce).test_client()
        stream = Stream()
        assert post(client, stream, start()).status_code == 200
        assert post(client, stream, end()).status_code == 200
        goes_on.set()
