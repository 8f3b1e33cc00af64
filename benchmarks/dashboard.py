"""What the dashboard is to reach, and whether it does: in a real browser, beside TensorBoard, and with many viewers.

    python benchmarks/dashboard.py [--only PART ...] [--quick] [--json]

Parts:
  curves   5 runs of 20 series of 10 000 points: all curves in view, in a new browser and in one that has the files,
           beside TensorBoard's page of the same series in the same run
  many     200 charts of 10 runs: the first screen, and scrolling to the end and back
  live     from before `run.log()` to the frame with the value, on the project's page and on the run's
  viewers  100 open pages of a project with 20 charts and a training that logs once a second, in one process: its share
           of a core, and what it costs to open one
  cycles   500 times a page is opened, shows its charts and is closed: how much memory that leaves behind

Headless Chromium (1280 x 800) draws in software; viewers of `viewers` and `cycles` are websockets without browsers
(viewers.py). Times are in seconds since the navigation began, in a window that is ready. "Drawn" means that every card
in view has a curve of every run and that a frame has followed; with TensorBoard, that every card in view has its chart
and the table below it.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, ExitStack, contextmanager
from pathlib import Path
from typing import Any

import environments
from dashboard_load import (
    FOLLOW,
    FOLLOW_CHART,
    LIVE_POINTS,
    PROJECT,
    SETTLE_MS,
    WATCH,
    chromium,
    listen,
    open_page,
    scroll,
)
from playwright.sync_api import Browser, Page
from stores import filled_folder, names_of, values_at
from viewers import Viewer, Visitor, opened

import prevue

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from serving import free_port, served, stored

HERE = Path(__file__).parent
PARTS = tuple(
    line.split()[0] for line in (__doc__ or "").split("Parts:\n")[1].split("\n\n")[0].splitlines() if line[2] != " "
)
SCREEN = {"width": 1280, "height": 800}
PATIENCE_MS = 120_000
OWNER_PATH = f"/p/bench/{PROJECT}"

CURVES = {"runs": 5, "names": 20, "points": 10_000}
MANY = {"runs": 10, "names": 200, "points": 500}
WATCHED = {"runs": 4, "names": 20, "points": 2_000}  # and the one that is live
VIEWERS, WATCH_S, OPENINGS = 100, 30.0, 30
CYCLES, WARM_CYCLES, AT_ONCE = 500, 100, 4
SETTLE_S = 25.0  # a session that is closed stays for 15 s, and is looked for each 5

TENSORBOARD_WATCH = """
window.bench = {};
bench.inView = () => [...document.querySelectorAll("scalar-card")].filter((card) => {
  const {top, bottom} = card.getBoundingClientRect();
  return bottom > 0 && top < innerHeight;
});
const isDrawn = (card) => card.querySelector("line-chart canvas, line-chart .series-view path")
  && !card.querySelector("mat-spinner") && card.querySelectorAll("tb-data-table-content-row").length >= RUNS;
