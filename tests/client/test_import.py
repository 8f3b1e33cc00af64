import os
import subprocess
import sys
from pathlib import Path

import pytest

import prevue
from prevue.connectors import load_connector
from prevue_core.errors import PluginError

STRANGERS = """
import sys
before = set(sys.modules)
{source}
tops = {{name.partition(".")[0] for name in set(sys.modules) - before}}
print(*sorted(tops - sys.stdlib_module_names - {{"prevue", "prevue_core"}}))
"""


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Install a distribution that exports connectors."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    def install(distribution: str, *exports: str) -> None:
        folder = tmp_path / f"{distribution.replace('-', '_')}-1.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
        (folder / "entry_points.txt").write_text("\n".join(["[prevue.connectors]", *exports]))

    return install


def import_without_plugins(name: str) -> subprocess.CompletedProcess:
    """Import a name where nothing is installed beside Prevue itself."""
    environ = {**os.environ, "PYTHONPATH": str(Path(prevue.__file__).parent.parent)}
    command = [sys.executable, "-S", "-c", f"from prevue import {name}"]
    return subprocess.run(command, env=environ, capture_output=True, text=True)


def test_importing_prevue_loads_no_third_party_package_but_orjson(python):
    assert set(python(STRANGERS.format(source="import prevue")).stdout.split()) <= {"orjson"}


def test_logging_loads_no_third_party_package_but_orjson(python):
    source = "import prevue\nprevue.init(mode='offline').log({'loss': 1.0})"
    assert python(STRANGERS.format(source=source)).stdout.split() == ["orjson"]


@pytest.mark.parametrize("name", prevue.__all__)
def test_a_public_name_can_be_imported(name):
    assert getattr(prevue, name) is not None


def test_a_name_that_is_not_there_is_an_attribute_error():
    assert not hasattr(prevue, "nothing")
    with pytest.raises(AttributeError, match="module 'prevue' has no attribute 'nothing'"):
        prevue.nothing  # noqa: B018 - the access is the point


def test_a_connector_that_is_not_installed_names_the_pip_command():
    process = import_without_plugins("PrevueKerasCallback")
    assert process.returncode == 1
    assert "ImportError: PrevueKerasCallback comes with a plugin that is not installed: pip install prevue-keras" in (
        process.stderr
    )


def test_a_connector_that_nobody_knows_lists_those_installed(install):
    install("prevue-mine", "PrevueMine = fractions:Fraction")
    with pytest.raises(
        ImportError, match=r"no installed plugin exports PrevueYours; installed connectors: .*PrevueMine"
    ):
        load_connector("PrevueYours")


def test_a_connector_is_imported_from_prevue(install, python):
    install("prevue-mine", "PrevueMine = fractions:Fraction")
    source = "import sys\nfrom prevue import PrevueMine\nprint(PrevueMine(1, 2))"
    assert python(source).stdout == "1/2\n"


def test_a_connector_is_loaded_only_when_it_is_imported(install, python):
    install("prevue-mine", "PrevueMine = fractions:Fraction")
    source = "import sys, prevue\nassert 'PrevueMine' in dir(prevue)\nprint('fractions' in sys.modules)"
    assert python(source).stdout == "False\n"


def test_two_exports_of_one_name_are_refused_with_both_distributions(install):
    install("prevue-mine", "PrevueTwice = fractions:Fraction")
    install("prevue-yours", "PrevueTwice = decimal:Decimal")
    with pytest.raises(PluginError, match="PrevueTwice is exported by prevue-mine and prevue-yours; uninstall one"):
        prevue.PrevueTwice  # noqa: B018 - the access is the point


def test_dir_lists_the_public_names_and_the_connectors(install):
    install("prevue-mine", "PrevueMine = fractions:Fraction")
    assert {*prevue.__all__, "PrevueMine"} <= set(dir(prevue))


def test_a_connector_that_its_plugin_does_not_have_names_the_plugin(install):
    install("prevue-mine", "PrevueMine = fractions:Fractions")
    with pytest.raises(ImportError, match="PrevueMine of prevue-mine cannot be loaded: module 'fractions' has no attr"):
        load_connector("PrevueMine")
