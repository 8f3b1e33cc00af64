"""The key that signs pages: made at the first start and kept, so that open pages go on after a restart."""

import os
import secrets
import tempfile
from pathlib import Path

from prevue_core.errors import SettingsError
from prevue_core.settings import MIN_KEY_BYTES

FILE = "dashboard.key"


def kept_key(folder: Path) -> bytes:
    """Return the key in `folder`; the first call makes it, for its owner's eyes only.

    Raises SettingsError where it can neither be read nor made, or is too short to be one.
    """
    path = folder / FILE
    try:
        key = path.read_bytes() if path.exists() else _made(path)
    except OSError as error:
        raise SettingsError(
            f"the key that signs pages cannot be kept in {path}: {error.strerror}; "
            "give another folder with PREVUE_DATA_DIR, or a key with PREVUE_SECRET_KEY"
        ) from error
    if len(key) < MIN_KEY_BYTES:
        raise SettingsError(f"{path} has {len(key)} bytes, a key has {MIN_KEY_BYTES}; delete the file to have one made")
    return key


def _made(path: Path) -> bytes:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # Written aside and linked, as two dashboards may start at the same time: neither reads half a key, the first wins.
    handle, name = tempfile.mkstemp(dir=path.parent)  # its mode is 0600
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(secrets.token_bytes(MIN_KEY_BYTES))
        os.link(name, path)
    except FileExistsError:
        pass
    finally:
        os.unlink(name)
    return path.read_bytes()
