"""The debug module's notebook runs from top to bottom against a backend."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from pages import ROOT
from prevue import Api
from serving import PATIENCE_S, served


def test_the_notebook_reads_a_run_and_shows_it_live(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    notebook = nbformat.read(ROOT / "deploy" / "jupyter" / "runs.ipynb", as_version=4)
    dashboard = "http://localhost:5006"
    with served("backend", "--port", "0", "--dashboard-url", dashboard, data=tmp_path) as backend:
        url = backend.address("backend")
        monkeypatch.setenv("PREVUE_URL", url)
        monkeypatch.setenv("PREVUE_SPOOL_DIR", str(tmp_path / "spool"))
        NotebookClient(notebook, timeout=2 * PATIENCE_S, kernel_name="python3").execute()
        [run] = Api(url).runs("notebook")
        assert run.state == "finished"
        assert [(series.split, series.name, len(series)) for series in run.series()] == [
            ("train", "loss", 40),
            ("val", "loss", 40),
        ]
    *_, watched, points = [cell["outputs"] for cell in notebook.cells if cell["cell_type"] == "code"]
    [shown] = watched
    assert (
        f'<iframe src="{dashboard}/embed/p/{run.user}/notebook?only={run.run_id[-12:]}"' in shown["data"]["text/html"]
    )
    assert shown["data"]["text/plain"].startswith(f"{run.user}/notebook: {run.run_name} (running)")
    assert "39" in points[0]["data"]["text/plain"]
