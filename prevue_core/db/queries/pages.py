"""Projects, models and users: lists in pages, and single objects; of what the asker may see."""

import base64
import datetime
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson
import peewee

from prevue_core.contract import ACTIVE, check_int64
from prevue_core.db.accounts import OPEN, Identity, in_reach
from prevue_core.db.models import ModelDescription, Project, TrainingRun, User
from prevue_core.db.shelves import is_kept, project_is_on_shelf
from prevue_core.db.stored import to_unix
from prevue_core.errors import InvalidValue

MAX_PAGE = 1_000

Row = dict[str, Any]


@dataclass
class Page:
    """A part of a list, and the cursor of the next part (None: this was the last)."""

    items: list[Row]
    next: str | None


def projects(
    identity: Identity,
    limit: int,
    cursor: str | None = None,
    *,
    user: str | None = None,
    name: str | None = None,
    shelf: str = ACTIVE,
) -> Page:
    """Return the projects of a shelf with their owner's name, the newest first."""
    query = _projects(identity).where(project_is_on_shelf(shelf))
    if user is not None:
        query = query.where(User.username == user)
    if name is not None:
        query = query.where(Project.project_name == name)
    return cut_page(query, (Project.project_id,), limit, cursor, _project)


def project(identity: Identity, project_id: int) -> Row | None:
    """Return one project, or None."""
    there = Project.deleted_at.is_null()
    return first_of(_projects(identity).where(Project.project_id == project_id, there), _project)


def models(identity: Identity, limit: int, cursor: str | None = None, *, connector_name: str | None = None) -> Page:
    """Return models without their architecture, the newest first."""
    query = _models(identity)
    if connector_name is not None:
        query = query.where(ModelDescription.connector_name == connector_name)
    return cut_page(query, (ModelDescription.model_id,), limit, cursor, _model)


def model(identity: Identity, model_id: int) -> Row | None:
    """Return one model with its architecture, or None."""
    return first_of(
        _models(identity).where(ModelDescription.model_id == model_id),
        lambda row: {**_model(row), "architecture": orjson.loads(row.architecture)},
    )


def users(limit: int, cursor: str | None = None) -> Page:
    """Return all users, the newest first; for those who may know them."""
    return cut_page(User.select(), (User.user_id,), limit, cursor, _user)


def _projects(identity: Identity) -> "peewee.ModelSelect[Any]":
    return Project.select(Project, User).join(User).where(in_reach(identity))


def _models(identity: Identity) -> "peewee.ModelSelect[Any]":
    if identity == OPEN:  # also those that no run has any more
        return ModelDescription.select()
    used = TrainingRun.select(TrainingRun.model).join(Project).where(in_reach(identity), is_kept())
    return ModelDescription.select().where(ModelDescription.model_id.in_(used))


def first_of(query: "peewee.ModelSelect[Any]", to_row: Callable[[Any], Row]) -> Row | None:
    found = query.first()
    return None if found is None else to_row(found)


def cut_page(
    query: "peewee.ModelSelect[Any]",
    key: tuple[peewee.Field, ...],
    limit: int,
    cursor: str | None,
    to_row: Callable[[Any], Row],
) -> Page:
    """Cut a page out of `query`, in falling order of `key`. The cursor is the key of the page's last row, so pages
    stay right while rows are added, and the last page costs as much as the first."""
    if cursor is not None:
        query = query.where(peewee.Tuple(*key) < peewee.Tuple(*_read_cursor(cursor, key)))
    found = list(query.order_by(*(column.desc() for column in key)).limit(limit + 1))
    rows = [to_row(row) for row in found[:limit]]
    return Page(rows, _write_cursor(found[limit - 1], key) if len(found) > limit else None)


def _write_cursor(row: Any, key: tuple[peewee.Field, ...]) -> str:
    values = [getattr(row, column.name) for column in key]
    text = orjson.dumps([value.isoformat() if isinstance(value, datetime.datetime) else value for value in values])
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


def _read_cursor(cursor: str, key: tuple[peewee.Field, ...]) -> list[Any]:
    try:
        values = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        return [
            peewee.Value(_key_value(column, value), converter=column.db_value)
            for column, value in zip(key, values, strict=True)
        ]
    except (ValueError, TypeError, RecursionError):
        raise InvalidValue(f"cursor {cursor!r} is not one that this server gave; leave it out to begin again") from None


def _key_value(column: peewee.Field, value: Any) -> Any:
    if isinstance(column, peewee.DateTimeField):
        return datetime.datetime.fromisoformat(value)
    return uuid.UUID(str(value)) if isinstance(column, peewee.UUIDField) else check_int64("key", value)


def _user(row: Any) -> Row:
    return {
        **{name: getattr(row, name) for name in ("user_id", "username", "email", "is_admin")},
        "can_log_in": row.password is not None,
        "created_at": to_unix(row.created_at),
    }


def _project(row: Any) -> Row:
    return {
        "project_id": row.project_id,
        "project_name": row.project_name,
        "user": row.user.username,
        "model_id": row.model_id,
        "visibility": row.visibility,
        **{
            name: None if (time := getattr(row, name)) is None else to_unix(time)
            for name in ("created_at", "archived_at", "deleted_at")
        },
    }


def _model(row: Any) -> Row:
    return {
        "model_id": row.model_id,
        "model_name": row.model_name,
        "connector_name": row.connector_name,
        "fingerprint": row.fingerprint,
        "created_at": to_unix(row.created_at),
    }
