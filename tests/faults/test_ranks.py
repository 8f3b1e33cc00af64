"""Eight processes log into one run; each moment one of them is killed and comes back."""

from faults.conftest import Story

RANKS = 8
PAUSE = "0.001"  # flat out, they would log for hours what the server then has to store
# A client whose writers all have the same number, in each process a spool of its own.
NUMBERED_ALIKE = """
import os, uuid
import prevue.spool
os.environ["PREVUE_SPOOL_DIR"] += os.environ["RANK"]
prevue.spool.uuid = type("alike", (), {"uuid4": lambda: uuid.uuid5(uuid.NAMESPACE_URL, os.environ["PREVUE_RUN_ID"])})
"""


def test_no_killed_rank_loses_or_doubles_a_point(backend, tmp_path, whole, tell):
    kills = 100 if whole else 12
    story = Story(tmp_path, backend.url, seed=3)
    ranks = [story.begin(RANK=str(rank), PAUSE=PAUSE) for rank in range(RANKS)]
    for _ in range(kills):
        rank = story.draw.randrange(RANKS)
        ranks[rank].log_until(story.draw.randint(1, 1_000))
        story.end(ranks[rank])
        ranks[rank] = story.begin(RANK=str(rank), PAUSE=PAUSE)
    for life in ranks:
        life.log_until(100)
        story.end(life)
    story.deliver()
    fate = story.fate(backend.stored())
    tell(
        f"{RANKS} ranks of one run, {kills} killed and back, {len(story.logged):,} points: "
        f"lost {fate.lost}, duplicated {fate.duplicated}, wrong {fate.wrong}"
    )
    assert (fate.lost, fate.duplicated, fate.wrong) == (0, 0, 0)
    assert backend.rows("SELECT count(DISTINCT rank), count(DISTINCT run_id) FROM metrics") == [(RANKS, 1)]


def test_ranks_that_share_a_number_are_caught(backend, tmp_path, tell):
    story = Story(tmp_path, backend.url, seed=4)
    lives = [story.begin(NUMBERED_ALIKE, RANK=str(rank)) for rank in range(2)]
    for life in lives:
        life.log_until(2_000)
        story.end(life)
    for rank in range(2):
        story.deliver(spool=f"spool{rank}")
    lost = story.fate(backend.stored()).lost
    tell(f"control, ranks whose writers share a number: lost {lost} of {len(story.logged):,}")
    assert lost > 0
