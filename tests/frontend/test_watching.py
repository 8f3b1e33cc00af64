"""What operators see of the dashboard, and how it stops."""

import http.client
import json
import re
import signal
import threading
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from serving import PATIENCE_S, served


@pytest.fixture
def backend():
    """A backend without projects, which answers the list of them when `let_go` is set; `asked` says that it waits.

    `names` are the ids of the requests that it got.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            server.names.append(self.headers["X-Request-ID"])
            scopes = ["read"] if self.headers.get("Authorization") == "Bearer pvt_good" else []
            answer = {"mode": "auth", "user": "ann", "is_on_network": False, "is_admin": False, "scopes": scopes}
            if self.path.startswith("/api/v1/projects"):
                server.asked.set()
                server.let_go.wait(PATIENCE_S)
                answer = {"items": [], "next": None}
            body = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.asked, server.let_go, server.names = threading.Event(), threading.Event(), []
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def dashboard(backend, tmp_path):
    url = f"http://127.0.0.1:{backend.server_port}"
    with served("dashboard", "--port", "0", "--url", url, data=tmp_path, PREVUE_LOG_FORMAT="json") as process:
        process.url = process.address("dashboard")
        yield process


def get(url, **headers):
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_figures_are_for_whom_the_backend_knows(dashboard):
    assert get(f"{dashboard.url}/healthz")[0] == 200
    assert get(f"{dashboard.url}/metrics")[0] == 401
    assert get(f"{dashboard.url}/metrics", Authorization="Bearer pvt_bad")[0] == 401
    status, text = get(f"{dashboard.url}/metrics", Authorization="Bearer pvt_good")
    assert status == 200
    assert 'prevue_dashboard_requests_total{handler="Health",status="200"} 1.0' in text
    assert "prevue_dashboard_pages 0.0" in text


def test_for_collectors_each_request_is_an_object(dashboard):
    assert get(f"{dashboard.url}/nothing", **{"X-Request-ID": "of-a-proxy"})[0] == 404
    deadline = time.monotonic() + PATIENCE_S
    while not (found := [line for line in dashboard.logged().splitlines() if "prevue.access" in line]):
        assert time.monotonic() < deadline  # it is written when the answer is on its way
    line = json.loads(found[0])
    assert (line["method"], line["path"], line["status"], line["user"]) == ("GET", "/nothing", 404, None)
    assert line["request_id"] == "of-a-proxy"
    assert re.fullmatch(r"127\.0\.0\.1|::1", line["address"])


def test_a_request_has_one_name_in_the_answer_and_at_the_backend(backend, dashboard):
    backend.let_go.set()
    for given in ("of-a-proxy", "no name for a log"):
        request = urllib.request.Request(
            f"{dashboard.url}/", headers={"X-Request-ID": given, "Cookie": cookie(dashboard)}
        )
        backend.names.clear()
        with urllib.request.urlopen(request) as answer:
            name = answer.headers["X-Request-ID"]
        assert (name == given) == (given == "of-a-proxy")
        assert len(backend.names) > 1  # who asks, and what there is
        assert set(backend.names) == {name}


def test_each_request_has_a_name_of_its_own(dashboard):
    connection = http.client.HTTPConnection(dashboard.url.removeprefix("http://"), timeout=PATIENCE_S)
    names = []
    for path in ("/healthz", "/assets/v/page.js", "/nothing"):
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
        names.append(answer.headers["X-Request-ID"])
    connection.close()
    assert len({*names, None}) == 4


def test_a_page_is_answered_whole_before_the_dashboard_stops(backend, dashboard):
    answers = []
    browser = threading.Thread(target=lambda: answers.append(get(f"{dashboard.url}/", Cookie=cookie(dashboard))))
    browser.start()
    assert backend.asked.wait(PATIENCE_S)
    dashboard.process.send_signal(signal.SIGTERM)
    deadline = time.monotonic() + PATIENCE_S
    while get(f"{dashboard.url}/readyz")[0] != 503:
        assert time.monotonic() < deadline
    assert get(f"{dashboard.url}/session/ws")[0] == 503  # a page that comes back finds another server
    assert get(f"{dashboard.url}/healthz")[0] == 200
    assert dashboard.process.poll() is None
    backend.let_go.set()
    browser.join(PATIENCE_S)
    assert answers[0][0] == 200
    assert "No project yet" in answers[0][1]
    assert dashboard.process.wait(PATIENCE_S) == 0


def cookie(dashboard):
    return f"prevue-{dashboard.url.rpartition(':')[2]}=pvs_anything"
