"""Takes the pictures of the README and the tutorials from a dashboard that runs: `python docs/make_screenshots.py`.

Beforehand, with the server and all connectors, in two terminals:

    PREVUE_UID=ada prevue demo --data pictures
    for name in keras torch sklearn; do PREVUE_UID=ada python examples/${name}_digits.py; done

and, as ada, the first block of `docs/how-to/test-a-model.md`.

It needs playwright and a Chromium.
"""

import shutil
import sys
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

IMAGES = Path(__file__).parent / "images"
# By file: the page, and over which chart the mouse is.
PICTURES = {
    "dashboard": ("demo", "val/accuracy"),
    "keras": ("digits-keras", "val/accuracy"),
    "torch": ("digits-torch", "val/accuracy"),
    "sklearn": ("digits-sklearn", "val/accuracy"),
}


def main(dashboard: str = "http://localhost:5006", user: str = "ada") -> None:
    """Write all pictures."""
    with sync_playwright() as web:
        browser = web.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1440, "height": 760}, color_scheme="light", locale="en-US")
        for file, (project, pointed_at) in PICTURES.items():
            page.goto(f"{dashboard}/p/{user}/{project}")
            plot = page.locator(f"article[aria-label='{pointed_at}'] .plot")
            plot.wait_for()
            page.wait_for_timeout(3_000)  # until all charts are drawn
            plot.hover(position={"x": 130, "y": 110})
            page.wait_for_timeout(500)  # until the tooltip is
            page.screenshot(path=IMAGES / f"{file}.png")
        _evaluations(page, f"{dashboard}/p/{user}/cancer/evaluations")
        browser.close()


def _evaluations(page: Page, address: str) -> None:
    """Take the page of the latest evaluation of a project, and that which compares its latest two."""
    page.set_viewport_size({"width": 1440, "height": 1090})
    page.goto(address)
    numbers = [box.get_attribute("value") for box in page.locator("[name=of]").all()[:2]]
    pages = {
        "evaluation": f"{numbers[0]}?threshold=0.3",
        "evaluations-compared": f"compare?of={numbers[1]}&of={numbers[0]}",
    }
    for file, path in pages.items():
        page.goto(f"{address}/{path}")
        page.locator("body[data-drawn]").wait_for()
        page.wait_for_timeout(3_000)  # until the intervals have come
        page.screenshot(path=IMAGES / f"{file}.png")


if __name__ == "__main__":
    main(*sys.argv[1:])