const look = () => {
  const mark = () => { bench.all ??= performance.now(); };
  if (bench.inView().length && bench.inView().every(isDrawn)) requestAnimationFrame(mark);
  requestAnimationFrame(look);
};
requestAnimationFrame(look);
""".replace("RUNS", str(CURVES["runs"]))

FOLLOW_RUN = FOLLOW.replace(
    "LAST",
    """() => {
    const rows = [...document.querySelectorAll("[data-part=metrics] tr")];
    const row = rows.find((one) => one.querySelector("th")?.textContent.includes("accuracy"));
    return Number(row?.querySelector("td")?.textContent.replaceAll(",", "") ?? -1);
  }""",
)

# Of each figure the path to it, what it is to reach at most, and the unit.
TARGETS: tuple[tuple[str, str, float, str], ...] = (
    ("all curves in view, new browser", "curves.first.all_s", 1.0, "s"),
    ("the same, files in its cache", "curves.second.all_s", 1.0, "s"),
    ("times TensorBoard's, new browser", "curves.of_tensorboard.first", 1.0, "x"),
    ("times TensorBoard's, files in its cache", "curves.of_tensorboard.second", 1.0, "x"),
    ("transferred the first time", "curves.first.transferred_mb", 0.6, "MB"),
    ("200 charts of 10 runs, first screen", "many.first.all_s", 2.0, "s"),
    ("its longest block while scrolling", "many.scroll.longest_block_ms", 200, "ms"),
    ("log() to the project's page, p95", "live.project.p95_s", 1.0, "s"),
    ("log() to the run's page, p95", "live.run.p95_s", 1.0, "s"),
    ("100 viewers of 20 charts", "viewers.core_percent", 10, "% of a core"),
    ("opening a session", "viewers.opening_ms", 35, "ms CPU"),
    ("memory after 500 open/close cycles", "cycles.grown_mb", 20, "MB more"),
)

Figures = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--quick", action="store_true", help="fewer points, viewers and cycles: to see that it works")
    parser.add_argument("--store", type=Path, help="folder where filled databases are kept for the next time")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    scale = 0.1 if arguments.quick else 1.0
    figures: Figures = {}
    for part in arguments.only:
        figures[part] = globals()[part](scale, arguments.store)
        print(f"{part}: {figures[part]}", file=sys.stderr)
    figures["load_average"] = os.getloadavg()[0]
    print(json.dumps(figures, indent=2) if arguments.json else table(figures))


# parts


def curves(scale: float, store: Path | None) -> Figures:
    figures: Figures = {}
    with project(CURVES, store) as (_, dashboard, _), chromium() as browser, tensorboard(CURVES) as peer:
        warm(browser, dashboard + OWNER_PATH)
        figures["first"], figures["second"] = visits(browser, lambda page: open_page(page, dashboard + OWNER_PATH))
        first = figures["first"]
        first["transferred_mb"] = round((first["files_bytes"] + first["numbers_bytes"]) / 1e6, 3)
        if peer is None:
            return figures
        warm(browser, peer)
        theirs = visits(browser, lambda page: open_tensorboard(page, peer))
    names = ("first", "second")
    figures["tensorboard"] = dict(zip(names, theirs, strict=True))
    figures["of_tensorboard"] = {
        name: round(figures[name]["all_s"] / one["all_s"], 2) for name, one in zip(names, theirs, strict=True)
    }
    return figures


def many(scale: float, store: Path | None) -> Figures:
    with project(MANY, store) as (_, dashboard, _), chromium() as browser:
        warm(browser, dashboard + OWNER_PATH)
        with browser.new_context(viewport=SCREEN) as context:
            page = context.new_page()
            page.set_default_timeout(PATIENCE_MS)
            first = open_page(page, dashboard + OWNER_PATH)
            return {"first": first, "scroll": scroll(page)}


def live(scale: float, store: Path | None) -> Figures:
    points = max(10, int(LIVE_POINTS * scale))
    with project({**WATCHED, "runs": 2}, store) as (backend, dashboard, _), chromium() as browser:
        run = prevue.init(PROJECT, "live", url=backend, uid="bench")
        run.log({"accuracy": 0.0}, 0)
        stored(run, records=2)
        addresses = {"project": OWNER_PATH, "run": f"{OWNER_PATH}/runs/{run.run_id}"}
        figures = {}
        for name, path in addresses.items():
            with browser.new_context(viewport=SCREEN) as context:
                page = context.new_page()
                page.set_default_timeout(PATIENCE_MS)
                page.add_init_script(WATCH)
                page.goto(dashboard + path)
                figures[name] = followed(page, run, name, points)
        run.finish(timeout=10)
    return figures


def viewers(scale: float, store: Path | None) -> Figures:
    count, seconds = max(5, int(VIEWERS * scale)), WATCH_S if scale == 1 else 5.0
    with project(WATCHED, store) as (backend, dashboard, process):
        run = prevue.init(PROJECT, "live", url=backend, uid="bench")
        names = names_of(WATCHED["names"])
        run.log(values_at(0, names, 9), 0)
        stored(run, records=2)
        figures = asyncio.run(
            watched(dashboard, process, count, seconds, lambda step: run.log(values_at(step, names, 9), step))
        )
        run.finish(timeout=10)
    return figures


def cycles(scale: float, store: Path | None) -> Figures:
    count, before = max(20, int(CYCLES * scale)), max(10, int(WARM_CYCLES * scale))
    with project(WATCHED, store) as (_, dashboard, process):
        asyncio.run(visited(dashboard, before))
        time.sleep(SETTLE_S)
        at_first = memory_mb(process)
        asyncio.run(visited(dashboard, count))
        time.sleep(SETTLE_S)
        at_last = memory_mb(process)
    return {"cycles": count, "before_mb": at_first, "after_mb": at_last, "grown_mb": round(at_last - at_first, 1)}


# servers


@contextmanager
def project(size: dict[str, int], store: Path | None) -> Iterator[tuple[str, str, int]]:
    """Yield the addresses of a backend with a filled project and of its dashboard, and the latter's process."""
    with ExitStack() as stack:
        data = stack.enter_context(filled_folder(store, PROJECT, **size))
        os.environ["PREVUE_SPOOL_DIR"] = str(data / "spool")
        backend = stack.enter_context(served("backend", "--port", "0", data=data)).address("backend")
        dashboard = stack.enter_context(served("dashboard", "--port", "0", "--url", backend, data=data))
        yield backend, dashboard.address("dashboard"), dashboard.process.pid


