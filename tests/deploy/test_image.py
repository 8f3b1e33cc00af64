"""The Dockerfile copies what it needs, and the lock has all that Prevue needs."""

import re
import tomllib

from packaging.requirements import Requirement

from deploy.manifests import dockerfile
from pages import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PLUGINS = sorted(path.parent for path in (ROOT / "plugins").glob("*/pyproject.toml"))


def locked() -> dict[str, str]:
    """Return the versions in requirements.txt; each has a hash."""
    text = (ROOT / "requirements.txt").read_text()
    entries = re.findall(r"^([a-z0-9-]+)==(\S+) \\\n((?: +--hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", text, re.MULTILINE)
    assert len(entries) == len(re.findall(r"^[a-z]", text, re.MULTILINE))
    return {name: version for name, version, _ in entries}


def test_the_lock_has_what_the_servers_need() -> None:
    versions = locked()
    wanted = [
        *PROJECT["project"]["dependencies"],
        *PROJECT["project"]["optional-dependencies"]["server"],
        *PROJECT["build-system"]["requires"],
    ]
    for requirement in map(Requirement, wanted):
        assert requirement.specifier.contains(versions[requirement.name]), requirement


def test_the_lock_names_no_registry() -> None:
    assert not re.search(r"^-|://", (ROOT / "requirements.txt").read_text(), re.MULTILINE)


def test_plugins_need_nothing_in_the_image_but_their_framework() -> None:
    frameworks = {"scikit-learn"}
    for plugin in PLUGINS:
        needed = tomllib.loads((plugin / "pyproject.toml").read_text())["project"]["dependencies"]
        assert {Requirement(one).name for one in needed} <= {"prevue", *frameworks, *locked()}


def test_what_is_copied_exists_and_is_not_ignored() -> None:
    allowed = re.findall(r"^!(.+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE)
    for stage in ("build", "dev"):
        for name, rest in dockerfile(stage):
            if name == "COPY":
                sources = [word for word in rest.split() if not word.startswith("--")][:-1]
                assert set(sources) <= set(allowed)
                assert all((ROOT / source).exists() for source in sources)


def test_every_package_and_plugin_is_in_the_image() -> None:
    copied = " ".join(rest for name, rest in dockerfile("build") if name == "COPY")
    for package in PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]:
        assert f" {package} {package}" in copied
    assert " plugins plugins" in copied
    [path] = [rest for name, rest in dockerfile("dev") if name == "ENV"]
    assert path == "PYTHONPATH=" + ":".join(["/app", *(f"/app/plugins/{plugin.name}" for plugin in PLUGINS)])
