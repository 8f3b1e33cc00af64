"""What a notebook's page shows of `prevue.show`: the curves in a frame of the dashboard, which follow the run."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import expect

import prevue
from serving import finished, stored


@pytest.fixture
def notebook():
    """Return the address of a page on this machine with some HTML in it."""
    pages = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(f"<!doctype html><link rel=icon href=data:,><body>{pages[-1]}".encode())

        def log_message(self, *args):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever).start()

        def notebook(html):
            pages.append(html)
            return f"http://localhost:{server.server_port}/"

        yield notebook
        server.shutdown()


def test_a_frame_follows_the_run(page, backend, notebook):
    prevue.init("framed", "other", url=backend, uid="tester", system_metrics=False).finish()
    run = prevue.init("framed", "one", url=backend, uid="tester", system_metrics=False)
    run.log({"loss": 1}, 1)
    stored(run, records=2)
    page.goto(notebook(prevue.show(run)._repr_html_()))
    frame = page.frame_locator("iframe")
    card = frame.locator("article[aria-label$=loss]")
    expect(card.locator("canvas").first).to_be_visible()
    expect(frame.locator("header.bar")).to_be_hidden()
    expect(frame.locator("aside")).to_be_hidden()
    page.emulate_media(color_scheme="dark")  # as a notebook that is turned dark does
    expect(frame.locator("html")).to_have_attribute("data-theme", "dark")
    page.emulate_media(color_scheme="light")
    run.log({"loss": 0.5, "accuracy": 0.5}, 2)
    expect(frame.locator("article[aria-label$=accuracy] canvas").first).to_be_visible()
    finished(run)
    inside = next(one for one in page.frames if "/embed/" in one.url)
    inside.wait_for_function("() => [...window.prevue.charts.values()].every((one) => one.curves.length === 1)")
    page.goto(notebook(prevue.show(run, live=False)._repr_html_()))
    expect(page.locator("svg")).to_have_count(2)
    expect(page.get_by_role("link", name="Open in Prevue")).to_be_visible()
