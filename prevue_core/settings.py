"""The server's settings, read from the environment once, here and nowhere else."""

import base64
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from prevue_core import contract
from prevue_core.errors import SettingsError

AUTH_MODES = ("open", "auth")
LOG_FORMATS = ("text", "json")
MIN_KEY_BYTES = 32
MIN_WEBHOOK_BYTES = 24  # as Standard Webhooks has it
TRASH_DAYS = 30.0
STALL_MINUTES = 30.0
MAX_LIMIT = 1 << 30  # of the settings PREVUE_MAX_...
# What examples and templates show in place of a key. Of 3 000 Superset servers 2 000 ran with the one of its manual.
PLACEHOLDER = re.compile(rb"(change|replace).?(me|this|it)|your.?(secret|key)|example|placeholder|insecure", re.I)


@dataclass(frozen=True)
class PluginSettings:
    """Which plugins a process loads, on either side of the wire."""

    only: frozenset[str] | None  # names of distributions; None: all that are installed
    trace: bool  # print each hook call to standard error


@dataclass(frozen=True)
class Listening:
    """Where a server listens."""

    host: str
    port: int
    auth: str | None  # None: not said, so open on this machine alone
    allowed_hosts: frozenset[str]  # names under which it may be asked, in open mode
    trusted_proxies: int  # in front of it, whose X-Forwarded-For and X-Forwarded-Proto are believed
    log_format: str  # text or json


@dataclass(frozen=True)
class Limits:
    """How much the backend takes from writers. Clients count on no less than these in a request."""

    body_bytes: int = contract.MAX_BODY_BYTES  # of a request as sent
    inflated_bytes: int = contract.MAX_INFLATED_BYTES  # of a request after decompression
    records: int = contract.MAX_RECORDS  # in a request
    names: int = contract.MAX_NAMES  # of a run
    waiting: int = 64  # requests with records that are being read, wait or are stored


@dataclass(frozen=True)
class WebhookSettings:
    """Where the backend posts what happens to runs."""

    url: str = field(repr=False)  # may be a secret, as those of chats are
    secret: bytes | None = field(repr=False)  # signs what is posted
    kinds: frozenset[str]  # of events


@dataclass(frozen=True)
class ServerSettings(Listening):
    """What the backend was told."""

    database_url: str = field(repr=False)  # may hold a password
    database_direct_url: str | None = field(repr=False)  # past a pooler, for migrations; None: there is none
    data_dir: Path
    dashboard_url: str | None  # where `/` leads a browser
    admin_password: str | None = field(repr=False)  # of the first admin; None: a one-time code makes one
    trash_days: float  # for which what was deleted can be restored
    alerts: frozenset[str]  # causes of those that the server raises
    stall_minutes: float  # without a value, after which a training that is alive has stalled
    webhook: WebhookSettings | None
    limits: Limits


@dataclass(frozen=True)
class DashboardSettings(Listening):
    """What the dashboard was told."""

    data_dir: Path
    secret_key: bytes | None = field(repr=False)  # signs its pages; None: the one in the data folder
    prefix: str  # the path before that of each page, such as /prevue, as browsers see it
    frame_ancestors: tuple[str, ...] | None  # whose pages may frame curves; None: this machine's, in open mode


def server_settings(
    *,
    host: str | None = None,
    port: int | None = None,
    data_dir: Path | None = None,
    dashboard_url: str | None = None,
    environ: Mapping[str, str] = os.environ,
) -> ServerSettings:
    """Return the backend's settings; arguments (from the command line) win over the environment.

    Raises SettingsError where a value cannot be used.
    """
    folder = _data_dir(data_dir, environ)
    return ServerSettings(
        database_url=secret("PREVUE_DATABASE_URL", environ) or f"sqlite:///{folder / 'prevue.sqlite'}",
        database_direct_url=_postgresql("PREVUE_DATABASE_DIRECT_URL", environ),
        data_dir=folder,
        host=host or environ.get("PREVUE_HOST") or "127.0.0.1",
        port=_port(port if port is not None else environ.get("PREVUE_PORT") or 8080),
        dashboard_url=dashboard_url or environ.get("PREVUE_DASHBOARD_URL") or None,
        admin_password=secret("PREVUE_ADMIN_PASSWORD", environ),
        trash_days=_number("PREVUE_TRASH_DAYS", environ, TRASH_DAYS, "days", 0, 36_500),
        alerts=_some_of("PREVUE_ALERTS", environ, contract.ALERT_CAUSES),
        stall_minutes=_number("PREVUE_STALL_MINUTES", environ, STALL_MINUTES, "minutes", 1, 525_600),
        webhook=webhook_settings(environ),
        limits=Limits(
            body_bytes=_at_least_1("PREVUE_MAX_BODY_BYTES", environ, Limits.body_bytes),
            inflated_bytes=_at_least_1("PREVUE_MAX_INFLATED_BYTES", environ, Limits.inflated_bytes),
            records=_at_least_1("PREVUE_MAX_RECORDS", environ, Limits.records),
            names=_at_least_1("PREVUE_MAX_NAMES", environ, Limits.names),
            waiting=_at_least_1("PREVUE_MAX_WAITING", environ, Limits.waiting),
        ),
        **_access(environ),
    )


