"""The webhook before a real receiver: what it posts, how it proves who it is, and what it does when nobody answers."""

import base64
import hashlib
import hmac
import json
import logging
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from prevue_core.settings import WebhookSettings
from prevue_core.webhook import Webhook

SECRET = b"k" * 24
ALL = frozenset({"running", "alert"})


class Receiver:
    """Answers posts with `answers` in turn, then with 200, and keeps what came."""

    def __init__(self, *answers):
        self.came, answers = [], list(answers)

        class Handler(BaseHTTPRequestHandler):
            def do_POST(handler):
                body = handler.rfile.read(int(handler.headers["Content-Length"]))
                self.came.append((dict(handler.headers), body))
                handler.send_response(answers.pop(0) if answers else 200)
                handler.send_header("Location", "/elsewhere")
                handler.end_headers()

            def log_message(handler, *told):
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook?token=hunter2"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    @property
    def events(self):
        return [json.loads(body) for _, body in self.came]


@pytest.fixture
def receiver(request):
    receiver = Receiver(*getattr(request, "param", ()))
    yield receiver
    receiver.server.shutdown()
    receiver.server.server_close()


def event(kind="alert", text="hello"):
    return {"kind": kind, "text": text, "run": {"run_id": "1"}}


def posted(url, *events, secret=None):
    """Post events, and return how long it waited between tries."""
    waits = []
    webhook = Webhook(WebhookSettings(url, secret, ALL), wait=waits.append)
    for one in events:
        webhook.send(one)
    webhook.flush()
    return waits


def test_events_are_posted_in_order_as_json(receiver):
    posted(receiver.url, event("running"), event("finished"), event("alert", "NaN"))
    assert receiver.events == [event("running"), event("alert", "NaN")]  # of the kinds that are asked for
    assert {headers["Content-Type"] for headers, _ in receiver.came} == {"application/json"}


def test_a_message_is_signed_as_standard_webhooks_are(receiver):
    posted(receiver.url, event(), secret=SECRET)
    [(headers, body)] = receiver.came
    told = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    signature = base64.b64encode(hmac.digest(SECRET, told, hashlib.sha256)).decode()
    assert headers["webhook-signature"] == f"v1,{signature}"
    assert abs(time.time() - int(headers["webhook-timestamp"])) < 60


def test_without_a_secret_nothing_is_signed_and_no_credentials_go_out(receiver, monkeypatch, tmp_path):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password hunter2")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    posted(receiver.url, event())
    [(headers, _)] = receiver.came
    assert not {"webhook-signature", "Authorization", "Cookie"} & headers.keys()


@pytest.mark.parametrize("receiver", [(500, 429, 503)], indirect=True)
def test_it_tries_again_with_the_same_id_ever_later(receiver):
    assert posted(receiver.url, event("alert", "a"), event("alert", "b")) == [1.0, 5.0, 25.0]
    assert [one["text"] for one in receiver.events] == ["a"] * 4 + ["b"]
    assert len({headers["webhook-id"] for headers, _ in receiver.came}) == 2


@pytest.mark.parametrize("receiver", [(404,), (302,), (307,)], indirect=True)
def test_what_is_refused_or_redirected_is_dropped(receiver, caplog):
    assert posted(receiver.url, event(), event("alert", "next")) == []
    assert [one["text"] for one in receiver.events] == ["hello", "next"]
    [line] = caplog.messages
    assert "an event of run 1 (alert) is dropped" in line
    assert "hunter2" not in line


def test_nobody_who_listens_costs_a_line_and_no_event_waits_for_ever(caplog):
    gone = Receiver()
    gone.server.shutdown()
    gone.server.server_close()
    assert posted(gone.url, event()) == [1.0, 5.0, 25.0, 125.0]
    assert [one.levelno for one in caplog.records] == [logging.WARNING]
    assert "the webhook at 127.0.0.1 cannot be reached (ConnectionError)" in caplog.text
    assert "hunter2" not in caplog.text


def test_one_that_is_slow_holds_nobody_up(monkeypatch, caplog):
    monkeypatch.setattr("prevue_core.webhook.MAX_WAITING", 2)
    goes_on = threading.Event()
    gone = Webhook(WebhookSettings("http://127.0.0.1:1/", None, ALL), waits_s=(1.0,), wait=lambda _: goes_on.wait(30))
    for _ in range(5):
        gone.send(event())
    assert "is too slow: an event of run 1 (alert) is dropped" in caplog.text
    goes_on.set()
    gone.flush()
