"""Core's own method checks: of trainings by their curves, of tests by their samples."""

from prevue_core.checks import Check
from prevue_core.method_checks import testing, training


def checks() -> list[Check]:
    """Return them all, in the order in which they are shown."""
    return [*training.CHECKS, *testing.CHECKS]
