"""What git knows of the program that trains: commit, branch, remote, and whether files differ from the commit.

A thread asks, since git takes milliseconds, and seconds where a repository is large.
"""

import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from prevue.masking import masked

STATUS_TIMEOUT_S = 20.0  # to compare all files with the commit
TIMEOUT_S = 5.0
# Neither write into the repository, whose user may be at work there, nor start a daemon that watches its files.
GIT = ("git", "--no-optional-locks", "-c", "core.fsmonitor=false", "-C")


def working_tree() -> Path | None:
    """Return the git working tree that the program's script is in, or else the current folder; None: neither is."""
    script = Path(sys.argv[0]) if sys.argv and sys.argv[0] else None
    try:
        starts = [script.resolve().parent] if script is not None and script.is_file() else []
        folders = [folder for start in (*starts, Path.cwd()) for folder in (start, *start.parents)]
        return next((folder for folder in folders if (folder / ".git").exists()), None)
    except OSError:  # the current folder was removed, say
        return None


class RepositoryThread(threading.Thread):
    """Asks git about `folder` and gives what it says to `tell`, in two parts: the second one may take long."""

    def __init__(self, folder: Path, tell: Callable[[dict[str, Any]], None]) -> None:
        super().__init__(name="prevue-git", daemon=True)
        self._folder, self._tell = folder, tell
        self.has_imported = threading.Event()  # what it needs: see `Run`'s care for forks

    def run(self) -> None:
        """Ask and tell; where there is no git, or no commit yet, nothing."""
        try:
            import subprocess  # noqa: F401 - 8 ms that the training should not wait for
        finally:
            self.has_imported.set()
        if (commit := _ask(self._folder, TIMEOUT_S, "rev-parse", "HEAD")) is None:
            return
        branch = _ask(self._folder, TIMEOUT_S, "symbolic-ref", "--short", "--quiet", "HEAD")
        remote = _ask(self._folder, TIMEOUT_S, "config", "--get", "remote.origin.url")
        facts = {"git_commit": commit, "git_branch": branch, "git_remote": remote and masked(_without_user(remote))}
        self._tell({name: value for name, value in facts.items() if value})
        changed = _ask(self._folder, STATUS_TIMEOUT_S, "status", "--porcelain", "--untracked-files=no")
        if changed is not None:
            self._tell({"git_dirty": changed != ""})


def _ask(folder: Path, timeout_s: float, *command: str) -> str | None:
    """Return what a command of git says; None: it fails, takes too long, or there is no git."""
    import subprocess

    try:
        asked = subprocess.run(  # noqa: S603 - arguments are ours
            [*GIT, str(folder), *command], capture_output=True, timeout=timeout_s, stdin=subprocess.DEVNULL, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return asked.stdout.decode("utf-8", "replace").strip() if asked.returncode == 0 else None


def _without_user(remote: str) -> str:
    """Return a remote's URL without user and password; `git@host:path` has none that is secret."""
    scheme, mark, rest = remote.partition("://")
    return f"{scheme}{mark}{rest.rpartition('@')[2]}" if mark else remote
