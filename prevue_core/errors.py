"""Every exception that Prevue raises on purpose, and how their texts quote what was given.

PrevueError
├── InvalidValue (ValueError)      what the caller gave is not acceptable; the text quotes it
│   └── InvalidExpression          a filter, or the name of a field, cannot be read; `position` says where
├── SettingsError (ValueError)     a setting has a value that it cannot have
├── PluginError                    a plugin cannot be loaded, or two want the same name
├── SequenceGap                    records came before those that precede them
├── RecordRefused                  a record, or the batch around it, cannot be read
├── RunDeleted                     the run was deleted; its records are not wanted any more
├── SchemaTooNew                   the database was made by a newer Prevue
├── NotSqlite                      the database is another than SQLite, for which there are other ways
├── CannotDistribute               the database is not one whose tables can be spread over machines
├── DatabaseInUse                  another process works on the file, and only one may
├── TooBusy                        more is asked at once than the server can take
├── Missing                        what is asked for does not exist, or is not the asker's to see
├── AlreadyExists                  there is one of that name
├── NoAccounts                     the server is open, and has no users to care for
├── LoginRefused                   name and password, or a one-time code, are not right
├── TooManyAttempts                to log in; `wait_s` says when to try again
└── ApiError                       the backend could not be asked
    ├── Unreachable                no answer, or one that is not Prevue's
    ├── Refused                    it answered with an error
    ├── NotLoggedIn                it asks for a token, or does not accept the one it got
    └── NotFound                   it does not know the object
"""

import math
import reprlib

_short = reprlib.Repr()
_short.maxstring = _short.maxother = _short.maxlong = 60


def shown(value: object) -> str:
    """Return what a message quotes of a value: not all of a long one, and never an exception of its own."""
    try:
        return _short.repr(value)
    except Exception:  # noqa: BLE001 - foreign code
        return f"a {type(value).__name__}"


class PrevueError(Exception):
    """The root of the tree."""


class InvalidValue(PrevueError, ValueError):
    """What the caller gave is not acceptable."""


class InvalidExpression(InvalidValue):
    """A filter, or the name of a field, cannot be read. `position` is where, in characters from 0."""

    def __init__(self, text: str, position: int) -> None:
        super().__init__(text)
        self.position = position


class SettingsError(PrevueError, ValueError):
    """A setting has a value that it cannot have."""


class PluginError(PrevueError):
    """A plugin cannot be loaded, or two want the same name."""


class SequenceGap(PrevueError):
    """Records came before those that precede them; `expected` is the number to go on with."""

    def __init__(self, expected: int) -> None:
        super().__init__(f"the next record of this writer is number {expected}; send from there")
        self.expected = expected


class RecordRefused(PrevueError):
    """A record, or the batch around it, cannot be read."""


class RunDeleted(PrevueError):
    """The run was deleted; its records are not wanted any more."""


class SchemaTooNew(PrevueError):
    """The database was made by a newer Prevue."""


class NotSqlite(PrevueError):
    """The database is another than SQLite, for which there are other ways."""


class CannotDistribute(PrevueError):
    """The database is not one whose tables can be spread over machines."""


class DatabaseInUse(PrevueError):
    """Another process works on the database's file, and only one may."""


class TooBusy(PrevueError):
    """More is asked at once than the server can take; later it can."""


class Missing(PrevueError):
    """What is asked for does not exist, or is not the asker's to see: the two are told in the same words."""


class AlreadyExists(PrevueError):
    """There is one of that name."""


class NoAccounts(PrevueError):
    """The server is open, and has no users to care for."""


class LoginRefused(PrevueError):
    """A user's name and password, or a one-time code, are not right."""


class TooManyAttempts(PrevueError):
    """There were too many attempts to log in; `wait_s` is the seconds until the next is looked at."""

    def __init__(self, wait_s: float) -> None:
        self.wait_s = max(1, math.ceil(wait_s))
        super().__init__(f"too many attempts to log in; wait {self.wait_s} s")


class ApiError(PrevueError):
    """The backend could not be asked. `detail` and `status` are of its answer, None where there was none."""

    def __init__(self, text: str, *, detail: str | None = None, status: int | None = None) -> None:
        super().__init__(text)
        self.detail = detail
        self.status = status


class Unreachable(ApiError):
    """There was no answer, or one that is not Prevue's."""


class Refused(ApiError):
    """The backend answered with an error."""


class NotLoggedIn(ApiError):
    """The backend asks for a token, or does not accept the one it got."""


class NotFound(ApiError):
    """The backend does not know the object."""
