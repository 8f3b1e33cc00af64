"""Client and server are killed again and again while one run is logged."""

import time

from faults.conftest import Story

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


def test_no_kill_of_client_or_server_loses_or_doubles_a_point(backend, tmp_path, whole, tell):
    lives, kills, points = (200, 50, 1_000_000) if whole else (20, 10, 100_000)
    story = Story(tmp_path, backend.url, seed=6)
    for life in range(lives):
        story.live(points // lives)
        if life % (2 * lives // kills) == 0:
            backend.kill()

    def kill_the_server():
        time.sleep(story.draw.uniform(0.2, 1.2))  # somewhere between two requests, or in one
        backend.kill()
        backend.wait()
        return backend.kills < kills

    story.deliver(kill_the_server)
    fate = story.fate(backend.stored())
    tell(
        f"{lives} kills of the client, {backend.kills} of the server, {len(story.logged):,} points: "
        f"lost {fate.lost}, duplicated {fate.duplicated}, wrong {fate.wrong}"
    )
    assert (fate.lost, fate.duplicated, fate.wrong) == (0, 0, 0)


def test_a_client_that_buffers_is_caught(backend, tmp_path, tell):
    story = Story(tmp_path, backend.url, seed=7)
    for _ in range(4):
        story.live(500, BUFFERING)
    story.deliver()
    lost = story.fate(backend.stored()).lost
    tell(f"control, a client that buffers 50 lines: lost {lost} of {len(story.logged):,}")
    assert lost > 0


def test_a_client_that_repeats_itself_is_caught(backend, tmp_path, tell):
    story = Story(tmp_path, backend.url, seed=8)
    story.live(2_000, REPEATING)
    story.deliver()
    duplicated = story.fate(backend.stored()).duplicated
    tell(f"control, a client that repeats lines: duplicated {duplicated} of {len(story.logged):,}")
    assert duplicated > 0