@contextmanager
def tensorboard(size: dict[str, int]) -> Iterator[str | None]:
    """Yield the address of a TensorBoard that has read as much; None where it cannot be installed."""
    try:
        python = environments.python_of("tensorboard")
    except environments.NotInstalled as error:
        print(f"no TensorBoard: {error}", file=sys.stderr)
        yield None
        return
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [python, str(HERE / "peers" / "tensorboard_page.py"), folder, *map(str, size.values())], check=True
        )
        port = free_port()
        command = [python, "-m", "tensorboard.main", "--logdir", folder, "--port", str(port)]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            try:
                wait_until_read(f"http://127.0.0.1:{port}", size)
                yield f"http://127.0.0.1:{port}/#timeseries"
            finally:
                process.terminate()


def wait_until_read(url: str, size: dict[str, int]) -> None:
    """Wait until TensorBoard has the last point of every run: it reads in the background."""
    asked = urllib.parse.urlencode({"requests": json.dumps([{"plugin": "scalars", "tag": "train/metric_00"}])}).encode()
    until = time.monotonic() + PATIENCE_MS / 1_000
    while time.monotonic() < until:
        time.sleep(0.5)
        try:
            path = "/experiment/defaultExperimentId/data/plugin/timeseries/timeSeries"
            with urllib.request.urlopen(url + path, asked) as answer:
                found = json.load(answer)[0].get("runToSeries", {})
        except OSError:
            continue
        if len(found) == size["runs"] and all(one[-1]["step"] == size["points"] - 1 for one in found.values()):
            return
    raise RuntimeError("TensorBoard has not read its files")


# in a browser


def warm(browser: Browser, address: str) -> None:
    """Let a server answer for the first time, in a browser that is then gone."""
    with browser.new_context(viewport=SCREEN) as context:
        page = context.new_page()
        page.goto(address)
        page.wait_for_timeout(3_000)


def visits(browser: Browser, visit: Callable[[Page], Figures]) -> tuple[Figures, Figures]:
    """Return what two visits of one new browser say: the second has the files in its cache."""
    with browser.new_context(viewport=SCREEN) as context:
        found = []
        for _ in range(2):
            page = context.new_page()
            page.set_default_timeout(PATIENCE_MS)
            found.append(visit(page))
            page.close()
    return found[0], found[1]


def open_tensorboard(page: Page, address: str) -> Figures:
    traffic = listen(page.context.new_cdp_session(page))
    page.add_init_script(TENSORBOARD_WATCH)
    page.wait_for_timeout(SETTLE_MS)
    page.goto(address)
    page.wait_for_function("() => bench.all")
    cards, all_ms = page.evaluate("[bench.inView().length, bench.all]")
    return {"cards_in_view": cards, "all_s": round(all_ms / 1_000, 2), "transferred_mb": round(traffic.files / 1e6, 3)}


