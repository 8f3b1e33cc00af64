"""The command `prevue plugin new`: writes a connector of one's own, with its tests, to go on from.

The files of `plugin_template` are a connector for a framework `acme`; its names are replaced, in texts and paths.
"""

import keyword
import re
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

import click

from prevue.connectors import connector_names
from prevue_core.examples import examples

SUFFIX = ".txt"  # of the template's files, which are no modules of ours


@click.group()
def plugin() -> None:
    """Write plugins."""


@plugin.command("new", epilog=examples("prevue plugin new acme", "prevue plugin new my_framework --into ~/src"))
@click.argument("name")
@click.option(
    "--into", type=click.Path(file_okay=False, path_type=Path), default=".", help="The folder to make it in.  [here]"
)
def new_plugin(name: str, into: Path) -> None:
    """Write a connector for the framework NAME, as it is imported: a package with a callback, hooks and tests.

    Its tests pass as they are; go on from there.
    """
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name) or keyword.iskeyword(name):
        raise click.ClickException(f"name {name!r} is not one of a module; use letters, digits and _, such as acme")
    if (connector := f"Prevue{_camel(name)}Callback") in connector_names():
        raise click.ClickException(f"{connector} is installed already; use another name, or work on that plugin")
    folder = into / f"prevue-{_dashed(name)}"
    if folder.exists():
        raise click.ClickException(f"{folder} exists already; use another name, or --into another folder")
    for path, text in _rendered(name):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
        click.echo(folder / path)
    click.echo(f"\nNext: cd {folder} && pip install --editable . pytest && pytest")


def _rendered(name: str) -> list[tuple[str, str]]:
    """Return the path and the text of each file."""
    found = _texts(files("prevue") / "plugin_template", "")
    return [(_named(path, name), _named(text, name)) for path, text in sorted(found)]


def _texts(folder: Traversable, path: str) -> list[tuple[str, str]]:
    found = []
    for one in folder.iterdir():
        if one.is_dir():
            found += _texts(one, f"{path}{one.name}/")
        elif one.name.endswith(SUFFIX):
            found.append((f"{path}{one.name.removesuffix(SUFFIX)}", one.read_text(encoding="utf-8")))
    return found


def _named(text: str, name: str) -> str:
    names = {"prevue-acme": f"prevue-{_dashed(name)}", "Acme": _camel(name), "acme": name}
    return re.sub("|".join(names), lambda found: names[found[0]], text)


def _dashed(name: str) -> str:
    return name.replace("_", "-")


def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))
