"""The client's settings: arguments first, then the environment (read here and nowhere else), then a laptop's."""

import getpass
import hashlib
import os
import sys
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from prevue.credentials import stored_login
from prevue.room import MIB, Bounds
from prevue.values import whole
from prevue_core.contract import check_label, check_project
from prevue_core.errors import InvalidValue
from prevue_core.settings import secret

DEFAULT_URL = "http://localhost:8080"
DEFAULT_PROJECT = "default"
MODES = ("online", "offline", "disabled")
LAUNCHERS = (("RANK", "WORLD_SIZE"), ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"), ("SLURM_PROCID", "SLURM_NTASKS"))
NEVER, ALLOW, MUST = RESUMES = ("never", "allow", "must")


@dataclass(frozen=True)
class ClientSettings:
    """Where to log, as whom, and how."""

    url: str
    project: str
    uid: str
    run_id: str | None  # None: a new run
    resume: str  # what is right for a run_id: one of RESUMES
    rank: int  # of this process in a distributed run
    world_size: int | None  # how many processes it has; None: no launcher told
    mode: str
    system_metrics: bool  # whether to sample the machine
    is_first_on_machine: bool  # of the processes of a distributed run
    gpus: tuple[str, ...] | None  # that the process may use, by number or UUID; None: all
    spool_root: Path
    bounds: Bounds  # of the spool
    tokens_file: Path  # where `prevue login` keeps its tokens
    token: str | None = field(repr=False)  # None: the one of `prevue login`; empty: none at all

    def bearer(self) -> str | None:
        """Return the token to send now: one of `prevue login` may come, or change, while a training runs."""
        if self.token is None:
            return (stored_login(self.tokens_file, self.url) or {}).get("token")
        return self.token or None

    @property
    def server_folder(self) -> Path:
        """Where the records for this server wait."""
        return self.spool_root / hashlib.sha256(self.url.encode()).hexdigest()[:16]


def client_settings(
    *,
    url: str | None = None,
    project: str | None = None,
    uid: str | None = None,
    run_id: str | None = None,
    mode: str | None = None,
    token: str | None = None,
    rank: int | None = None,
    resume: str | None = None,
    system_metrics: bool | None = None,
    environ: Mapping[str, str] = os.environ,
) -> ClientSettings:
    """Return the settings of a run; an empty `token` says that none is to be sent, whatever there is.

    Raises InvalidValue where a value cannot be used.
    """
    run_id = run_id or environ.get("PREVUE_RUN_ID") or None
    told_rank, world_size = _place(environ, is_joined=run_id is not None)
    return ClientSettings(
        url=normal_url(url or environ.get("PREVUE_URL") or DEFAULT_URL),
        project=check_project(project or environ.get("PREVUE_PROJECT") or DEFAULT_PROJECT),
        uid=check_label("uid", uid or environ.get("PREVUE_UID") or login_name()),
        run_id=None if run_id is None else _uuid(run_id),
        resume=_resume(ALLOW if resume is None else resume, run_id),
        rank=_rank(told_rank if rank is None else rank),
        world_size=world_size,
        mode=_mode(mode or environ.get("PREVUE_MODE") or "online"),
        system_metrics=_switch("PREVUE_SYSTEM_METRICS", environ) if system_metrics is None else bool(system_metrics),
        is_first_on_machine=environ.get("LOCAL_RANK", "0") in ("", "0"),
        gpus=_gpus(environ.get("CUDA_VISIBLE_DEVICES")),
        spool_root=spool_root(environ),
        bounds=_bounds(environ),
        tokens_file=_tokens_file(environ),
        token=_token(secret("PREVUE_TOKEN", environ) if token is None else token),
    )


def normal_url(url: object) -> str:
    """Return a server's URL with a scheme and without a slash at its end; `localhost:8080` is enough."""
    if not isinstance(url, str) or not url.strip():
        raise InvalidValue(f"url {url!r} is not a server's address; use one such as {DEFAULT_URL!r}")
    url = url.strip()
    if "@" in url:  # said first, as the other messages quote the url
        raise InvalidValue(
            "the url has an '@', so it holds a user or a password, which would be kept on disk; "
            "give a token in PREVUE_TOKEN"
        )
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # the port is no number, or the host no IPv6 address
        usable = False
    if not usable or len(url.split()) > 1:
        raise InvalidValue(f"url {url!r} is not an http address; use one such as {DEFAULT_URL!r}")
    return urlunsplit((parts.scheme, parts.netloc, parts.path.rstrip("/"), "", ""))


def spool_root(environ: Mapping[str, str] = os.environ) -> Path:
    """Return where records wait: PREVUE_SPOOL_DIR, or the user's state folder."""
    if folder := environ.get("PREVUE_SPOOL_DIR"):
        return Path(folder).expanduser().absolute()
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "prevue" / "spool"
    if sys.platform == "win32":
        return Path(environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "prevue" / "spool"
    return Path(environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "prevue" / "spool"


def _tokens_file(environ: Mapping[str, str]) -> Path:
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "prevue" / "tokens.json"
    if sys.platform == "win32":
        return Path(environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "prevue" / "tokens.json"
    return Path(environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "prevue" / "tokens.json"


def _token(text: str | None) -> str | None:
    """Return a token that can stand in a header; secrets in files and containers often end with a newline."""
    text = text and text.strip()
    if text and not (text.isascii() and text.isprintable()):
        raise InvalidValue("the token has characters that no token has; copy it again")
    return text


def login_name() -> str:
    """Return what the operating system calls the user."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's user may have no name
        return "unknown"


def _uuid(text: str) -> str:
    try:
        return str(uuid.UUID(text))
    except (ValueError, AttributeError, TypeError):
        example = "uuidgen, or python -c 'import uuid; print(uuid.uuid4())'"
        raise InvalidValue(f"run_id {text!r} is not a UUID; make one with {example}") from None


def _resume(resume: str, run_id: str | None) -> str:
    if resume not in RESUMES:
        raise InvalidValue(f"resume {resume!r} is not known; use one of {', '.join(RESUMES)}")
    if resume == MUST and run_id is None:
        raise InvalidValue("resume 'must' needs the run to go on with; give its run_id, or set PREVUE_RUN_ID")
    return resume


def _place(environ: Mapping[str, str], *, is_joined: bool) -> tuple[str, int | None]:
    """Return the rank and the number of ranks that a launcher tells: torchrun, and of a joined run Open MPI and Slurm.

    Those start programs, too, that have nothing to do with each other; what is of one run has its `run_id`.
    """
    for rank, size in LAUNCHERS if is_joined else LAUNCHERS[:1]:
        if environ.get(rank):
            world_size = whole(environ.get(size))
            return environ[rank], world_size if world_size and world_size > 0 else None
    return "0", None


def _rank(rank: int | str) -> int:
    """Return the rank."""
    number = whole(rank)
    if number is None or number < 0:
        raise InvalidValue(f"rank {rank!r} is not a whole number from 0 on")
    return number


def _switch(name: str, environ: Mapping[str, str]) -> bool:
    """Return a setting that is on unless it is switched off."""
    text = environ.get(name) or "1"
    if text not in ("0", "1"):
        raise InvalidValue(f"{name} is {text!r}; use '1' (on) or '0' (off)")
    return text == "1"


def _gpus(text: str | None) -> tuple[str, ...] | None:
    """Return what CUDA_VISIBLE_DEVICES says; as CUDA does, it ends where there is no GPU's number or UUID."""
    if text is None:
        return None
    words = [word.strip() for word in text.split(",")]
    return tuple(takewhile(lambda word: word.isdecimal() or word.startswith(("GPU-", "MIG-")), words))


def _bounds(environ: Mapping[str, str]) -> Bounds:
    usual = Bounds()
    return Bounds(
        spool_bytes=_size("PREVUE_SPOOL_MAX_MB", environ, usual.spool_bytes, least=16 * MIB),
        kept_bytes=_size("PREVUE_KEEP_MB", environ, usual.kept_bytes, least=0),
    )


def _size(name: str, environ: Mapping[str, str], usual: int, least: int) -> int:
    """Return a setting of so many MB, in bytes."""
    if not (text := environ.get(name)):
        return usual
    if not text.isdecimal() or int(text) * MIB < least:
        raise InvalidValue(f"{name} {text!r} is not a whole number of MB from {least // MIB} on")
    return int(text) * MIB


def _mode(mode: str) -> str:
    if mode not in MODES:
        raise InvalidValue(f"mode {mode!r} is not known; use one of {', '.join(MODES)}")
    return mode
