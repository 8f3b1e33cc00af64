"""Who imports whom: an arrow only points down, and between client and server there is only HTTP."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
OURS = ("prevue", "frontend_bokeh")
GROUND = {
    f"prevue_core.{name}"
    for name in (
        "contract",
        "errors",
        "result_kinds",
        "evaluation_records",
        "examples",
        "settings",
        "listening",
        "logs",
        "hookspecs",
        "manager",
        "checks",
    )
} | {"prevue_core"}

_FLASK = ("flask", "marshmallow", "werkzeug")

# What a module may import: ours by prefix, others by their top name. The first entry that fits a module counts.
LAYERS: list[tuple[str, set[str], set[str]]] = [
    ("prevue_core.contract", {"prevue_core.errors"}, set()),
    ("prevue_core.errors", set(), set()),
    ("prevue_core.examples", set(), set()),
    ("prevue_core.evaluation_records", {"prevue_core.contract", "prevue_core.errors"}, set()),
    ("prevue_core.result_kinds", {"prevue_core.contract", "prevue_core.errors"}, set()),
    ("prevue_core.settings", {"prevue_core.contract", "prevue_core.errors"}, set()),
    ("prevue_core.listening", set(), set()),
    ("prevue_core.checks", {"prevue_core.errors"}, set()),
    ("prevue_core.method_checks", {*GROUND, "prevue_core.evaluation", "prevue_core.method_checks"}, {"numpy"}),
    ("prevue_core.hookspecs", {"prevue_core.checks"}, {"pluggy", "click"}),
    ("prevue_core.manager", GROUND, {"pluggy"}),
    ("prevue_core.webhook", GROUND, {"requests"}),
    (
        "prevue_core.plugin",
        {
            *GROUND,
            *("prevue_core.commands", "prevue_core.db_commands", "prevue_core.backup_commands"),
            *("prevue_core.method_checks", "prevue_core.webhook"),
        },
        {"click"},
    ),
    ("prevue_core.backup_commands", {*GROUND, "prevue_core.db", "prevue_core.commands"}, {"click"}),
    ("prevue_core.db_commands", {*GROUND, "prevue_core.db", "prevue_core.commands"}, {"click", "peewee"}),
    (
        "prevue_core.commands",
        {*GROUND, "prevue_core.db", "prevue_core.api", "prevue_core.serving"},
        {"click", "peewee"},
    ),
    ("prevue_core.serving", {*GROUND, "prevue_core.api"}, {"waitress"}),
    ("prevue_core.logs", set(), {"pythonjsonlogger"}),
    ("prevue_core.evaluation", {"prevue_core.evaluation", "prevue_core.errors"}, {"numpy"}),
    (
        "prevue_core.db.queries.evaluations",
        {*GROUND, "prevue_core.db", "prevue_core.evaluation"},
        {"peewee", "orjson", "numpy"},
    ),
    *(
        (name, {*GROUND, "prevue_core.db", "prevue_core.api", "prevue_core.evaluation"}, {*_FLASK, "numpy", "orjson"})
        for name in (
            "prevue_core.api.checking",
            "prevue_core.api.derived",
            "prevue_core.api.resources.comparisons",
            "prevue_core.api.resources.evaluations",
        )
    ),
    (
        "prevue_core.api.resources.evaluation_pages",
        {*GROUND, "prevue_core.db", "prevue_core.api", "prevue_core.evaluation"},
        {"flask", "marshmallow"},
    ),
    ("prevue_core.api.announcing", {*GROUND, "prevue_core.db"}, {"pluggy"}),
    ("prevue_core.db.migrations", set(), {"peewee"}),
    ("prevue_core.db", {*GROUND, "prevue_core.db"}, {"peewee", "playhouse", "psycopg2", "orjson", "argon2", "lark"}),
    (
        "prevue_core.api",
        {*GROUND, "prevue_core.db", "prevue_core.api"},
        {
            "flask",
            "flask_smorest",
            "flask_swagger_ui",
            "marshmallow",
            "apispec",
            "werkzeug",
            "orjson",
            "prometheus_client",
            "arro3",
        },
    ),
    ("prevue.transport", {*GROUND, "prevue.delivery"}, {"requests", "orjson"}),
    ("prevue.cli", {*GROUND, "prevue"}, {"click"}),
    ("prevue.system", {*GROUND, "prevue"}, {"psutil", "pynvml"}),
    ("prevue.sync_commands", {*GROUND, "prevue"}, {"click"}),
    ("prevue.account_commands", {*GROUND, "prevue"}, {"click"}),
    ("prevue.run_commands", {*GROUND, "prevue"}, {"click"}),
    ("prevue.export_commands", {*GROUND, "prevue"}, {"click"}),
    ("prevue.check_commands", {*GROUND, "prevue"}, {"click"}),
    ("prevue.evaluation_commands", {*GROUND, "prevue"}, {"click"}),
    ("prevue.import_commands", {*GROUND, "prevue"}, {"click"}),
    ("prevue.doctor", {*GROUND, "prevue"}, {"click"}),
    ("prevue.plugin_commands", {*GROUND, "prevue"}, {"click"}),
    ("prevue.testing_backend", {*GROUND, "prevue"}, {"pytest"}),
    ("prevue.testing_records", {*GROUND, "prevue"}, {"pytest"}),
    ("prevue.evaluation", {*GROUND, "prevue"}, {"numpy"}),  # imported by log_evaluation only, as the next ones
    *((f"prevue.evaluation_{part}", {*GROUND, "prevue"}, {"numpy"}) for part in ("blocks", "classes", "columns")),
    ("prevue", {*GROUND, "prevue"}, {"orjson", "pandas"}),
    ("prevue_core", set(), set()),
    (
        "frontend_bokeh",
        {*GROUND, "prevue", "prevue_core.commands", "frontend_bokeh"},
        {"bokeh", "tornado", "jinja2", "numpy", "click", "prometheus_client", "pluggy"},
    ),
    ("prevue_keras", {*GROUND, "prevue", "prevue_keras"}, {"keras", "tf_keras", "numpy", "sklearn"}),
    (
        "prevue_torch",
        {*GROUND, "prevue", "prevue_torch"},
        {"torch", "sklearn", "transformers", "accelerate", "ignite", "matplotlib"},
    ),
    (
        "prevue_sklearn.panels",
        {"frontend_bokeh.panel", "frontend_bokeh.panels", "frontend_bokeh.figures"},
        {"bokeh"},
    ),
    ("prevue_sklearn", {*GROUND, "prevue", "prevue_sklearn"}, {"sklearn", "numpy"}),
]
# Loaded with every plugin in every process: heavy imports only inside functions.
LIGHT = {
    "prevue_core.plugin": {"click"},
    "frontend_bokeh.plugin": {"click"},
    "prevue_keras.plugin": set(),
    "prevue_torch.plugin": set(),
    "prevue_sklearn.plugin": set(),
}


def modules() -> dict[str, Path]:
    """Return every module of ours by its name."""
    roots = [ROOT, *(ROOT / "plugins").iterdir()]
    found = {}
    for root in roots:
        for package in root.iterdir():
            if (package / "__init__.py").exists() and package.name.startswith(OURS):
                for path in package.rglob("*.py"):
                    name = ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")
                    found[name] = path
    return found


def imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def begins(name: str, prefixes: set[str]) -> bool:
    return any(name == prefix or name.startswith(f"{prefix}.") for prefix in prefixes)


def strangers(module: str, tree: ast.AST) -> set[str]:
    """Return what a module imports and may not."""
    _, ours, others = next(layer for layer in LAYERS if begins(module, {layer[0]}))
    found = set()
    for name in imports(tree):
        top = name.partition(".")[0]
        if top.startswith(OURS):
            # The bare package is its version and names, not all that is below it.
            allowed = begins(name, ours - {"prevue_core"}) or (
                "prevue_core" in ours and name == "prevue_core.__version__"
            )
        else:
            allowed = top in sys.stdlib_module_names or top in others
        if not allowed:
            found.add(name)
    return found


def test_the_walk_finds_our_modules() -> None:
    assert {"prevue.run", "prevue_core.db.ingest", "prevue_core.api.app", "prevue_keras.callback"} <= modules().keys()


@pytest.mark.parametrize("module", sorted(modules()))
def test_imports_point_down(module: str) -> None:
    assert strangers(module, ast.parse(modules()[module].read_text())) == set()


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("prevue.run", "from prevue_core.db import queries"),
        ("prevue.api", "import requests"),
        ("prevue_core.db.queries", "from flask import request"),
        ("prevue_core.api.resources.runs", "import peewee"),
        ("prevue_core.contract", "import orjson"),
        ("prevue_core.manager", "from prevue import run"),
    ],
)
def test_a_wrong_arrow_is_found(module: str, line: str) -> None:
    assert strangers(module, ast.parse(line))


@pytest.mark.parametrize("module", sorted(LIGHT))
def test_a_plugin_module_is_light(module: str) -> None:
    body = ast.parse(modules()[module].read_text()).body
    top_level = [name for node in body if not isinstance(node, ast.FunctionDef | ast.If) for name in imports(node)]
    heavy = {name.partition(".")[0] for name in top_level} - sys.stdlib_module_names
    heavy -= {"prevue_core", module.partition(".")[0]}
    assert heavy <= LIGHT[module]
