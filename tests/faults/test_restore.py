"""The server is put back to an old backup: what trainings logged after it comes again from their machines."""

import os
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

import postgres
from faults.conftest import Backend, client, fate_of
from serving import PATIENCE_S

LOGGING = """
import sys
import prevue
run = prevue.init("restore")
for first, count in zip(sys.argv[1::2], sys.argv[2::2]):
    for step in range(int(first), int(first) + int(count)):
        run.log({"loss": step / 2}, step)
    print("logged", flush=True)
    sys.stdin.readline()
run.finish(timeout=None)
"""
PIPES = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}


class Sqlite:
    """The commands `prevue backup` and `prevue restore`."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._file, self._data = folder / "backup.sqlite", folder / "server"
        self.backend = Backend(self._data)

    def backup(self) -> None:
        prevue("backup", self._file, "--data", self._data)

    def restore(self) -> None:
        prevue("restore", self._file, "--data", self._data)

    def stored(self) -> list[tuple[int, float]]:
        return self.backend.stored()

    def count(self) -> int:
        return self.backend.rows("SELECT COUNT(*) FROM metrics")[0][0]


class Postgresql:
    """pg_dump and pg_restore, and then another identity, as docs/how-to/back-up-and-restore.md has it."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._file = folder / "prevue.dump"
        self._url = stack.enter_context(postgres.fresh_database(stack.enter_context(postgres.server(None))))
        ((bindir,),) = postgres.execute(self._url, "SELECT setting FROM pg_config WHERE name = 'BINDIR'")
        self._programs = Path(bindir)
        self.backend = Backend(folder / "server", PREVUE_DATABASE_URL=self._url)

    def backup(self) -> None:
        run(self._programs / "pg_dump", "--format=custom", f"--file={self._file}", self._url)

    def restore(self) -> None:
        options = ("--clean", "--if-exists", "--single-transaction", f"--dbname={self._url}")
        run(self._programs / "pg_restore", *options, self._file)
        prevue("db", "renew-store-id", PREVUE_DATABASE_URL=self._url)

    def stored(self) -> list[tuple[int, float]]:
        return postgres.execute(self._url, "SELECT step, loss_value FROM metrics")

    def count(self) -> int:
        return postgres.execute(self._url, "SELECT COUNT(*) FROM metrics")[0][0]


def run(*command: object, **environ: str) -> None:
    done = subprocess.run([*map(str, command)], env={**os.environ, **environ}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def prevue(*arguments: object, **environ: str) -> None:
    run(sys.executable, "-m", "prevue", *arguments, **environ)


class Tale:
    """What is logged before a backup, after it, and after the restore; `logged` are the steps of it."""

    def __init__(self, store: Sqlite | Postgresql, stack: ExitStack, folder: Path, points: int, **settings: str):
        self.store, self.points, self.logged = store, points, set()
        self._stack, self._spool, self._settings = stack, folder / "spool", settings

    def train(self, *parts: int) -> subprocess.Popen:
        """Start a program that logs so many parts of a run, and waits for a word after each."""
        arguments = []
        for part in parts:
            first = len(self.logged)
            self.logged |= set(range(first, first + part))
            arguments += [str(first), str(part)]
        url = self.store.backend.url
        pipes = {**PIPES, "text": True}
        training = client(LOGGING, *arguments, url=url, spool=self._spool, pipes=pipes, **self._settings)
        self._stack.enter_context(training)
        self._stack.callback(training.kill)
        return training

    def go_on(self, training: subprocess.Popen) -> None:
        """Let a training log its next part."""
        training.stdin.write("\n")
        training.stdin.flush()

    def end(self, training: subprocess.Popen) -> None:
        """Let a training finish; it waits until all of it is stored."""
        training.communicate("\n" * 9)
        assert training.returncode == 0

    def until_stored(self, points: int) -> None:
        """Wait until so many are there; no longer than a while without a new one."""
        stored, since = 0, time.monotonic()
        while stored < points:
            now = self.store.count()
            if now != stored:
                stored, since = now, time.monotonic()
            assert time.monotonic() < since + 3 * PATIENCE_S, f"{stored} of {points}"
            time.sleep(0.05)

    def until_restored(self) -> subprocess.Popen:
        """Tell the tale up to the backend's new start; return a training that lives through it."""
        before, living = self.train(self.points), self.train(self.points, self.points, self.points)
        self.end(before)
        living.stdout.readline()
        self.until_stored(2 * self.points)
        self.store.backup()
        self.go_on(living)
        living.stdout.readline()
        self.end(self.train(self.points))  # a run of which the backup knows nothing
        self.until_stored(4 * self.points)
        self.store.backend.served.stop()
        self.store.restore()
        assert len(self.store.stored()) == 2 * self.points
        self.store.backend.start()
        self.store.backend.wait()
        return living

    def sync(self, *options: str) -> None:
        environ = {"PREVUE_URL": self.store.backend.url, "PREVUE_SPOOL_DIR": str(self._spool), **self._settings}
        prevue("sync", *options, **environ)


@pytest.fixture(params=[Sqlite, Postgresql])
def new_tale(request, tmp_path):
    with ExitStack() as stack:
        store = request.param(tmp_path, stack)
        stack.callback(lambda: store.backend.served.stop())
        store.backend.wait()
        yield lambda points, **settings: Tale(store, stack, tmp_path, points, **settings)


@pytest.mark.parametrize("by", ["the programs that follow", "prevue sync --verify"])
def test_a_server_that_was_put_back_is_filled_up(new_tale, by, whole, tell):
    tale = new_tale(250_000 if whole else 4_000)
    living = tale.until_restored()
    lacked = 2 * tale.points
    if by == "prevue sync --verify":
        living.kill()  # what it left is for others to send
        living.communicate()
        tale.logged -= set(range(3 * tale.points, 4 * tale.points))  # its third part, which it never began
        tale.sync("--verify")
    else:
        tale.go_on(living)
        tale.until_stored(len(tale.logged))  # by a program that logs and goes on
        tale.end(living)
    fate = fate_of(tale.store.stored(), tale.logged)
    tell(
        f"{type(tale.store).__name__}, put back to a backup that lacked {lacked:,} of {len(tale.logged):,} points, "
        f"filled up by {by}: lost {fate.lost}, duplicated {fate.duplicated}, wrong {fate.wrong}"
    )
    assert (fate.lost, fate.duplicated, fate.wrong) == (0, 0, 0)


def test_points_that_are_not_kept_are_missed(new_tale, tell):
    tale = new_tale(1_000, PREVUE_KEEP_MB="0")
    tale.end(tale.until_restored())
    tale.sync("--verify")
    lost = fate_of(tale.store.stored(), tale.logged).lost
    tell(f"control, {type(tale.store).__name__}, with nothing kept: lost {lost:,} of {len(tale.logged):,}")
    assert lost > 0
