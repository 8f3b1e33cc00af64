"""The example with two processes, as torchrun starts them."""

import os
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[3] / "examples" / "torch_distributed.py"
EPOCHS = 5


@pytest.mark.parametrize("ranks", [[0], [0, 1]])
def test_rank_0_logs_and_with_a_run_id_all_do(backend, ranks):
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", str(EXAMPLE)]
    environ = {**os.environ, "OMP_NUM_THREADS": "1", "PREVUE_PROJECT": "unused", "PREVUE_UID": f"ranks-{len(ranks)}"}
    if len(ranks) > 1:
        environ["PREVUE_RUN_ID"] = str(uuid.uuid4())
    done = subprocess.run(command, env=environ, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    of_user = "FROM runs JOIN users USING (user_id) WHERE username = ?"
    [(run_id, state, config)] = backend.rows(f"SELECT run_id, state, config {of_user}", environ["PREVUE_UID"])
    assert (state, config) == ("finished", '{"accumulate":4,"lr":0.003,"ranks":2}')
    series = backend.rows("SELECT rank, split, name, count FROM series WHERE run_id = ? AND split != 'system'", run_id)
    assert {(rank, split, name): count for rank, split, name, count in series} == {
        (rank, *place): count
        for rank in ranks
        for place, count in {
            ("train", "loss"): EPOCHS,
            ("train", "batch/loss"): EPOCHS * 44 // 10,
            ("val", "loss"): EPOCHS,
            ("val", "accuracy"): EPOCHS,
        }.items()
    }
    steps = backend.rows("SELECT DISTINCT step FROM results WHERE run_id = ? ORDER BY step", run_id)
    assert len(steps) == EPOCHS * (44 // 4) // 20  # of the optimizer
    [(architecture,)] = backend.rows(
        "SELECT architecture FROM runs JOIN models USING (model_id) WHERE run_id = ?", run_id
    )
    assert '"output_shape":[null,32]' in architecture
