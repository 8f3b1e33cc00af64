"""Tokens, sessions and one-time codes: texts that prove who asks. The database has their SHA-256, never themselves.

The shape is `pv`, a letter for the kind, `_`, random base62 characters, and six more for a CRC-32: a text that was
cut off or mistyped is told from one that is not known, and scanners for leaked secrets find it.
"""

import hashlib
import re
import secrets
import zlib

from prevue_core.contract import FIRST_CODE_PREFIX

TOKEN, SESSION, CODE, FIRST_CODE = "t", "s", "c", FIRST_CODE_PREFIX[2]
_CHARACTERS = {TOKEN: 32, SESSION: 43, CODE: 22, FIRST_CODE: 22}  # 190, 256, 130 and 130 random bits
_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SHAPE = re.compile(r"pv([a-z])_([0-9A-Za-z]+)([0-9A-Za-z]{6})")


def make(kind: str) -> str:
    """Return a new secret text of a kind."""
    body = "".join(secrets.choice(_BASE62) for _ in range(_CHARACTERS[kind]))
    return f"pv{kind}_{body}{_checksum(kind, body)}"


def kind_of(text: str) -> str | None:
    """Return the kind of a text that `make` may have made, None for any other."""
    match = _SHAPE.fullmatch(text)
    if match is None:
        return None
    kind, body, checksum = match.groups()
    is_whole = _CHARACTERS.get(kind) == len(body) and _checksum(kind, body) == checksum
    return kind if is_whole else None


def digest(text: str) -> str:
    """Return what the database keeps of a secret text: it is random enough that no slow hash is needed."""
    return hashlib.sha256(text.encode()).hexdigest()


def _checksum(kind: str, body: str) -> str:
    number, digits = zlib.crc32(f"pv{kind}_{body}".encode()), ""
    for _ in range(6):
        number, digit = divmod(number, 62)
        digits = _BASE62[digit] + digits
    return digits
