"""Environments of the peers: each in one of its own, made when it is first needed and kept, as nox keeps its own."""

import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parent.parent / ".nox" / "peers"
VERSIONS = {
    "trackio": ("trackio==0.43.0",),
    "mlflow": ("mlflow==3.17.2", "psycopg2-binary"),
    "tensorboard": ("tensorboard==2.21.0", "tensorboardX==2.6.5", "crc32c"),  # crc32c: writes a long file fast
}


class NotInstalled(Exception):
    """A peer's packages cannot be had; the text says why."""


def python_of(peer: str, folder: Path = FOLDER) -> str:
    """Return the Python that has a peer. Raises NotInstalled where pip cannot install it."""
    home = folder / "-".join(VERSIONS[peer]).replace("=", "")
    python, ready = home / "bin" / "python", home / "ready"
    if not ready.exists():
        print(f"installing {' '.join(VERSIONS[peer])} ...", file=sys.stderr)
        _run(sys.executable, "-m", "venv", "--clear", str(home))
        _run(str(python), "-m", "pip", "install", "--quiet", *VERSIONS[peer])
        ready.touch()
    return str(python)


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise NotInstalled((done.stderr or done.stdout).strip().splitlines()[-1])
