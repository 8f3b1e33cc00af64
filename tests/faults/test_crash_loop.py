"""Client and server are killed again and again while one run is logged."""

import mmap
import random
import struct
import time
import uuid

from faults.conftest import client, fate_of
from serving import PATIENCE_S

LIFE = 1_000_000  # steps that one life of the client may use
# Each life goes on with the same run. How many calls have returned stands in a file that outlives it.
PROGRAM = f"""
import mmap, struct, sys
import prevue
first = int(sys.argv[1]) * {LIFE}
with open(sys.argv[2], "r+b") as file:
    returned = mmap.mmap(file.fileno(), 8)
run = prevue.init("crashes")
for step in range(first, first + {LIFE}):
    run.log({{"loss": step / 2}}, step)
    returned[:] = struct.pack("q", step + 1 - first)
"""
# A client that keeps 50 lines in memory before it writes them, as some do for speed.
BUFFERING = """
from prevue.spool import Spool
kept, put = [], Spool._put
def late(self, line):
    if self._fd < 0:
        return put(self, line)
    kept.append(line)
    self.next_seq += 1
    if len(kept) == 50:
        self.next_seq -= 50
        for one in kept:
            put(self, one)
        kept.clear()
    return True
Spool._put = late
"""
# A client that logs a line again of which it is not sure that it was written.
REPEATING = """
from prevue.spool import Spool
put = Spool._put
def twice(self, line):
    done = put(self, line)
    if self.next_seq % 100 == 0:
        put(self, b'{"seq":%d,%b' % (self.next_seq, line.partition(b",")[2]))
    return done
Spool._put = twice
"""


class Story:
    """The lives of a client, and of the server that it logs to."""

    def __init__(self, backend, folder, seed):
        self.backend = backend
        self.logged, self.on_their_way = set(), set()
        self._spool, self._progress = folder / "spool", folder / "progress"
        self._draw = random.Random(seed)
        self._settings = {"PREVUE_RUN_ID": str(uuid.uuid4())}
        self._lives = 0

    def live(self, points, bug=""):
        """Start a client, kill it when it has logged about so many points, and note what it had logged."""
        self._progress.write_bytes(bytes(8))
        wanted = self._draw.randint(1, 2 * points)
        with self._progress.open("r+b") as file, mmap.mmap(file.fileno(), 8) as returned:
            arguments = (str(self._lives), str(self._progress))
            with client(
                bug + PROGRAM, *arguments, url=self.backend.url, spool=self._spool, **self._settings
            ) as process:
                deadline = time.monotonic() + PATIENCE_S
                while (count := struct.unpack("q", returned)[0]) < wanted:
                    assert process.poll() is None
                    assert time.monotonic() < deadline
                    time.sleep(0.0005)
                process.kill()
            count = struct.unpack("q", returned)[0]
        first = self._lives * LIFE
        self.logged.update(range(first, first + count))
        self.on_their_way.add(first + count)
        self._lives += 1

    def deliver(self, kills):
        """Send what is left, and kill the server meanwhile so many times."""
        sync = "import sys; from prevue.cli import cli; cli(['sync'])"
        while True:
            with client(sync, url=self.backend.url, spool=self._spool) as process:
                if kills:
                    time.sleep(self._draw.uniform(0.2, 1.2))  # somewhere between two requests, or in one
                    self.backend.kill()
                    self.backend.wait()
                    kills -= 1
            if process.returncode == 0 and not kills:
                return

    @property
    def fate(self):
        return fate_of(self.backend.stored(), self.logged, self.on_their_way)


def test_no_kill_of_client_or_server_loses_or_doubles_a_point(backend, tmp_path, whole, tell):
    lives, kills, points = (200, 50, 1_000_000) if whole else (20, 10, 100_000)
    story = Story(backend, tmp_path, seed=6)
    for life in range(lives):
        story.live(points // lives)
        if life % (2 * lives // kills) == 0:
            backend.kill()
    story.deliver(kills - backend.kills)
    fate = story.fate
    tell(
        f"{lives} kills of the client, {backend.kills} of the server, {len(story.logged):,} points: "
        f"lost {fate.lost}, duplicated {fate.duplicated}, wrong {fate.wrong}"
    )
    assert (fate.lost, fate.duplicated, fate.wrong) == (0, 0, 0)


def test_a_client_that_buffers_is_caught(backend, tmp_path, tell):
    story = Story(backend, tmp_path, seed=7)
    for _ in range(4):
        story.live(500, BUFFERING)
    story.deliver(0)
    tell(f"control, a client that buffers 50 lines: lost {story.fate.lost} of {len(story.logged):,}")
    assert story.fate.lost > 0


def test_a_client_that_repeats_itself_is_caught(backend, tmp_path, tell):
    story = Story(backend, tmp_path, seed=8)
    story.live(2_000, REPEATING)
    story.deliver(0)
    tell(f"control, a client that repeats lines: duplicated {story.fate.duplicated} of {len(story.logged):,}")
    assert story.fate.duplicated > 0
