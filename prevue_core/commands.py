"""The server's command `prevue backend`, and what others need to listen and to reach the database."""

import logging
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from prevue_core.errors import DatabaseInUse, PrevueError, SettingsError
from prevue_core.examples import examples
from prevue_core.listening import bind, is_on_network
from prevue_core.logs import set_up
from prevue_core.manager import plugins, refuse
from prevue_core.settings import Listening, ServerSettings, server_settings

if TYPE_CHECKING:
    import peewee

EX_CONFIG = 78  # sysexits.h: something is wrong in the configuration
RETRY_S = 2.0
WARN_EACH_S = 3600.0  # while everybody on the network may come in

log = logging.getLogger("prevue.backend")

data_option = click.option(
    "--data",
    "data_dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for the SQLite database.  [default: PREVUE_DATA_DIR or the user's data folder]",
)


@click.command(epilog=examples("prevue backend --data ./prevue-data"))
@click.option("--host", help="Address to listen on.  [default: PREVUE_HOST or 127.0.0.1]")
@click.option("--port", type=int, help="Port to listen on.  [default: PREVUE_PORT or 8080]")
@data_option
@click.option("--dashboard-url", help="Where / leads a browser.  [default: PREVUE_DASHBOARD_URL or the API page]")
def backend(host: str | None, port: int | None, data_dir: Path | None, dashboard_url: str | None) -> None:
    """Run the backend, which stores what training sends.

    The database is PREVUE_DATABASE_URL, or else an SQLite file in the data folder. Its tables are made or brought up
    to date at the start. On this machine alone it asks for no password; with PREVUE_AUTH=auth users log in, and the
    log says how the first admin does. Ctrl-C stops.
    """
    settings = settings_of(host=host, port=port, data_dir=data_dir, dashboard_url=dashboard_url)
    set_up(settings.log_format)
    with listening(settings, "backend") as (sockets, auth):
        database = connect(settings)
        from prevue_core.db import serving_lock  # the server's packages may not be installed

        with told(serving_lock.only_server()):
            _run(replace(settings, auth=auth), database, sockets)


def settings_of(**options: Any) -> ServerSettings:
    try:
        return server_settings(**options)
    except SettingsError as error:
        raise click.ClickException(str(error)) from None


@contextmanager
def listening(settings: Listening, command: str) -> Iterator[tuple[list[socket.socket], str]]:
    """Open with the bound sockets and `open` or `auth`; exit with a word where that cannot be.

    Nobody comes in from the network without a login, unless that is wished for in words.
    """
    try:
        sockets = bind(settings.host, settings.port)
    except OSError as error:
        raise click.ClickException(
            f"cannot listen on {settings.host} port {settings.port}: {error.strerror}; "
            "give another with --port, or stop what uses it"
        ) from None
    with ExitStack() as stack:
        for one in sockets:
            stack.enter_context(one)
        if settings.auth is None and is_on_network(sockets):
            click.echo(
                f"Error: {settings.host} can be reached from the network, and this {command} asks for no password. "
                "Either\n"
                f"  PREVUE_AUTH=auth prevue {command} --host {settings.host}      (users log in)\n"
                f"  prevue {command} --host 127.0.0.1      (this machine only)",
                err=True,
            )
            sys.exit(EX_CONFIG)
        yield sockets, settings.auth or "open"


@contextmanager
def told(lock: AbstractContextManager[None]) -> Iterator[None]:
    """Open with `lock`; exit with a word where another process works on the database."""
    try:
        with lock:
            yield
    except DatabaseInUse as error:
        raise click.ClickException(str(error)) from None


def _run(settings: ServerSettings, database: "peewee.Database", sockets: list[socket.socket]) -> None:
    from prevue_core.api.announcing import announcing  # the server's packages may not be installed
    from prevue_core.db import committing, patrol, retention
    from prevue_core.serving import serve

    address = "localhost" if settings.host in ("0.0.0.0", "::") else settings.host  # noqa: S104
    url = f"http://{address}:{sockets[0].getsockname()[1]}"
    _upgrade_or_keep_trying(database, settings.database_direct_url, lambda: _welcome(settings, url))
    if settings.auth == "open" and is_on_network(sockets):
        threading.Thread(target=_keep_warning, args=(settings.host,), name="prevue-warning", daemon=True).start()

    def tell() -> None:
        purging = (settings.trash_days, threading.Event())  # it ends with the process
        threading.Thread(target=retention.keep_purging, args=purging, name="prevue-purge", daemon=True).start()
        looking = (patrol.Patrol(60 * settings.stall_minutes, settings.alerts), announce, threading.Event())
        threading.Thread(target=patrol.keep_looking, args=looking, name="prevue-patrol", daemon=True).start()
        click.echo(f"Prevue's backend listens on {url}  (Ctrl-C stops)")
        click.echo(f"API page: {url}/api/docs/")

    with committing.one_writer(), announcing(plugins(refuse), settings.dashboard_url) as announce:
        serve(settings, sockets, tell, announce)


def _welcome(settings: ServerSettings, url: str) -> None:
    """Let the first admin in: with the password that the settings have, or a one-time code in the log."""
    from prevue_core.api.auth import tell_first_code
    from prevue_core.db import logins

    if settings.auth == "open":
        return
    if settings.admin_password is None:
        tell_first_code(url)
    elif logins.set_first_password(settings.admin_password):
        log.info("made the first admin, user 'admin', with the password that was set")


def _keep_warning(host: str) -> None:
    while True:
        log.warning("whoever reaches %s may read and log everything: PREVUE_AUTH=open asks for no password", host)
        threading.Event().wait(WARN_EACH_S)


def connect(settings: ServerSettings) -> "peewee.Database":
    try:
        from prevue_core.db import connection
    except ImportError as error:
        raise click.ClickException(f"{error.name} is not installed: pip install 'prevue[server]'") from None
    if settings.database_url.startswith("sqlite:") and str(settings.data_dir) in settings.database_url:
        try:
            settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            why = f"the database cannot be kept in {settings.data_dir}: {error.strerror}"
            raise click.ClickException(f"{why}; give another folder with --data or PREVUE_DATA_DIR") from None
    try:
        return connection.connect(settings.database_url)
    except SettingsError as error:
        raise click.ClickException(str(error)) from None


def _upgrade_or_keep_trying(database: "peewee.Database", direct_url: str | None, then: Callable[[], None]) -> None:
    """Bring the tables up to date, and call `then`; while the database is away the server answers 503 and this goes
    on behind it."""
    import peewee

    from prevue_core.db import schema

    def attempt() -> bool:
        try:
            for name in schema.upgrade(database, direct_url):
                log.info("applied migration %s", name)
            with database.connection_context():
                then()
        except peewee.OperationalError as error:
            log.warning("the database does not answer; trying again each %g s: %s", RETRY_S, str(error).split("\n")[0])
            return False
        return True

    def keep_trying() -> None:
        log.setLevel(logging.ERROR)  # it was told once
        while not threading.Event().wait(RETRY_S) and not attempt():
            continue
        log.setLevel(logging.INFO)
        log.info("the database answers")

    try:
        if not attempt():
            threading.Thread(target=keep_trying, name="prevue-upgrade", daemon=True).start()
    except PrevueError as error:
        raise click.ClickException(str(error)) from None
