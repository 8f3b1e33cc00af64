"""Runs the Tiltfile without Tilt or a cluster and keeps what it registers. It knows the functions that ours calls."""

import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import starlark
import yaml

# Starlark hands Python plain data only, so a step of live_update is a dictionary.
PRELUDE = """
TRIGGER_MODE_MANUAL = 1
config = struct(define_bool=lambda name, usage="": None, parse=_arguments)
def sync(local_path, remote_path): return {"local": local_path, "remote": remote_path}
"""


class Failed(Exception):
    """The Tiltfile called fail(), or does not evaluate."""


@dataclass
class Registered:
    """What a Tiltfile registered, by name."""

    objects: list[dict[str, Any]] = field(default_factory=list)
    images: dict[str, dict[str, Any]] = field(default_factory=dict)
    resources: dict[str, dict[str, Any]] = field(default_factory=dict)
    buttons: dict[str, dict[str, Any]] = field(default_factory=dict)


def evaluate(path: Path, *, context: str = "kind-prevue", **arguments: bool) -> Registered:
    """Run the Tiltfile at `path` with the words after `tilt up --`. Raises Failed."""
    found = Registered()

    def run(*command: str) -> str:
        return subprocess.run(command, cwd=path.parent, capture_output=True, text=True, check=True).stdout

    module = starlark.Module()
    functions = {
        "_arguments": lambda: arguments,
        "k8s_context": lambda: context,
        "fail": _fail,
        "print": lambda message: None,
        "local": lambda command, quiet=False: run(*command),
        "kustomize": lambda folder: run("kubectl", "kustomize", folder),
        "k8s_yaml": lambda text: found.objects.extend(yaml.safe_load_all(text)),
        "docker_build": lambda image, context, **more: found.images.update({image: {"context": context, **more}}),
        "k8s_resource": lambda name, **more: found.resources.update({name: more}),
        "local_resource": lambda name, command, **more: found.buttons.update({name: {"command": command, **more}}),
    }
    for name, function in functions.items():
        module.add_callable(name, function)
    dialect = starlark.Dialect.extended()
    dialect.enable_f_strings = False  # Tilt has none
    extensions = starlark.Globals.extended_by([starlark.LibraryExtension.StructType])
    try:
        for title, text in (("prelude", PRELUDE), (path.name, path.read_text())):
            starlark.eval(module, starlark.parse(title, text, dialect), extensions)
    except starlark.StarlarkError as error:
        raise Failed(str(error)) from error
    return found


def _fail(message: str) -> None:
    raise Failed(message)