def followed(page: Page, run: Any, where: str, points: int) -> Figures:
    """Log points, and return how long each took to be seen on an open page."""
    if where == "project":
        page.wait_for_function("() => window.prevue?.charts?.get('train/accuracy')?.curves.length")
        page.evaluate(FOLLOW_CHART, ["live", "train/accuracy"])
    else:
        page.evaluate(FOLLOW_RUN)
    begin = run_step.get(run.run_id, 0) + 1
    logged = []
    for step in range(begin, begin + points):
        logged.append(time.time())
        run.log({"accuracy": float(step)}, step)
        page.wait_for_timeout(300 + 397 * step % 400)  # in step with nobody's polling
    run_step[run.run_id] = begin + points - 1
    page.wait_for_function(f"() => bench.arrived[{begin + points - 1}]")
    arrived = page.evaluate("bench.arrived")[begin:]
    took = sorted(then - began for began, then in zip(logged, arrived, strict=True))
    return {
        f"{name}_s": round(took[int((len(took) - 1) * part)], 2)
        for name, part in (("p50", 0.5), ("p95", 0.95), ("worst", 1))
    }


run_step: dict[str, int] = {}  # how far a run was logged


# without a browser


async def watched(dashboard: str, process: int, count: int, seconds: float, log: Callable[[int], None]) -> Figures:
    """Open pages of a project, and return what they cost the dashboard's process."""
    visitor, figures = Visitor(dashboard), {}
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(opened(visitor, OWNER_PATH))  # the first of all makes the hub
        for opening in range(count):
            if opening == 2:
                began, cpu = time.monotonic(), cpu_s(process)
            if opening == min(2 + OPENINGS, count - 1):
                figures["opening_ms"] = round((cpu_s(process) - cpu) / (opening - 2) * 1_000, 1)
                figures["opening_wall_ms"] = round((time.monotonic() - began) / (opening - 2) * 1_000, 1)
            viewer = await stack.enter_async_context(opened(visitor, OWNER_PATH))
            await viewer.want(WATCHED["names"], WATCHED["runs"] + 1)
            figures.setdefault("all", []).append(viewer)
        every: list[Viewer] = figures.pop("all")
        following = [asyncio.create_task(viewer.follow()) for viewer in every]
        await asyncio.sleep(2)
        ticks, sent, cpu, began = (
            sum(one.ticks for one in every),
            sum(one.bytes for one in every),
            cpu_s(process),
            time.monotonic(),
        )
        step = 0
        while (past := time.monotonic() - began) < seconds:
            if past >= step:
                step += 1
                log(step)
            await asyncio.sleep(0.05)
        figures["core_percent"] = round((cpu_s(process) - cpu) / past * 100, 1)
        figures["ticks_per_s"] = round((sum(one.ticks for one in every) - ticks) / past / len(every), 2)
        figures["bytes_per_s"] = round((sum(one.bytes for one in every) - sent) / past / len(every))
        figures["memory_mb"] = memory_mb(process)
        for task in following:
            task.cancel()
        await asyncio.gather(*following, return_exceptions=True)
    return {"viewers": count, **figures}


async def visited(dashboard: str, count: int) -> None:
    """Open and close pages, some at a time."""
    visitor, left = Visitor(dashboard), iter(range(count))

    async def one_by_one() -> None:
        for _ in left:
            async with opened(visitor, OWNER_PATH) as viewer:
                await viewer.want(WATCHED["names"], WATCHED["runs"])

    await asyncio.gather(*(one_by_one() for _ in range(AT_ONCE)))


def cpu_s(process: int) -> float:
    """Return how long a process has had a CPU."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_mb(process: int) -> float:
    """Return how much memory a process holds."""
    status = Path(f"/proc/{process}/status").read_text()
    return round(int(status.split("VmRSS:")[1].split()[0]) * 1_024 / 1e6, 1)


# the outcome


def table(figures: Figures) -> str:
    lines = []
    for what, path, limit, unit in TARGETS:
        value: Any = figures
        for name in path.split("."):
            value = value.get(name) if isinstance(value, dict) else None
        if value is not None:
            verdict = "reached" if value <= limit else "MISSED"
            lines.append(f"{what:<44}{value:>9,} {unit:<12} at most {limit:<6,g} {verdict}")
    return "\n".join([*lines, f"load average {figures['load_average']:.1f}"])


if __name__ == "__main__":
    main()
