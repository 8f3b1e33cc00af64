"""Commands for accounts: `prevue login`, `logout`, `user` and `token`. All of them ask the server over HTTP."""

import datetime
import json
import socket
from typing import Any
from urllib.parse import quote

import click

from prevue.config import ClientSettings, client_settings, login_name
from prevue.credentials import forget_login, store_login, stored_login
from prevue.transport import HttpTransport
from prevue_core.contract import FIRST_CODE_PREFIX, SCOPES
from prevue_core.errors import InvalidValue, NotLoggedIn
from prevue_core.examples import examples

url_option = click.option("--url", help="The server.  [default: PREVUE_URL or http://localhost:8080]")
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")


@click.command(
    epilog=examples(
        "prevue login",
        "prevue login https://prevue.example --user alice",
        "prevue login http://localhost:8080 --code pvf_...",
    )
)
@click.argument("url", required=False)
@click.option("--code", help="One-time code, with which you set your password: from the server's log or an admin.")
@click.option("--user", "username", help="Your name there.  [default: asked for]")
@click.option("--password-file", type=click.File(), help="Read the password from a file, or from - (standard input).")
@click.pass_context
def login(context: click.Context, url: str | None, code: str | None, username: str | None, password_file: Any) -> None:
    """Log in to the server at URL (default: PREVUE_URL or http://localhost:8080).

    A token for this machine is kept in a file that only you can read, and used by trainings and commands. Trainings
    that run send what waited within a minute; what others left is sent at once.
    """
    settings = client_settings(url=url, token="")
    with HttpTransport(settings.url) as nobody:
        if nobody.get("/api/v1/identity")["mode"] == "open":
            click.echo(f"{settings.url} is open: it has no accounts, and needs no login.")
            return
        session = _session(nobody, code, username, password_file)
    with HttpTransport(settings.url, lambda: str(session["session"])) as transport:
        scopes = transport.get("/api/v1/identity")["scopes"]
        name = f"{login_name()} on {socket.gethostname()}"[:255]
        made = transport.post("/api/v1/tokens", {"token_name": name, "scopes": scopes})
        transport.delete("/api/v1/sessions/current")
    kept = {name: made[name] for name in ("token", "public_id", "expires_at")} | {"user": session["username"]}
    try:
        store_login(settings.tokens_file, settings.url, kept)
    except OSError as error:
        raise click.ClickException(f"the token cannot be kept in {settings.tokens_file}: {error.strerror}") from None
    click.echo(
        f"Logged in to {settings.url} as {session['username']}, until {_day(made['expires_at'])}. "
        f"The token is in {settings.tokens_file}."
    )
    sync = context.find_root().command.commands["sync"]  # type: ignore[attr-defined]
    context.invoke(sync, url=settings.url)


def _session(transport: HttpTransport, code: str | None, username: str | None, password_file: Any) -> dict[str, Any]:
    if username is None and (code is None or code.startswith(FIRST_CODE_PREFIX)):
        username = click.prompt("User name", default=login_name())
    if code is None:
        document = {"username": username, "password": _password(password_file, is_new=False)}
        return transport.post("/api/v1/sessions", document)
    document = {"code": code, "username": username, "password": _password(password_file, is_new=True)}
    return transport.post("/api/v1/sessions/with-code", document)


def _password(file: Any, *, is_new: bool) -> str:
    if file is not None:
        return str(file.readline().rstrip("\r\n"))
    prompt = "New password (10 characters at least)" if is_new else "Password"
    return str(click.prompt(prompt, hide_input=True, confirmation_prompt=is_new))


@click.command(epilog=examples("prevue logout http://localhost:8080"))
@click.argument("url", required=False)
def logout(url: str | None) -> None:
    """Revoke this machine's token of the server at URL, and forget it."""
    settings = client_settings(url=url)
    kept = stored_login(settings.tokens_file, settings.url)
    if kept is None:
        click.echo(f"There is no login to {settings.url} on this machine.")
        return
    with HttpTransport(settings.url, lambda: str(kept["token"])) as transport:
        try:
            transport.delete(f"/api/v1/tokens/{kept['public_id']}")
        except NotLoggedIn:  # over, or revoked already
            click.echo("The server does not know the token any more.")
    forget_login(settings.tokens_file, settings.url)
    click.echo(f"Logged out of {settings.url}.")


# users


@click.group()
def user() -> None:
    """Care for users. For admins."""


@user.command("add", epilog=examples("prevue user add alice --email alice@example.org"))
@click.argument("name")
@click.option("--email", help="An address to be shown.")
@click.option("--admin", "is_admin", is_flag=True, help="Sees everything and cares for users.")
@url_option
@json_option
def add_user(name: str, email: str | None, is_admin: bool, url: str | None, as_json: bool) -> None:
    """Add a user NAME, who sets a password with the one-time code that is printed.

    A name under which a client logged while the server was open becomes an account, and keeps its projects.
    """
    settings = client_settings(url=url)
    with _asking(settings) as transport:
        made = transport.post("/api/v1/users", {"username": name, "email": email, "is_admin": is_admin})
    _show_code(settings, made, as_json)