def dashboard_settings(
    *,
    host: str | None = None,
    port: int | None = None,
    data_dir: Path | None = None,
    environ: Mapping[str, str] = os.environ,
) -> DashboardSettings:
    """Return the dashboard's settings; arguments win over the environment.

    Raises SettingsError where a value cannot be used.
    """
    return DashboardSettings(
        host=host or environ.get("PREVUE_DASHBOARD_HOST") or "127.0.0.1",
        port=_port(port if port is not None else environ.get("PREVUE_DASHBOARD_PORT") or 5006),
        data_dir=_data_dir(data_dir, environ),
        secret_key=_key("PREVUE_SECRET_KEY", environ),
        prefix=_path("PREVUE_DASHBOARD_PREFIX", environ),
        frame_ancestors=_origins("PREVUE_FRAME_ANCESTORS", environ),
        **_access(environ),
    )


def plugin_settings(environ: Mapping[str, str] = os.environ) -> PluginSettings:
    """Return which plugins to load."""
    only = environ.get("PREVUE_PLUGINS")
    return PluginSettings(
        only=None if only is None else frozenset(_words(only)),
        trace=environ.get("PREVUE_TRACE_PLUGINS", "") not in ("", "0"),
    )


def webhook_settings(environ: Mapping[str, str] = os.environ) -> WebhookSettings | None:
    """Return where to post events; None: nowhere. Raises SettingsError, which quotes neither address nor secret."""
    url = secret("PREVUE_WEBHOOK_URL", environ)
    if url is None:
        return None
    try:
        parts = urlsplit(url)
        is_usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_usable = False
    if not is_usable:
        raise SettingsError("PREVUE_WEBHOOK_URL is no address; use one such as https://chat.example.org/hooks/prevue")
    kinds = _some_of("PREVUE_WEBHOOK_EVENTS", environ, (*contract.RUN_STATES, contract.ALERT))
    return WebhookSettings(url, _webhook_secret(environ), kinds)


def _webhook_secret(environ: Mapping[str, str]) -> bytes | None:
    name = "PREVUE_WEBHOOK_SECRET"
    if (text := secret(name, environ)) is None:
        return None
    try:
        key = base64.b64decode(text.removeprefix("whsec_"), validate=True)
    except ValueError:
        key = b""
    if not text.startswith("whsec_") or len(key) < MIN_WEBHOOK_BYTES:
        make = "import base64, secrets; print('whsec_' + base64.b64encode(secrets.token_bytes(32)).decode())"
        raise SettingsError(
            f'{name} is not whsec_ and {MIN_WEBHOOK_BYTES} bytes or more in base64; make one with: python3 -c "{make}"'
        )
    return key


def secret(name: str, environ: Mapping[str, str]) -> str | None:
    """Return the setting `name`, or the first line of the file that `name`_FILE points to."""
    if path := environ.get(f"{name}_FILE"):
        try:
            return Path(path).read_text(encoding="utf-8").partition("\n")[0].strip() or None
        except OSError as error:
            raise SettingsError(f"{name}_FILE is {path!r}, which cannot be read: {error.strerror}") from error
    return environ.get(name) or None


def _postgresql(name: str, environ: Mapping[str, str]) -> str | None:
    """Return a URL of PostgreSQL. The message does not quote it: it may hold a password."""
    url = secret(name, environ)
    if url is not None and not url.startswith(("postgres://", "postgresql://")):
        raise SettingsError(f"{name} is not a URL of PostgreSQL, as it has to be; use postgresql://USER@HOST/NAME")
    return url


