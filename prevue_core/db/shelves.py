"""Where a run lies: among the active ones, in the archive, or in the trash. The conditions that every list asks."""

from typing import Any

from prevue_core.contract import ACTIVE, ARCHIVE, TRASH
from prevue_core.db.models import Project, TrainingRun


def is_kept() -> Any:
    """Return the condition under which a run is there at all, for queries that join `Project`: not in the trash."""
    return TrainingRun.deleted_at.is_null() & Project.deleted_at.is_null()


def on_shelf(shelf: str) -> Any:
    """Return the condition under which a run is in the list of a shelf, for queries that join `Project`."""
    if shelf == TRASH:
        return TrainingRun.deleted_at.is_null(False) | Project.deleted_at.is_null(False)
    return is_kept() & TrainingRun.archived_at.is_null(_IS_ACTIVE[shelf])


def project_is_on_shelf(shelf: str) -> Any:
    """Return the condition under which a project is in the list of a shelf."""
    if shelf == TRASH:
        return Project.deleted_at.is_null(False)
    return Project.deleted_at.is_null() & Project.archived_at.is_null(_IS_ACTIVE[shelf])


_IS_ACTIVE = {ACTIVE: True, ARCHIVE: False}
