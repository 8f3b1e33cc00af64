"""The blocks of code of our pages, and how to run them as a reader would."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(page: Path, language: str, heading: str = "") -> list[str]:
    """Return the blocks of a language, of the whole page or of the part under a heading."""
    text = page.read_text(encoding="utf-8")
    if heading:
        _, found, text = text.partition(f"\n## {heading}\n")
        assert found, f"{page.name} has no part {heading!r}"
        text = text.partition("\n## ")[0]
    return [block for name, block in re.findall(r"```(\w+)\n(.*?)```", text, re.DOTALL) if name == language]


def run_commands(block: str, environ: dict[str, str]) -> str:
    """Run a block of commands with this Python's packages and return what they print."""
    python = shlex.quote(sys.executable)
    script = block.replace(".venv/bin/python", python)
    script = re.sub(r"\.venv/bin/(\w+)", rf"{python} -m \1", script)
    command = ["sh", "-euc", script]
    return subprocess.run(command, cwd=ROOT, env=environ, stdout=subprocess.PIPE, text=True, check=True).stdout


def run_python(blocks: list[str], environ: dict[str, str]) -> str:
    """Run blocks of Python as one program and return what it prints."""
    command = [sys.executable, "-c", "\n".join(blocks)]
    return subprocess.run(command, env=environ, stdout=subprocess.PIPE, text=True, check=True).stdout
