"""Masking: secrets on command lines and in messages become `***` before anything is kept or sent.

What is found: values of names such as `--token`, `api_key=` and `Authorization:`, users and passwords in URLs, and text
that looks like a key wherever it stands. A secret under a name that tells nothing, such as `-p hunter2`, is not known.
"""

import re
import shlex
from collections.abc import Sequence

MASK = "***"
MAX_CHARS = 4_000  # of a command line

_NAMES = (
    r"[\w.-]*(?:passw(?:or)?d|passphrase|secret|credential)[\w.-]*"  # wherever that stands in the name
    r"|[\w.-]*(?:token|api[_-]?key|access[_-]?key(?:[_-]?id)?|private[_-]?key|signature|authorization)"
)
_SHORT_NAMES = r"(?:[\w.-]*[_.-])?(?:key|auth|pwd|pass|pat|sig|dsn|bearer|cookie)"  # of much else, too
_VALUE = r"""("[^"]*"|'[^']*'|(?:(?:bearer|basic|token)\s+)?[^\s&,;}"']+)"""

_OPTION = re.compile(f"--?(?:{_NAMES}|{_SHORT_NAMES})", re.IGNORECASE)
_WITH_VALUE = re.compile(f"([-+]*(?:{_NAMES}|{_SHORT_NAMES})=).+", re.IGNORECASE | re.DOTALL)
# `name=value`, `name: value` and `"name": "value"`, anywhere in a text.
_ASSIGNED = re.compile(
    rf"""(?<![\w.-])((?:--?)?(?:(?:{_NAMES})["']?\s*[=:]\s*|(?:{_SHORT_NAMES})=)){_VALUE}""", re.IGNORECASE
)
_SCHEME = re.compile(r"\b(bearer|basic)\s+[^\s\"',;]+", re.IGNORECASE)
_USER_IN_URL = re.compile(r"(?<=://)(?:[^\s\"'<>/]*|[^\s\"'<>/:@]*:[^\s\"'<>]*)@")
_KEY = re.compile(
    r"-----BEGIN [\s\S]*?(?:-----END [^-]*-----|\Z)"
    r"|(?<![A-Za-z0-9])eyJ[\w-]{8,}(?:\.[\w-]*)*"  # a JSON web token
    r"|(?<![A-Za-z0-9])(?:sk|rk|pk|gh[a-z]|github_pat|glpat|hf|xox[a-z]|npm|pypi|dckr_pat|pv[a-z]|r8)[-_][\w-]{12,}"
    r"|(?<![A-Za-z0-9])(?:AKIA|ASIA)[A-Z0-9]{12,}|\bAIza[\w-]{20,}|\bya29\.[\w-]+"
    r"|(?<=hooks\.slack\.com/)\S+|(?<=/api/webhooks/)\S+"
    r"|(?<![A-Za-z0-9+])(?=[A-Za-z0-9+]*\d)(?=[A-Za-z0-9+]*[A-Za-z])[A-Za-z0-9+]{32,}={0,2}"  # long, letters and digits
)


def masked(text: str) -> str:
    """Return text without what looks like a secret."""
    text = _USER_IN_URL.sub(f"{MASK}@", text)
    text = _ASSIGNED.sub(rf"\g<1>{MASK}", text)
    text = _SCHEME.sub(rf"\g<1> {MASK}", text)
    return _KEY.sub(MASK, text)


def utf8(text: str) -> str:
    """Return text that UTF-8 can hold: names of files may be in another encoding."""
    return text.encode("utf-8", "backslashreplace").decode()


def command_line(arguments: Sequence[str]) -> str:
    """Return a command as one would type it, with secrets masked."""
    shown = []
    is_value = False  # of the option before
    for argument in arguments:
        is_value = is_value and not re.match(r"--[a-zA-Z]", argument)
        shown.append(MASK if is_value else _quoted(masked(_WITH_VALUE.sub(rf"\g<1>{MASK}", argument))))
        is_value = not is_value and _OPTION.fullmatch(argument) is not None
    text = " ".join(shown)
    return text if len(text) <= MAX_CHARS else f"{text[:MAX_CHARS]} ..."


def _quoted(argument: str) -> str:
    """Return an argument with the quotes that a shell needs; `***` needs none for people."""
    return argument if shlex.quote(argument.replace(MASK, "")) == argument.replace(MASK, "") else shlex.quote(argument)
