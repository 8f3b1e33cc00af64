"""PostgreSQL is stopped and started, in order and by crash, while a training logs and somebody reads."""

import os
import subprocess
import time
from pathlib import Path

import pytest

import postgres
import prevue
from faults.conftest import Story
from faults.test_crash_loop import BUFFERING
from prevue_core.errors import ApiError
from serving import PATIENCE_S, served


class Database:
    """A database on a server of our own, which may be restarted."""

    def __init__(self, url):
        self.url = url
        # What was committed is to outlive a crash of the server, as it does where nobody has set it otherwise.
        postgres.execute(url, f"ALTER DATABASE {postgres.name_of(url)} SET synchronous_commit = on")
        ((bindir,),) = postgres.execute(url, "SELECT setting FROM pg_config WHERE name = 'BINDIR'")
        ((data,),) = postgres.execute(url, "SHOW data_directory")
        self._command = [Path(bindir) / "pg_ctl", "-D", data, "-w", "-l", f"{data}/restarts.log"]
        owner = os.stat(data)
        self._user = {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []} if os.geteuid() == 0 else {}

    def restart(self, how):
        """Restart the server: `fast`, or `immediate`, which is a crash."""
        subprocess.run([*self._command, "-m", how, "restart"], cwd="/", check=True, capture_output=True, **self._user)

    def stored(self):
        return postgres.execute(self.url, "SELECT step, loss_value FROM metrics")


@pytest.fixture
def database():
    with postgres.server(None) as server, postgres.fresh_database(server) as url:
        yield Database(url)


@pytest.fixture
def url(database, tmp_path):
    with served("backend", "--port", "0", data=tmp_path / "data", PREVUE_DATABASE_URL=database.url) as backend:
        yield backend.address("backend")


def is_read(url):
    try:
        with prevue.Api(url) as api:
            api.projects()
    except ApiError:
        return False
    return True


def test_no_restart_of_postgresql_loses_or_doubles_a_point(database, url, tmp_path, whole, tell):
    restarts = 30 if whole else 4
    story = Story(tmp_path, url, seed=9)
    life = story.begin(PAUSE="0.0002")
    for number in range(restarts):
        life.log_until(life.returned + story.draw.randint(500, 2_000))
        database.restart("immediate" if number % 2 else "fast")
        deadline = time.monotonic() + PATIENCE_S
        while not is_read(url):
            assert time.monotonic() < deadline
    story.end(life)
    story.deliver()
    fate = story.fate(database.stored())
    tell(
        f"{restarts} restarts of PostgreSQL, half of them crashes, {len(story.logged):,} points: "
        f"lost {fate.lost}, duplicated {fate.duplicated}, wrong {fate.wrong}"
    )
    assert (fate.lost, fate.duplicated, fate.wrong) == (0, 0, 0)


def test_a_client_that_buffers_is_caught(database, url, tmp_path, tell):
    story = Story(tmp_path, url, seed=10)
    story.live(1_000, BUFFERING)
    database.restart("immediate")
    story.live(1_000, BUFFERING)
    story.deliver()
    lost = story.fate(database.stored()).lost
    tell(f"control, a client that buffers 50 lines: lost {lost} of {len(story.logged):,}")
    assert lost > 0
