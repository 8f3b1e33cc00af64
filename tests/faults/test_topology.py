"""What runs on a cluster, as processes: PostgreSQL, two backends behind a proxy, a training that logs through it.

One backend is killed and one is told to stop while the training goes on and somebody reads.
"""

import os
import subprocess
import sys
import threading
from contextlib import ExitStack, closing

import psycopg2
import pytest
import requests

import postgres
import prevue
from faults.proxy import proxy
from prevue_core.errors import ApiError
from serving import PATIENCE_S, Served, free_port

PASSWORD = "correct horse battery"
POINTS = 30_000
TRAINING = f"""
import sys, time, prevue
with prevue.init(project="net") as run:
    for step in range({POINTS}):
        run.log({{"loss": 1 / (step + 1), "accuracy": step}}, step=step)
        if step % 10 == 0:
            time.sleep(0.002)
        if step % {POINTS // 3} == 0:
            print(run.run_id, flush=True)
            sys.stdin.readline()
    assert run.finish(timeout={PATIENCE_S})
"""


class Replica:
    """A backend or a dashboard on a port of its own, which may be ended and started again."""

    def __init__(self, command, folder, **settings):
        self.port = free_port()
        self._command, self._folder, self._settings = command, folder, settings
        self.start()

    def start(self):
        self.served = Served(self._command, "--port", str(self.port), data=self._folder, **self._settings)
        self.served.address(self._command)

    def kill(self):
        self.served.process.kill()
        self.served.stop()

    def stop(self):
        assert self.served.stop() == 0


@pytest.fixture
def database():
    with postgres.server(os.environ.get("PREVUE_TEST_DATABASE_URL")) as server, postgres.fresh_database(server) as url:
        yield url


@pytest.fixture
def replicas(database, tmp_path):
    settings = {
        "PREVUE_DATABASE_URL": database,
        "PREVUE_AUTH": "auth",
        "PREVUE_ADMIN_PASSWORD": PASSWORD,
        "PREVUE_TRUSTED_PROXIES": "1",
    }
    made = [Replica("backend", tmp_path / name, **settings) for name in ("first", "second")]
    yield made
    for replica in made:
        replica.stop()


@pytest.fixture
def ports():
    return free_port(), free_port()


@pytest.fixture
def dashboards(ports, tmp_path):
    settings = {
        "PREVUE_URL": f"http://127.0.0.1:{ports[0]}",
        "PREVUE_AUTH": "auth",
        "PREVUE_SECRET_KEY": "a key of thirty-two bytes at least",
        "PREVUE_TRUSTED_PROXIES": "1",
    }
    made = [Replica("dashboard", tmp_path / name, **settings) for name in ("third", "fourth")]
    yield made
    for replica in made:
        replica.stop()


@pytest.fixture
def url(replicas, dashboards, ports, tmp_path):
    with proxy(tmp_path, *ports, [one.port for one in replicas], [one.port for one in dashboards]):
        yield f"http://127.0.0.1:{ports[0]}"


@pytest.fixture
def token(url):
    with prevue.Api(url, "") as nobody:
        return nobody.log_in("admin", PASSWORD)["session"]


class Reader(threading.Thread):
    """Asks for a run's series again and again, as a dashboard does."""

    def __init__(self, url, token, run_id):
        super().__init__()
        self.asked, self.failures = 0, []
        self._ask = lambda: prevue.Api(url, token).series([run_id], budget=100)
        self._over = threading.Event()

    def run(self):
        while not self._over.is_set():
            try:
                self._ask()
            except ApiError as error:
                self.failures.append(str(error))
            self.asked += 1

    def stop(self):
        self._over.set()
        self.join()


def rows(database, sql):
    with closing(psycopg2.connect(database)) as connection, connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall()


def test_a_killed_and_a_restarted_backend_cost_no_point_and_no_read(replicas, database, url, token, tmp_path):
    environ = {**os.environ, "PREVUE_URL": url, "PREVUE_TOKEN": token, "PREVUE_SPOOL_DIR": str(tmp_path / "spool")}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with ExitStack() as stack:
        training = stack.enter_context(subprocess.Popen([sys.executable, "-c", TRAINING], env=environ, **pipes))
        stack.callback(training.kill)

        def reaches_the_next_third():
            run_id = training.stdout.readline().strip()
            training.stdin.write("\n")
            training.stdin.flush()
            return run_id

        reader = Reader(url, token, reaches_the_next_third())
        reader.start()
        stack.callback(reader.stop)
        reaches_the_next_third()
        replicas[0].kill()
        replicas[0].start()
        reaches_the_next_third()
        replicas[1].stop()
        replicas[1].start()
        assert training.wait(PATIENCE_S * 2) == 0
        reader.stop()
    stored = "SELECT count(*), count(DISTINCT step), min(step), max(step) FROM metrics"
    assert rows(database, stored) == [(POINTS, POINTS, 0, POINTS - 1)]
    assert rows(database, "SELECT state FROM runs") == [("finished",)]
    assert reader.asked > 20
    assert reader.failures == []


def test_a_backend_that_is_told_to_stop_is_asked_no_more(replicas, url):
    replicas[0].stop()
    for _ in range(20):
        assert prevue.Api(url, "").identity()["mode"] == "auth"
    replicas[0].start()


def test_a_login_goes_on_at_the_other_dashboard(dashboards, url, ports):
    pages = f"http://127.0.0.1:{ports[1]}"
    with requests.Session() as browser:
        form = {"username": "admin", "password": PASSWORD, "next": "/"}
        came = browser.post(f"{pages}/login", form, headers={"Origin": pages})
        assert (came.status_code, "Log out" in came.text) == (200, True)
        here = next(one for one in dashboards if browser.cookies["sticky"] == f"d{one.port}")
        here.kill()
        there = browser.get(f"{pages}/")
        assert (there.status_code, "Log out" in there.text) == (200, True)
        assert browser.cookies["sticky"] != f"d{here.port}"
        here.start()
