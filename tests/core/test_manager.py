import sys
from importlib.metadata import EntryPoint, entry_points

import click
import pytest

from prevue_core.errors import PluginError
from prevue_core.manager import load_plugins, refuse
from prevue_core.settings import PluginSettings

ALL = PluginSettings(only=None, trace=False)

GOOD = """
from prevue_core.hookspecs import hookimpl

@hookimpl
def prevue_describe_model(model):
    return {"name": "mine"}
"""
MISSPELLED = GOOD.replace("describe_model", "descripe_model")
BROKEN = "import a_module_that_is_missing"


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Install a plugin's source as a distribution; its entry points come back."""
    monkeypatch.syspath_prepend(tmp_path)

    def install(distribution: str, source: str) -> tuple[EntryPoint, ...]:
        module = distribution.replace("-", "_") + "_plugin"
        (tmp_path / f"{module}.py").write_text(source)
        folder = tmp_path / f"{distribution.replace('-', '_')}-1.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
        (folder / "entry_points.txt").write_text(f"[prevue]\nplugin = {module}\n")
        return tuple(found for found in entry_points(group="prevue") if found.dist.name == distribution)

    yield install
    for name in [name for name in sys.modules if name.endswith("_plugin")]:
        del sys.modules[name]


def test_an_installed_plugin_answers_its_hook(install):
    manager = load_plugins(ALL, install("prevue-mine", GOOD), refuse)
    assert manager.hook.prevue_describe_model(model=object()) == {"name": "mine"}


@pytest.mark.parametrize(("source", "cause"), [(BROKEN, "a_module_that_is_missing"), (MISSPELLED, "descripe_model")])
def test_a_plugin_that_cannot_be_used_is_told_with_its_distribution_and_cause(install, source, cause):
    problems = []
    load_plugins(ALL, install("prevue-odd", source), problems.append)
    assert "distribution 'prevue-odd'" in str(problems[0])
    assert cause in str(problems[0])
    assert problems[0].__cause__ is not None


@pytest.mark.parametrize("source", [BROKEN, MISSPELLED])
def test_a_broken_plugin_leaves_the_others_at_work(install, source):
    found = (*install("prevue-odd", source), *install("prevue-mine", GOOD))
    problems = []
    manager = load_plugins(ALL, found, problems.append)
    assert len(problems) == 1
    assert manager.hook.prevue_describe_model(model=object()) == {"name": "mine"}


def test_a_server_does_not_start_with_a_broken_plugin(install):
    with pytest.raises(PluginError, match="prevue-odd"):
        load_plugins(ALL, install("prevue-odd", BROKEN), refuse)


@pytest.mark.parametrize(("only", "is_loaded"), [({"prevue-mine"}, True), ({"prevue-keras"}, False), (set(), False)])
def test_prevue_plugins_says_which_are_loaded(install, only, is_loaded):
    settings = PluginSettings(only=frozenset(only), trace=False)
    manager = load_plugins(settings, install("prevue-mine", GOOD), refuse)
    assert (manager.hook.prevue_describe_model(model=object()) is not None) is is_loaded


def test_a_plugin_that_is_left_out_is_not_even_imported(install):
    settings = PluginSettings(only=frozenset(), trace=False)
    load_plugins(settings, install("prevue-odd", BROKEN), refuse)
    assert "prevue_odd_plugin" not in sys.modules


def test_prevues_own_commands_come_through_the_hook_whatever_is_left_out():
    settings = PluginSettings(only=frozenset(), trace=False)
    manager = load_plugins(settings, entry_points(group="prevue"), refuse)
    cli = click.Group()
    manager.hook.prevue_register_commands(cli=cli)
    assert {"backend", "db"} <= set(cli.commands)


def test_tracing_prints_each_hook_call(install, capsys):
    manager = load_plugins(PluginSettings(None, trace=True), install("prevue-mine", GOOD), refuse)
    manager.hook.prevue_describe_model(model="the model")
    assert "prevue_describe_model" in capsys.readouterr().err
