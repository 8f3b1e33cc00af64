"""How long the page of an evaluation takes to be drawn in a real browser, and its threshold to be drawn along.

For `evaluation_load.py --browser`. Headless Chromium (1280 x 800, drawing in software) opens the page for the first
time: nothing is worked out yet, no script is in its cache. Times are in seconds since the navigation began, until a
frame has followed: `drawn` every view and the first samples, `whole` the intervals and the method checks, too.
`drag_ms`: from a move of the pointer to the end of the frame after it, in which matrix, scores, costs and the marks on
the curves are new.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dashboard_load import PATIENCE_MS, chromium, served

import prevue

# Runs in the page from its beginning, and looks at each frame.
WATCH = """
window.bench = {};
const has = (selector, text) => document.querySelector(selector)?.textContent.includes(text);
const look = () => {
  const isDrawn = document.body?.dataset.drawn && has("#view-samples [role=status]", "sample");
  if (isDrawn) bench.drawn ??= performance.now();
  if (isDrawn && has(".tile small", " … ") && !has(".findings", "at work")) bench.whole ??= performance.now();
  requestAnimationFrame(look);
};
requestAnimationFrame(look);
"""
DRAG = """async () => {
  const chart = document.querySelector("#view-scores svg.chart"), took = [];
  chart.scrollIntoView();
  chart.setPointerCapture = () => null; // of a pointer that there is not
  const {left, top, width} = chart.getBoundingClientRect();
  const at = (share) => ({clientX: left + 60 + (width - 80) * share, clientY: top + 20, bubbles: true});
  const fire = (type, share) => chart.dispatchEvent(new PointerEvent(type, at(share)));
  const painted = () => new Promise((resolve) => requestAnimationFrame(() => {
    const {port1, port2} = new MessageChannel();
    port1.onmessage = resolve;
    port2.postMessage(null);
  }));
  fire("pointerdown", 0);
  for (let i = 0; i < 200; i++) {
    const began = performance.now();
    fire("pointermove", ((i * 37) % 200) / 200);
    await painted();
    took.push(performance.now() - began);
  }
  fire("pointerup", 1);
  took.sort((a, b) => a - b);
  return {median: took[100], p95: took[190]};
}"""


def shown(backend: str, run_id: str) -> dict[str, Any]:
    """Return the figures of the page of a run's evaluation."""
    api = prevue.Api(backend)
    (project,), (row,) = api.projects(), api.evaluations(run_id)
    path = f"/p/{project.user}/{project.project_name}/evaluations/{row['evaluation_id']}"
    with tempfile.TemporaryDirectory() as data, chromium() as browser, dashboard(backend, data) as address:
        page = browser.new_page(viewport={"width": 1280, "height": 800}, locale="en-US")
        page.add_init_script(WATCH)
        page.goto(address + path)
        page.wait_for_function("() => bench.whole", timeout=PATIENCE_MS)
        seen = page.evaluate("() => bench")
        return {**{name: ms / 1000 for name, ms in seen.items()}, "drag_ms": page.evaluate(DRAG)}


@contextmanager
def dashboard(backend: str, data: str) -> Iterator[str]:
    """Yield the address of a dashboard that has just been started."""
    with served("dashboard", "--port", "0", "--url", backend, data=Path(data)) as server:
        yield server.address("dashboard")
