"""How fast a project's page is in a real browser: the first screen, scrolling, and a point on its way to the screen.

    python benchmarks/dashboard_load.py [--runs 8] [--names 40] [--points 10000] [--json]

A backend and a dashboard run on loopback over a filled SQLite database; headless Chromium (1280 x 800, drawing in
software) opens the page in a window that is ready. Times are in seconds since the navigation began; "drawn" means that
each card in view has a curve of every shown run and that a frame has followed. Bytes of files are as transferred, those
of numbers are websocket frames. `live` is the time from before `run.log()` to the frame after the value was put into
the chart.
"""

import argparse
import json
import os
import random
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, CDPSession, Page, sync_playwright
from stores import filled_folder, names_of, values_at

import prevue

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from serving import free_port, served

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
PROJECT = "load"
LIVE_POINTS = 100
LIVE_NAME = "accuracy"  # of a card on the first screen
PATIENCE_MS = 120_000
SETTLE_MS = 1_500  # a new window of Chromium loads pages of its own first, for 0.6 s of processor

# Runs in the page from its beginning: looks at each frame. `seen` has times by name, in ms since the navigation.
WATCH = """
window.bench = {seen: {}, longest: 0, documents: 0};
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) bench.longest = Math.max(bench.longest, entry.duration);
}).observe({type: "longtask", buffered: true});
bench.inView = () => [...document.querySelectorAll(".card")].filter((card) => {
  const {top, bottom} = card.getBoundingClientRect();
  return bottom > 0 && top < innerHeight;
});
bench.isDrawn = (card) => {
  const {charts, project} = window.prevue ?? {};
  const key = card.dataset.key, chart = charts?.get(key);
  return chart?.curves.length > 0 && chart.curves.length === project.tracksOf(key).length;
};
bench.allDrawn = () => bench.inView().length > 0 && bench.inView().every(bench.isDrawn);
bench.mark = (name) => { bench.seen[name] ??= performance.now(); };
const look = () => {
  bench.documents = Math.max(bench.documents, window.Bokeh?.documents?.length ?? 0);
  if (document.querySelector("#runs .run")) bench.mark("sidebar");
  const cards = bench.inView();
  if (cards.some(bench.isDrawn)) bench.mark("first");
  if (cards.length && cards.every(bench.isDrawn)) requestAnimationFrame(() => bench.mark("all"));
  requestAnimationFrame(look);
};
requestAnimationFrame(look);
"""
JUMP = """async () => {
  const began = performance.now();
  scrollTo(0, 0);
  await new Promise(requestAnimationFrame);
  while (!bench.allDrawn()) await new Promise(requestAnimationFrame);
  return performance.now() - began;
}"""
# Notes when each value was seen first. Values rise by one a point, so that the last one tells of all before it.
FOLLOW = """(asked) => {
  const lastOf = LAST;
  bench.arrived = [];
  const look = () => {
    const last = lastOf(asked);
    while (bench.arrived.length <= last) bench.arrived.push(null);
    requestAnimationFrame(() => {
      for (let i = 0; i <= last; i++) bench.arrived[i] ??= Date.now() / 1000;
      look();
    });
  };
  look();
}"""
FOLLOW_CHART = FOLLOW.replace(
    "LAST",
    """([name, key]) => {
    const run = [...prevue.project.runs.values()].find((one) => one.name === name);
    const {run: runs, ys} = prevue.charts.get(key)?.sources.lines.data ?? {run: []};
    const at = runs.indexOf(run?.id);
    return at < 0 ? -1 : ys[at].at(-1);
  }""",
)


@dataclass
class Traffic:
    """What came to a page from the network."""

    files: int = 0
    numbers: int = 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=8)
    parser.add_argument("--names", type=int, default=40, help="series of each run")
    parser.add_argument("--points", type=int, default=10_000, help="of each series")
    parser.add_argument("--store", type=Path, help="folder where filled databases are kept for the next time")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    size = {"runs": arguments.runs, "names": arguments.names, "points": arguments.points}
    with filled_folder(arguments.store, PROJECT, **size) as data, up(data) as (backend, dashboard):
        os.environ["PREVUE_SPOOL_DIR"] = str(data / "spool")
        with chromium() as browser:
            figures = measure(browser, backend, f"{dashboard}/p/bench/{PROJECT}", arguments.names)
    print(
        json.dumps({**size, "load_average": os.getloadavg()[0], **figures}, indent=2)
        if arguments.json
        else table(figures)
    )


