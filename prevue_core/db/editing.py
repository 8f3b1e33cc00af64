"""What people change of a run: its name, tags and notes. What a training sends later leaves them as they are."""

from typing import Any

from prevue_core.contract import check_label
from prevue_core.db.accounts import Identity
from prevue_core.db.connection import writing
from prevue_core.db.ingest.fields import tags_of, text_of
from prevue_core.db.models import TrainingRun
from prevue_core.db.retention import change_run
from prevue_core.errors import InvalidValue


def edit_run(identity: Identity, run_id: str, **changes: Any) -> None:
    """Change `run_name`, `tags` or `notes` of a run, those that are given. Raises Missing and InvalidValue."""
    read = {"run_name": _name, "tags": _tags, "notes": _notes}
    values = {name: read[name](value) for name, value in changes.items()}
    if values:
        with writing():
            change_run(identity, run_id, "run edited", TrainingRun.deleted_at.is_null(), **values)


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
