"""What a form of ours sends. A stranger's page could send one, too, with the visitor's cookie: that is refused."""

import hmac

from tornado.web import HTTPError

from frontend_bokeh.auth import is_from_own_page
from frontend_bokeh.pages import Page

FORM = "application/x-www-form-urlencoded"


def check_form(page: Page) -> None:
    """Refuse what no form of ours has sent."""
    if not is_from_own_page(page.request):
        raise HTTPError(403, "only a page of this dashboard may send this")
    if page.request.headers.get("Content-Type", "").partition(";")[0].strip().lower() != FORM:
        raise HTTPError(415, "only a form may be sent here")


def check_key(page: Page, session: str) -> None:
    """Refuse a form that is not of the visitor's own page."""
    if not hmac.compare_digest(field(page, "form_key").encode(), page.gate.form_key(session).encode()):
        raise HTTPError(403, "this page is of an earlier login; load it again")


def field(page: Page, name: str) -> str:
    """Return a field as it was typed: Tornado would trim a password."""
    return page.request.body_arguments.get(name, [b""])[-1].decode(errors="replace")


def fields(page: Page, name: str) -> list[str]:
    """Return all fields of a name."""
    return [value.decode(errors="replace") for value in page.request.body_arguments.get(name, [])]
