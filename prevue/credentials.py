"""The tokens that `prevue login` got, by server, in a file for its owner's eyes only."""

import os
import tempfile
from pathlib import Path
from typing import Any

import orjson


def stored_login(file: Path, url: str) -> dict[str, Any] | None:
    """Return what `store_login` kept for the server at `url`, or None."""
    login = _read(file).get(url)
    return login if isinstance(login, dict) and isinstance(login.get("token"), str) else None


def store_login(file: Path, url: str, login: dict[str, Any]) -> None:
    """Keep a login to the server at `url`: `token`, and what is to be shown of it. Raises OSError."""
    _write(file, {**_read(file), url: login})


def forget_login(file: Path, url: str) -> None:
    """Keep no login to the server at `url`. Raises OSError."""
    logins = _read(file)
    if logins.pop(url, None) is not None:
        _write(file, logins)


def _read(file: Path) -> dict[str, Any]:
    try:
        logins = orjson.loads(file.read_bytes())
    except (OSError, orjson.JSONDecodeError):  # none yet; or damaged, and then to be written anew
        return {}
    return logins if isinstance(logins, dict) else {}


def _write(file: Path, logins: dict[str, Any]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # Written aside and moved, as trainings read the file meanwhile.
    handle, name = tempfile.mkstemp(dir=file.parent)  # its mode is 0600
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(orjson.dumps(logins, option=orjson.OPT_INDENT_2))
        os.replace(name, file)
    except OSError:
        os.unlink(name)
        raise
