"""What all tests share. The same tests of the server run on either database: `pytest --database postgresql`."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any

import pytest

# Nothing of the server is imported up here: the client's tests run where it is not installed.


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--database",
        choices=("sqlite", "postgresql"),
        default="sqlite",
        help="where the server's tests store; postgresql: PREVUE_TEST_DATABASE_URL, or a server started for the tests",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "postgresql: says something about PostgreSQL only")
    os.environ["PREVUE_SYSTEM_METRICS"] = "0"  # tests count what trainings log, and samples come when they like


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--database") == "sqlite":
        elsewhere = [item for item in items if item.get_closest_marker("postgresql")]
        items[:] = [item for item in items if item not in elsewhere]
        config.hook.pytest_deselected(items=elsewhere)


@dataclass(frozen=True)
class Databases:
    """Makes databases on the server under test, or files; each is gone after the `with`, which has its URL."""

    empty: Callable[[], AbstractContextManager[str]]
    migrated: Callable[[], AbstractContextManager[str]]


@pytest.fixture(scope="session")
def databases(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Databases]:
    if request.config.getoption("--database") == "sqlite":
        yield _sqlite_files(tmp_path_factory.mktemp("sqlite"))
    else:
        with _postgresql_databases() as databases:
            yield databases


def _sqlite_files(folder: Any) -> Databases:
    template = folder / "template.sqlite"
    _migrate(f"sqlite:///{template}")
    numbers = count()

    @contextmanager
    def empty(from_template: bool = False) -> Iterator[str]:
        path = folder / f"{next(numbers)}.sqlite"
        if from_template:
            shutil.copyfile(template, path)
        yield f"sqlite:///{path}"
        for leftover in folder.glob(f"{path.name}*"):
            leftover.unlink()

    return Databases(empty, lambda: empty(from_template=True))


@contextmanager
def _postgresql_databases() -> Iterator[Databases]:
    import postgres  # beside this file
    from prevue_core.db.models import TABLES, Store

    tables = [table._meta.table_name for table in reversed(TABLES) if table is not Store]
    with ExitStack() as stack:
        server_url = stack.enter_context(postgres.server(os.environ.get("PREVUE_TEST_DATABASE_URL")))
        template_url = stack.enter_context(postgres.fresh_database(server_url))
        _migrate(template_url)
        migrations = postgres.wipe(template_url, tables)
        clean: list[str] = []

        @contextmanager
        def migrated() -> Iterator[str]:
            # To wipe a database takes a few ms, to copy the template up to 100: PostgreSQL waits for its files.
            if clean:
                url = clean.pop()
            else:
                url = stack.enter_context(postgres.fresh_database(server_url, postgres.name_of(template_url)))
            yield url
            if postgres.wipe(url, tables) == migrations:
                clean.append(url)

        yield Databases(lambda: postgres.fresh_database(server_url), migrated)


def _migrate(url: str) -> None:
    from prevue_core.db import connection, schema

    database = connection.connect(url)
    schema.upgrade(database)
    _close(database)


def _close(database: Any) -> None:
    from prevue_core.db import connection

    database.close()
    if hasattr(database, "close_all"):  # a pool
        database.close_all()
    connection.db.initialize(None)


@contextmanager
def _connected(url: str) -> Iterator[Any]:
    from prevue_core.db import connection

    database = connection.connect(url)
    try:
        yield database
    finally:
        _close(database)


@pytest.fixture
def empty_database(databases: Databases) -> Iterator[Any]:
    """A database without tables, to which the models are bound."""
    with databases.empty() as url, _connected(url) as database:
        yield database


@pytest.fixture
def database_url(databases: Databases) -> Iterator[str]:
    """The URL of a database with empty tables."""
    with databases.migrated() as url:
        yield url


@pytest.fixture
def database(database_url: str) -> Iterator[Any]:
    """A database with empty tables, open, to which the models are bound."""
    with _connected(database_url) as database:
        database.connect()
        yield database


@pytest.fixture(scope="session")
def app() -> Any:
    """The backend; it works on the database to which the models are bound at the time."""
    from prevue_core.api.app import create_app
    from prevue_core.settings import server_settings

    return create_app(server_settings(environ={"PREVUE_AUTH": "open"}))


@pytest.fixture
def client(app: Any, database: Any) -> Any:
    """A client of the backend over `database`."""
    return app.test_client()
