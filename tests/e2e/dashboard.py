"""What a test sees of a project's page: what is drawn, read from `window.prevue`, and what a user does to it."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Page

PATIENCE_MS = 15_000
DRAWN = "(name) => [...window.prevue.charts.values()].find((chart) => `/${chart.key}`.endsWith(`/${name}`))"


class ProjectPage:
    """A project's page. A chart is called by the name of its metric, or by split and name."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self._url = url
        self.addresses: list[str] = []  # of every request, and of every websocket
        self.sent: list[Any] = []  # frames to the server
        page.on("request", lambda request: self.addresses.append(request.url))
        page.on("websocket", self._listen)

    def _listen(self, socket: Any) -> None:
        self.addresses.append(socket.url)
        socket.on("framesent", lambda frame: self.sent.append(frame))

    def open(self, charts: int, query: str = "") -> "ProjectPage":
        """Go there and wait until so many charts have lines."""
        self.page.goto(self._url + query)
        return self.ready(charts)

    def reload(self, charts: int) -> "ProjectPage":
        self.page.reload()
        return self.ready(charts)

    def ready(self, charts: int) -> "ProjectPage":
        self.wait(
            "(n) => [...window.prevue?.charts?.values() ?? []].filter((one) => one.curves.length).length === n",
            charts,
        )
        self.wait("() => document.querySelector('#pill').dataset.state === 'live'")
        return self

    def wait(self, claim: str, argument: Any = None) -> None:
        """Wait until a function of the page's is true."""
        self.page.wait_for_function(claim, arg=argument, timeout=PATIENCE_MS)

    def wait_chart(self, metric: str, claim: str) -> None:
        """Wait until a claim about `chart` is true."""
        self.wait(f"(key) => {{ const chart = ({DRAWN})(key); return chart && ({claim}); }}", metric)

    def chart(self, metric: str, expression: str) -> Any:
        """Return what an expression about `chart` gives."""
        return self.page.evaluate(f"(key) => {{ const chart = ({DRAWN})(key); return {expression}; }}", metric)

    def lines(self, metric: str) -> list[list[float]]:
        """Return the values of the lines that a chart has drawn."""
        return self.chart(metric, "[...chart.sources.lines.data.ys].map((line) => [...line])")

    def asked(self) -> tuple[int, int]:
        """Return how many requests and frames went out. Files don't count: the icon comes when the browser likes."""
        return len([address for address in self.addresses if "/assets/" not in address]), len(self.sent)

    def set_option(self, label: str, is_on: bool) -> None:
        """Tick an option of the control bar's menu, or take the tick away."""
        self.page.get_by_role("button", name="Options").click()
        self.page.get_by_label(label).set_checked(is_on)
        self.page.keyboard.press("Escape")

    def plot(self, metric: str) -> dict[str, float]:
        """Return where on the page the frame of a chart is, in CSS pixels."""
        card = self.page.locator(f"article[data-key$='{metric}'] .plot")
        card.scroll_into_view_if_needed()
        frame = self.chart(
            metric, "(({left, top, width, height}) => ({left, top, width, height}))(chart.view.frame.bbox)"
        )
        box = card.bounding_box()
        assert box is not None
        return {**frame, "left": box["x"] + frame["left"], "top": box["y"] + frame["top"]}

    def drag(self, metric: str, start: float, end: float) -> None:
        """Drag over a chart, from one share of its width to another."""
        frame = self.plot(metric)
        middle = frame["top"] + frame["height"] / 2
        self.page.mouse.move(frame["left"] + frame["width"] * start, middle)
        self.page.mouse.down()
        self.page.mouse.move(frame["left"] + frame["width"] * (start + end) / 2, middle, steps=4)
        self.page.mouse.move(frame["left"] + frame["width"] * end, middle, steps=4)
        self.page.mouse.up()

    def zoom(self, metric: str, start: float, end: float) -> None:
        """Zoom by a drag, and wait until the finer data have come."""
        self.drag(metric, start, end)
        self.wait_chart(metric, "chart.window !== null")

    def query(self) -> dict[str, list[str]]:
        """Return what the address says of the view. The page itself is asked: `page.url` is told of it later."""
        return parse_qs(urlsplit(self.page.evaluate("location.href")).query)