@contextmanager
def up(data: Path) -> Iterator[tuple[str, str]]:
    ports = free_port(), free_port()
    with served("up", "--port", str(ports[0]), "--dashboard-port", str(ports[1]), data=data) as process:
        process.address("Prevue's")
        process.address("Prevue's")  # both are told of, in any order
        yield f"http://127.0.0.1:{ports[0]}", f"http://localhost:{ports[1]}"


@contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


def measure(browser: Browser, backend: str, address: str, names: int) -> dict[str, Any]:
    figures: dict[str, Any] = {}
    with browser.new_context(viewport={"width": 1280, "height": 800}) as context:
        for visit in ("first", "second"):
            page = context.new_page()
            page.set_default_timeout(PATIENCE_MS)
            figures[visit] = open_page(page, address)
            tell(visit, figures)
            if visit == "first":
                page.close()
        figures["scroll"] = scroll(page)
        tell("scroll", figures)
        figures["live_s"] = live(page, backend, names)
    return figures


def tell(part: str, figures: dict[str, Any]) -> None:
    print(f"{part}: {figures[part]}", file=sys.stderr)


def open_page(page: Page, address: str) -> dict[str, float]:
    """Open the page and return times in seconds, and bytes."""
    traffic = listen(page.context.new_cdp_session(page))
    page.add_init_script(WATCH)
    page.wait_for_timeout(SETTLE_MS)
    page.goto(address)
    page.wait_for_function("() => bench.seen.all")
    seen = page.evaluate("bench.seen")
    return {
        "cards_in_view": page.evaluate("bench.inView().length"),
        **{f"{name}_s": round(seen[name] / 1_000, 2) for name in ("sidebar", "first", "all")},
        "files_bytes": traffic.files,
        "numbers_bytes": traffic.numbers,
        "longest_block_ms": page.evaluate("Math.round(bench.longest)"),
    }


def listen(network: CDPSession) -> Traffic:
    traffic = Traffic()

    def finished(event: dict[str, Any]) -> None:
        traffic.files += int(event["encodedDataLength"])

    def received(event: dict[str, Any]) -> None:
        frame = event["response"]
        is_text = frame["opcode"] == 1
        traffic.numbers += len(frame["payloadData"]) if is_text else len(frame["payloadData"]) * 3 // 4  # base64

    network.on("Network.loadingFinished", finished)
    network.on("Network.webSocketFrameReceived", received)
    network.send("Network.enable")
    return traffic


def scroll(page: Page) -> dict[str, float]:
    """Scroll to the end as with a wheel, and jump back."""
    page.evaluate("bench.longest = 0")
    began = time.monotonic()
    while page.evaluate("scrollY + innerHeight < document.documentElement.scrollHeight - 1"):
        page.mouse.move(800, 500)
        page.mouse.wheel(0, 400)
        page.wait_for_timeout(100)
    page.wait_for_function("() => bench.allDrawn()")
    return {
        "to_the_end_s": round(time.monotonic() - began, 2),
        "longest_block_ms": page.evaluate("Math.round(bench.longest)"),
        "jump_back_s": round(page.evaluate(JUMP) / 1_000, 2),
        "documents": page.evaluate("bench.documents"),
    }


def live(page: Page, backend: str, names: int) -> dict[str, float]:
    """Log points into a new run of the project and return when they were on the screen."""
    run = prevue.init(PROJECT, "live", url=backend, uid="bench")
    page.evaluate(FOLLOW_CHART, ["live", f"train/{LIVE_NAME}"])
    logged = []
    for step in range(LIVE_POINTS):
        values = {**values_at(step, names_of(names), 99), LIVE_NAME: float(step)}
        logged.append(time.time())
        run.log(values, step)
        page.wait_for_timeout(random.uniform(300, 700))  # in step with nobody's polling
    page.wait_for_function(f"() => bench.arrived.length >= {LIVE_POINTS} && bench.arrived.at(-1)")
    run.finish(timeout=10)
    arrived = page.evaluate("bench.arrived")
    took = sorted(then - began for began, then in zip(logged, arrived, strict=True))
    return {
        name: round(took[int((len(took) - 1) * part)], 2) for name, part in (("p50", 0.5), ("p95", 0.95), ("worst", 1))
    }


def table(figures: dict[str, Any]) -> str:
    lines = []
    for part, values in figures.items():
        lines.append(part)
        lines += [f"  {name:<20}{value:>12,}" for name, value in values.items()]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
