"""Events: what is marked on the curves of runs."""

from typing import Any

from prevue_core.db.accounts import Identity
from prevue_core.db.models import Event
from prevue_core.db.queries.pages import Page, Row, cut_page
from prevue_core.db.queries.runs import runs_in_reach
from prevue_core.db.stored import to_unix


def events(
    identity: Identity, run_ids: list[str], limit: int, cursor: str | None = None, *, kinds: list[str] | None = None
) -> Page:
    """Return the events of those of `run_ids` that exist, of some kinds or of all, the latest first."""
    query = Event.select().where(Event.run_id.in_(runs_in_reach(identity, run_ids)))
    if kinds is not None:
        query = query.where(Event.kind.in_(kinds))
    return cut_page(query, (Event.event_id,), limit, cursor, _event)


def _event(row: Any) -> Row:
    return {
        "run_id": str(row.run_id),
        **{name: getattr(row, name) for name in ("event_id", "step", "kind", "level", "cause", "text")},
        "time": to_unix(row.time),
    }