@user.command("code", epilog=examples("prevue user code alice"))
@click.argument("name")
@url_option
@json_option
def make_code(name: str, url: str | None, as_json: bool) -> None:
    """Print a one-time code with which user NAME sets a new password."""
    settings = client_settings(url=url)
    with _asking(settings) as transport:
        made = transport.post(f"/api/v1/users/{quote(name, safe='')}/code")
    _show_code(settings, made, as_json)


@user.command("list", epilog=examples("prevue user list --json"))
@url_option
@json_option
def list_users(url: str | None, as_json: bool) -> None:
    """List the users."""
    found: list[dict[str, Any]] = []
    with _asking(client_settings(url=url)) as transport:
        cursor: str | None = ""
        while cursor is not None:
            page = transport.get("/api/v1/users", {"limit": 1_000} | ({"cursor": cursor} if cursor else {}))
            found += page["items"]
            cursor = page["next"]
    if as_json:
        click.echo(json.dumps(found))
        return
    for one in found:
        words = ["admin"] * one["is_admin"] + ["has no password yet"] * (not one["can_log_in"])
        click.echo("  ".join([one["username"], one["email"] or "", *words]).rstrip())


def _show_code(settings: ClientSettings, made: dict[str, Any], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(made))
        return
    click.echo(f"Until {_day(made['expires_at'])}, {made['username']} sets a password and logs in with\n")
    click.echo(f"  prevue login {settings.url} --code {made['code']}\n")
    click.echo("or with the code on the dashboard's login page.")


# tokens


@click.group()
def token() -> None:
    """Care for your tokens, which programs show instead of a password."""


@token.command(
    "create",
    epilog=examples("prevue token create cluster", "prevue token create reports --scope read --days 7 --json"),
)
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice(SCOPES),
    default=["ingest"],
    show_default=True,
    help="What it may do; may be given several times.",
)
@click.option("--project", help="Only for this project: its name, or another's as alice/test.")
@click.option("--days", type=int, default=90, show_default=True, help="How long it is good.")
@url_option
@json_option
def create_token(
    name: str, scopes: tuple[str, ...], project: str | None, days: int, url: str | None, as_json: bool
) -> None:
    """Make a token called NAME and print it, this once. A program takes it from PREVUE_TOKEN.

    An `ingest` token logs and reads nothing, so a training node cannot give a project away.
    """
    with _asking(client_settings(url=url)) as transport:
        project_id = None if project is None else _project_id(transport, project)
        document = {"token_name": name, "scopes": list(scopes), "project_id": project_id, "days": days}
        made = transport.post("/api/v1/tokens", document)
    if as_json:
        click.echo(json.dumps(made))
        return
    click.echo(made["token"])
    click.echo(f"It is good until {_day(made['expires_at'])} and is not shown again.", err=True)


@token.command("list", epilog=examples("prevue token list --json"))
@url_option
@json_option
def list_tokens(url: str | None, as_json: bool) -> None:
    """List your tokens; each is named by the first characters behind its `pvt_`."""
    with _asking(client_settings(url=url)) as transport:
        found = transport.get("/api/v1/tokens")["items"]
    if as_json:
        click.echo(json.dumps(found))
        return
    for one in found:
        used = f"used {_day(one['used_at'])}" if one["used_at"] else "never used"
        scopes = ", ".join(one["scopes"])
        click.echo(f"{one['public_id']}  {one['token_name']}  ({scopes})  until {_day(one['expires_at'])}, {used}")


@token.command("revoke", epilog=examples("prevue token revoke 4fK2xPq9"))
@click.argument("public_id")
@url_option
def revoke_token(public_id: str, url: str | None) -> None:
    """End a token at once. An admin may end anybody's."""
    with _asking(client_settings(url=url)) as transport:
        transport.delete(f"/api/v1/tokens/{quote(public_id, safe='')}")
    click.echo(f"Token {public_id} is good no more.")


def _project_id(transport: HttpTransport, project: str) -> int:
    identity = transport.get("/api/v1/identity")
    if identity["mode"] == "open":
        raise InvalidValue(f"{transport.url} is open: it has no accounts, and needs no token")
    owner, _, name = project.rpartition("/")
    owner = owner or str(identity["user"])
    found = transport.get("/api/v1/projects", {"user": owner, "name": name})["items"]
    if not found:
        raise InvalidValue(f"project {owner}/{name} does not exist; a training's first log makes it")
    return int(found[0]["project_id"])


def _asking(settings: ClientSettings) -> HttpTransport:
    return HttpTransport(settings.url, settings.bearer)


def _day(seconds: float) -> str:
    return datetime.datetime.fromtimestamp(seconds).strftime("%Y-%m-%d %H:%M")
