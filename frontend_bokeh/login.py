"""Logging in and out. The dashboard only hands names and passwords on: the backend knows whether they are right."""

import datetime
from typing import Any

from tornado.web import HTTPError

from frontend_bokeh.auth import LOGGED_OUT, local_path
from frontend_bokeh.forms import check_form, check_key, field
from frontend_bokeh.headers import root
from frontend_bokeh.pages import Page
from prevue.api import Api
from prevue_core.errors import ApiError, Unreachable


class LoginPage(Page):
    """Where users come in, with name and password or with a one-time code."""

    async def prepare(self) -> None:
        """Let everybody in."""

    async def get(self) -> None:
        """Show the form to whoever has not logged in."""
        then = local_path(self.get_query_argument("next", ""))
        if await self.gate.visitor(self.request):
            self.redirect(then)
        else:
            self.show("login.html", title="Log in", then=then)

    async def post(self) -> None:
        """Log in and lead to the page that was asked for, or show the form again with what is wrong."""
        check_form(self)
        then = local_path(field(self, "next"))
        try:
            login = await self.gate.ask("", self._log_in)
        except Unreachable as error:
            raise HTTPError(503, "%s", error) from error
        except ApiError as error:
            self.set_status(error.status or 400)
            given = {name: field(self, name) for name in ("username", "code")}
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
        username, password = field(self, "username"), field(self, "password")
        address = self.gate.address(self.request)
        if code := field(self, "code").strip():
            return api.log_in_with_code(code, username or None, password, address=address)
        return api.log_in(username, password, address=address)


class LogoutPage(Page):
    """Where users go out."""

    _left = ""  # reference of the session that ended

    async def prepare(self) -> None:
        """Let everybody in."""

    async def post(self) -> None:
        """End the session and forget it."""
        check_form(self)
        session = self.gate.session(self.request)
        check_key(self, session)
        self.clear_cookie(self.gate.cookie(self.request), secure=self.request.protocol == "https")
        self._left = self.gate.reference(session)
        try:
            await self.gate.ask(session, lambda api: api.log_out())
        except ApiError as error:
            raise HTTPError(503, "you are logged out in this browser only: %s", error) from error
        self.redirect(f"{root.get()}/login", status=303)

    def on_finish(self) -> None:
        """Close the pages that the session has opened, now that the browser has its answer."""
        if self._left:
            self.gate.close(LOGGED_OUT, reference=self._left)
