"""Where a run runs: Python, machine, packages, command line. Only what costs next to nothing, and imports nothing.

What git knows comes later (see `repository`), as asking it takes its time.
"""

import os
import sys
from collections.abc import Iterator
from glob import glob
from types import ModuleType
from typing import Any

from prevue.masking import command_line, utf8

MAX_PACKAGES = 300
MAX_VERSION_CHARS = 60


def environment_at_start() -> dict[str, Any]:
    """Return what is known when a run begins."""
    import platform  # takes a while to import, and only runs need it

    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "script": utf8(sys.argv[0]) if sys.argv else "",
        "command": utf8(command_line(_arguments())),
        "folder": _folder(),
        "cpus": _cpus(),
        **environment_now(),
    }


def environment_now() -> dict[str, Any]:
    """Return what grows while a program runs: the versions of the packages it has imported, and its GPUs."""
    packages = dict(sorted(_packages())[:MAX_PACKAGES])
    gpus = _gpus()
    return {"packages": packages, **({"gpus": gpus} if gpus else {})}


def _arguments() -> list[str]:
    """Return the command that was typed; without the text of a program that was given with `-c`."""
    typed = sys.orig_argv
    return [*typed[:1], "-c", "...", *sys.argv[1:]] if sys.argv[:1] == ["-c"] else typed


def _folder() -> str | None:
    try:
        return utf8(os.getcwd())
    except OSError:  # it was removed
        return None


def _cpus() -> int | None:
    """Return how many CPUs the process may use, which in a container are fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def _packages() -> Iterator[tuple[str, str]]:
    """Yield the top modules that are imported, as they are imported, and their versions."""
    for name, module in sys.modules.copy().items():
        is_top = not ("." in name or name.startswith("_") or name in sys.stdlib_module_names or name == "prevue_core")
        if is_top and issubclass(type(module), ModuleType):
            # Looked up in its dict: to ask a module that loads itself or its parts lazily could import them.
            version = object.__getattribute__(module, "__dict__").get("__version__")
            if isinstance(version, str):
                yield utf8(name), utf8(version[:MAX_VERSION_CHARS])


def _gpus() -> list[str]:
    """Return the names of the GPUs that torch works on, or else of NVIDIA's in this machine."""
    cuda, nvml = getattr(sys.modules.get("torch"), "cuda", None), sys.modules.get("pynvml")
    try:
        if cuda is not None and cuda.is_initialized():  # else asking would initialize it, and break a later fork
            return [str(cuda.get_device_name(number)) for number in range(cuda.device_count())]
        paths = sorted(glob("/proc/driver/nvidia/gpus/*/information"))
        if nvml is not None and not paths:  # not Linux, or WSL; system metrics work with it there
            handles = map(nvml.nvmlDeviceGetHandleByIndex, range(nvml.nvmlDeviceGetCount()))
            return [str(nvml.nvmlDeviceGetName(handle)) for handle in handles]
    except Exception:  # noqa: BLE001 - foreign code, at work on a driver that may be what ends the run
        return []
    return [name for path in paths if (name := _model_in(path))]


def _model_in(path: str) -> str | None:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            lines = dict(line.partition(":")[::2] for line in file)
    except OSError:
        return None
    return lines.get("Model", "").strip() or None
