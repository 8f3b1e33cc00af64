"""Logging in and out. The dashboard only hands names and passwords on: the backend knows whether they are right."""

import datetime
import hmac
from typing import Any

from tornado.web import HTTPError

from frontend_bokeh.auth import LOGGED_OUT, is_from_own_page, local_path
from frontend_bokeh.pages import Page
from prevue.api import Api
from prevue_core.errors import ApiError, Unreachable

FORM = "application/x-www-form-urlencoded"


class LoginPage(Page):
    """Where users come in, with name and password or with a one-time code."""

    async def prepare(self) -> None:
        """Let everybody in."""

    async def get(self) -> None:
        """Show the form to whoever has not logged in."""
        then = local_path(self.get_query_argument("next", "/"))
        if await self.gate.visitor(self.request):
            self.redirect(then)
        else:
            self.show("login.html", title="Log in", then=then)

    async def post(self) -> None:
        """Log in and lead to the page that was asked for, or show the form again with what is wrong."""
        _check_form(self)
        then = local_path(_field(self, "next"))
        try:
            login = await self.gate.ask("", self._log_in)
        except Unreachable as error:
            raise HTTPError(503, "%s", error) from error
        except ApiError as error:
            self.set_status(error.status or 400)
            given = {name: _field(self, name) for name in ("username", "code")}
            self.show("login.html", title="Log in", then=then, error=error.detail, **given)
            return
        self.set_cookie(
            self.gate.cookie(self.request),
            login["session"],
            expires=datetime.datetime.fromtimestamp(login["expires_at"], datetime.UTC),
            httponly=True,
            samesite="Lax",
            secure=self.request.protocol == "https",
        )
        self.redirect(then, status=303)

    def _log_in(self, api: Api) -> dict[str, Any]:
        username, password = _field(self, "username"), _field(self, "password")
        address = self.gate.address(self.request)
        if code := _field(self, "code").strip():
            return api.log_in_with_code(code, username or None, password, address=address)
        return api.log_in(username, password, address=address)


class LogoutPage(Page):
    """Where users go out."""

    _left = ""  # reference of the session that ended

    async def prepare(self) -> None:
        """Let everybody in."""

    async def post(self) -> None:
        """End the session and forget it."""
        _check_form(self)
        session = self.gate.session(self.request)
        if not hmac.compare_digest(_field(self, "form_key").encode(), self.gate.form_key(session).encode()):
            raise HTTPError(403, "this page is of an earlier login; load it again")
        self.clear_cookie(self.gate.cookie(self.request), secure=self.request.protocol == "https")
        self._left = self.gate.reference(session)
        try:
            await self.gate.ask(session, lambda api: api.log_out())
        except ApiError as error:
            raise HTTPError(503, "you are logged out in this browser only: %s", error) from error
        self.redirect("/login", status=303)

    def on_finish(self) -> None:
        """Close the pages that the session has opened, now that the browser has its answer."""
        if self._left:
            self.gate.close(LOGGED_OUT, reference=self._left)


def _check_form(page: Page) -> None:
    """Refuse what no form of ours has sent."""
    if not is_from_own_page(page.request):
        raise HTTPError(403, "only a page of this dashboard may send this")
    if page.request.headers.get("Content-Type", "").partition(";")[0].strip().lower() != FORM:
        raise HTTPError(415, "only a form may be sent here")


def _field(page: Page, name: str) -> str:
    """Return a field as it was typed: Tornado would trim a password."""
    return page.request.body_arguments.get(name, [b""])[-1].decode(errors="replace")
