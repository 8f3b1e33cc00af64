"""The headers of every answer, which keep strangers' pages and scripts out."""

from collections.abc import Sequence
from contextvars import ContextVar

from tornado.web import RequestHandler

from prevue_core.logs import REQUEST_ID

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "font-src 'self' data:; connect-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'self'; "
    "object-src 'none'; frame-ancestors "
)
THIS_MACHINE = ("http://localhost:*", "http://127.0.0.1:*")  # what pages may show curves in a frame in open mode
YEAR_S = 365 * 24 * 3600

request_id: ContextVar[str] = ContextVar("request_id")  # of the request that is answered
root: ContextVar[str] = ContextVar("root", default="")  # the path before that of each page, as browsers see it


def guard_file(handler: RequestHandler) -> None:
    """Set what every answer has."""
    handler.set_header(REQUEST_ID, request_id.get())
    handler.set_header("X-Content-Type-Options", "nosniff")
    handler.set_header("Cross-Origin-Resource-Policy", "same-origin")
    if handler.request.protocol == "https":
        handler.set_header("Strict-Transport-Security", f"max-age={YEAR_S}")


def guard_page(handler: RequestHandler) -> None:
    """Set what an answer has that shows anything of the backend's, or refuses to."""
    guard_file(handler)
    let_frame(handler, ())
    handler.set_header("Referrer-Policy", "same-origin")
    handler.set_header("Cross-Origin-Opener-Policy", "same-origin")
    handler.set_header("Cache-Control", "no-store")


def let_frame(handler: RequestHandler, origins: Sequence[str]) -> None:
    """Let only pages of these origins show the answer in a frame."""
    handler.set_header("Content-Security-Policy", CSP + (" ".join(origins) or "'none'"))
