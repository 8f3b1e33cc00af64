"""The websocket of a page: opens only for a page of ours, for the viewer who loaded it, on a project of theirs."""

import time
from typing import Any

from bokeh.server.views.ws import WSHandler
from bokeh.util.token import check_token_signature, get_session_id, get_token_payload
from tornado.web import HTTPError

from frontend_bokeh.auth import CLOSE_CODES, Gate, is_from_own_page
from frontend_bokeh.headers import guard_page
from prevue_core.errors import ApiError

PATH = "/session/ws"
FOREIGN_IDS = ("bokeh-session-id", "bokeh-token")  # other ways to name a session, which ours does not need


class Socket(WSHandler):
    """Bokeh's websocket behind our gate: who may not come in is told so before the handshake, with 403."""

    def initialize(self, application_context: Any, bokeh_websocket_path: str, gate: Gate) -> None:
        """Take what the server was started with."""
        super().initialize(application_context, bokeh_websocket_path)
        self._gate = gate

    def set_default_headers(self) -> None:
        """Set the headers of refusals."""
        guard_page(self)

    def check_origin(self, origin: str) -> bool:
        """Leave it to `prepare`: Tornado asks only where there is an origin."""
        return True

    async def prepare(self) -> None:
        """Let in who may come in. Bokeh's own question, who the user is, then has the answer that it needs."""
        if self._gate.is_closing:
            raise HTTPError(503, "the dashboard is about to stop")
        token = self._offered_token()
        payload = self._payload(token)
        if payload is None or not is_from_own_page(self.request) or self._names_session_otherwise():
            raise HTTPError(403)
        session = self._gate.holder(self.request, payload["u"])
        if session is None:
            raise HTTPError(403)
        try:
            await self._gate.ask(session, lambda api: api.project(int(payload["project_id"])))
        except ApiError as error:
            raise HTTPError(403 if error.status in CLOSE_CODES else 503, "%s", error) from error
        self.reference: str = payload["u"]
        self.page_id: str = get_session_id(token)
        self.request.session = session  # for the application, which gets the request

    def open(self) -> None:
        """Begin."""
        self._gate.connections.add(self)
        super().open()

    def on_close(self) -> None:
        """End."""
        self._gate.connections.discard(self)
        super().on_close()

    def _offered_token(self) -> str:
        offered = [part.strip() for part in self.request.headers.get("Sec-WebSocket-Protocol", "").split(",")]
        return offered[1] if len(offered) == 2 and offered[0] == "bokeh" else ""

    def _payload(self, token: str) -> dict[str, Any] | None:
        """Return what a token of a page of ours says, None where it is none, was changed, or has expired."""
        try:
            if not check_token_signature(token, secret_key=self._gate.secret_key, signed=True):
                return None
            payload = get_token_payload(token)
        except (ValueError, KeyError, TypeError):  # no token at all
            return None
        return payload if payload["session_expiry"] > time.time() else None

    def _names_session_otherwise(self) -> bool:
        given = {*map(str.lower, self.request.arguments), *map(str.lower, self.request.headers)}
        return not given.isdisjoint(FOREIGN_IDS)