def has_screen(environ: Mapping[str, str] = os.environ) -> bool:
    """Return whether a browser window can be opened."""
    return sys.platform in ("darwin", "win32") or bool(environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY"))


def user_data_dir(environ: Mapping[str, str]) -> Path:
    """Return where a user's programs keep data: XDG on Linux, Application Support on macOS, LOCALAPPDATA on Windows."""
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "prevue"
    if sys.platform == "win32":
        return Path(environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "prevue"
    return Path(environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "prevue"


def _data_dir(given: Path | None, environ: Mapping[str, str]) -> Path:
    return (given or Path(environ.get("PREVUE_DATA_DIR") or user_data_dir(environ))).expanduser().absolute()


def _key(name: str, environ: Mapping[str, str]) -> bytes | None:
    """Return a key to sign with. The messages do not quote it, as they may end up in a log."""
    text = secret(name, environ)
    if text is None:
        return None
    key = text.encode()
    hint = "make one with: python3 -c 'import secrets; print(secrets.token_urlsafe(48))'"
    if len(key) < MIN_KEY_BYTES:
        raise SettingsError(f"{name} has {len(key)} bytes, at least {MIN_KEY_BYTES} are needed; {hint}")
    if PLACEHOLDER.search(key) or len(set(key)) < MIN_KEY_BYTES // 4:
        raise SettingsError(f"{name} is a placeholder that others know too; {hint}")
    return key


def _access(environ: Mapping[str, str]) -> dict[str, Any]:
    """Return what both servers ask: who may come in, and how."""
    return {
        "auth": _auth(environ),
        "allowed_hosts": frozenset(_words(environ.get("PREVUE_ALLOWED_HOSTS", ""))),
        "trusted_proxies": _proxies(environ.get("PREVUE_TRUSTED_PROXIES") or "0"),
        "log_format": _log_format(environ.get("PREVUE_LOG_FORMAT") or "text"),
    }


def _auth(environ: Mapping[str, str]) -> str | None:
    auth = environ.get("PREVUE_AUTH") or None
    if auth is not None and auth not in AUTH_MODES:
        raise SettingsError(
            f"PREVUE_AUTH is {auth!r}; use 'auth' (users log in) or 'open' (no password), or leave it unset"
        )
    return auth


def _port(value: int | str) -> int:
    try:
        port = int(value)
    except ValueError:
        port = -1
    if not 0 <= port <= 65_535:
        raise SettingsError(f"port {value!r} is not a number from 0 to 65535; 8080 is usual, 0 takes a free one")
    return port


def _log_format(text: str) -> str:
    if text not in LOG_FORMATS:
        raise SettingsError(f"PREVUE_LOG_FORMAT is {text!r}; use 'text' (for people) or 'json' (for collectors)")
    return text


def _proxies(text: str) -> int:
    if text.isascii() and text.isdigit() and int(text) < 10:
        return int(text)
    raise SettingsError(f"PREVUE_TRUSTED_PROXIES is {text!r}; use the number of proxies in front, such as 1")


def _number(name: str, environ: Mapping[str, str], usual: float, unit: str, least: int, most: int) -> float:
    text = environ.get(name) or str(usual)
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not least <= number <= most:
        raise SettingsError(f"{name} is {text!r}; use a number of {unit} from {least} to {most}")
    return number


def _some_of(name: str, environ: Mapping[str, str], known: tuple[str, ...]) -> frozenset[str]:
    chosen = frozenset(_words(environ.get(name, ",".join(known))))
    if unknown := chosen.difference(known):
        raise SettingsError(f"{name} names {min(unknown)!r}; use some of {', '.join(known)}, or nothing for none")
    return chosen


def _at_least_1(name: str, environ: Mapping[str, str], usual: int) -> int:
    text = environ.get(name) or str(usual)
    if text.isascii() and text.isdigit() and 1 <= int(text) <= MAX_LIMIT:
        return int(text)
    raise SettingsError(f"{name} is {text!r}; use a whole number from 1 to {MAX_LIMIT}, or leave it unset for {usual}")


def _origins(name: str, environ: Mapping[str, str]) -> tuple[str, ...] | None:
    """Return origins of pages; None: the setting is not there."""
    if (text := environ.get(name)) is None:
        return None
    for origin in (found := _words(text)):
        if not re.fullmatch(r"https?://[\w.*-]+(:(\d+|\*))?|[a-z][a-z-]*:", origin):
            raise SettingsError(
                f"{name} has {origin!r}; use origins such as https://jupyter.example.org, with commas between"
            )
    return tuple(found)


def _path(name: str, environ: Mapping[str, str]) -> str:
    """Return a path as `/a/b`, or nothing."""
    parts = [part for part in environ.get(name, "").split("/") if part]
    if not all(re.fullmatch(r"[\w~-][\w.~-]*", part, re.ASCII) for part in parts):
        raise SettingsError(f"{name} is {environ[name]!r}; use a path such as /prevue")
    return "".join(f"/{part}" for part in parts)


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]
