"""What people change: a run's name, tags and notes, and which method checks are silent. No training changes it back."""

from collections.abc import Collection
from typing import Any

import orjson

from prevue_core.checks import MAX_SILENCED, check_code
from prevue_core.contract import check_label
from prevue_core.db.accounts import Identity, audit, in_reach
from prevue_core.db.connection import is_sqlite, writing
from prevue_core.db.ingest.fields import tags_of, text_of
from prevue_core.db.models import Project, TrainingRun
from prevue_core.db.retention import change_run
from prevue_core.errors import InvalidValue, Missing


def edit_run(identity: Identity, run_id: str, **changes: Any) -> None:
    """Change `run_name`, `tags` or `notes` of a run, those that are given. Raises Missing and InvalidValue."""
    read = {"run_name": _name, "tags": _tags, "notes": _notes}
    values = {name: read[name](value) for name, value in changes.items()}
    if values:
        with writing():
            change_run(identity, run_id, "run edited", TrainingRun.deleted_at.is_null(), **values)


def silence_in_run(identity: Identity, run_id: str, codes: Collection[str], heard: Collection[str] = ()) -> None:
    """Silence method checks in a run, and let those of `heard` speak again. Raises Missing and InvalidValue."""
    kept = (TrainingRun.run_id == run_id) & TrainingRun.deleted_at.is_null()
    with writing():
        codes = _silenced(TrainingRun.select(TrainingRun.silenced_checks).where(kept), codes, heard)
        change_run(identity, run_id, "checks of run silenced", kept, silenced_checks=codes)


def silence_in_project(
    identity: Identity, project_id: int, codes: Collection[str], heard: Collection[str] = ()
) -> None:
    """The same in all runs of a project."""
    kept = (Project.project_id == project_id) & Project.deleted_at.is_null() & in_reach(identity)
    with writing():
        codes = _silenced(Project.select(Project.silenced_checks).where(kept), codes, heard)
        if not Project.update(silenced_checks=codes).where(kept).execute():
            raise Missing(f"project {project_id} does not exist")
        audit(identity.user_id, "checks of project silenced", str(project_id))


def _silenced(stored: Any, codes: Collection[str], heard: Collection[str]) -> str:
    """Return the codes of a place that are silent then, as they are stored."""
    now = orjson.loads((stored if is_sqlite() else stored.for_update()).scalar() or "[]")
    wanted = sorted({*now, *map(check_code, codes)} - {*heard})
    if len(wanted) > MAX_SILENCED:
        raise InvalidValue(f"{len(wanted)} checks would be silenced; use at most {MAX_SILENCED}")
    return orjson.dumps(wanted).decode()


def _name(value: object) -> str:
    return check_label("run_name", value)


def _tags(value: list[object]) -> str:
    return tags_of(list(dict.fromkeys(value)))


def _notes(value: object) -> str:
    text = text_of("notes", value)
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidValue(f"notes have half a character at {error.start}; use whole ones") from error
    return text
