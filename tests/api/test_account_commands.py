"""The commands for accounts against a real server, and trainings before and after a login."""

import json
import os
import re
import stat
import subprocess
import sys

import pytest

from serving import served

PASSWORD = "correct horse battery"
TRAINING = """
import prevue
with prevue.init(project="net", uid="ignored") as run:
    run.log({"loss": 0.5})
"""


@pytest.fixture
def server(tmp_path):
    """A backend in `auth` mode; its log has the first admin's code."""
    with served("backend", "--port", "0", data=tmp_path / "data", PREVUE_AUTH="auth") as process:
        process.url = process.address("backend")
        yield process


@pytest.fixture
def on_a_machine(server, tmp_path):
    """Run Python or a command of ours as somebody at a machine of their own."""

    def run(machine, *command, input=None):
        home = tmp_path / machine
        home.mkdir(exist_ok=True)
        environ = {name: value for name, value in os.environ.items() if not name.startswith(("PREVUE_", "XDG_"))}
        environ |= {"HOME": str(home), "PREVUE_URL": server.url}
        done = subprocess.run(
            [sys.executable, *command], env=environ, input=input, capture_output=True, text=True, timeout=60
        )
        return done.returncode, done.stdout, done.stderr

    return run


@pytest.fixture
def prevue(on_a_machine):
    """Run a command of ours that works, and return what it printed."""

    def run(machine, *command, input=None):
        code, told, wrong = on_a_machine(machine, "-m", "prevue", *command, input=input)
        assert code == 0, wrong
        return told

    return run


@pytest.fixture
def admin(server, prevue):
    """Be logged in as the first admin, on the machine `admin`."""
    url, code = re.search(r"prevue login (\S+) --code (\S+)", server.logged()).groups()
    assert url.replace("127.0.0.1", "localhost") == server.url.replace("127.0.0.1", "localhost")
    command = ("login", server.url, "--code", code, "--user", "root", "--password-file", "-")
    return prevue("admin", *command, input=PASSWORD)


def add(prevue, name):
    made = json.loads(prevue("admin", "user", "add", name, "--json"))
    prevue(name, "login", "--code", made["code"], "--password-file", "-", input=PASSWORD)


def test_the_first_admin_logs_in_with_the_line_of_the_log(server, admin, tmp_path):
    assert f"Logged in to {server.url} as root, until " in admin
    kept = tmp_path / "admin" / ".config" / "prevue" / "tokens.json"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert set(json.loads(kept.read_text())) == {server.url}
    assert PASSWORD not in server.logged()


def test_a_training_before_the_login_loses_nothing(server, admin, prevue, on_a_machine):
    code, _, wrong = on_a_machine("alice", "-c", TRAINING)
    assert code == 0
    assert f"`prevue login {server.url}` gets a token" in wrong
    code = re.search(r"--code (\S+)", prevue("admin", "user", "add", "alice"))[1]
    told = prevue("alice", "login", "--code", code, "--password-file", "-", input=PASSWORD)
    assert "as alice" in told
    assert " records sent." in told
    _, told, _ = on_a_machine("alice", "-c", "import prevue; print(prevue.Api().runs('net'))")
    assert "user='alice'" in told


def test_after_the_login_a_training_logs_under_the_tokens_name(prevue, admin, on_a_machine):
    add(prevue, "alice")
    code, _, wrong = on_a_machine("alice", "-c", TRAINING)
    assert (code, wrong.count("uid 'ignored' is not used")) == (0, 1)
    shown = "import prevue; print([(one.user, one.project_name) for one in prevue.Api().projects()])"
    assert on_a_machine("alice", "-c", shown)[1] == "[('alice', 'net')]\n"
    assert on_a_machine("admin", "-c", shown)[1] == "[('alice', 'net')]\n"
    add(prevue, "bob")
    assert on_a_machine("bob", "-c", shown)[1] == "[]\n"


def test_a_token_for_a_node_is_printed_once_and_revoked(prevue, admin, on_a_machine):
    add(prevue, "alice")
    assert on_a_machine("alice", "-c", TRAINING)[0] == 0
    token = prevue("alice", "token", "create", "node", "--project", "net").strip()
    listed = prevue("alice", "token", "list")
    assert f"{token[4:12]}  node  (ingest)  until " in listed
    training = TRAINING.replace("init(", f"init(token={token!r}, ")
    assert on_a_machine("node", "-c", training)[2].count("uid 'ignored' is not used") == 1
    prevue("alice", "token", "revoke", token[4:12])
    assert "the token is not known, or over" in on_a_machine("node", "-c", training)[2]


def test_logging_out_revokes_the_token(server, prevue, admin, on_a_machine):
    assert prevue("admin", "logout") == f"Logged out of {server.url}.\n"
    code, _, wrong = on_a_machine("admin", "-m", "prevue", "user", "list")
    assert (code, wrong) == (1, f"Error: {server.url}: no token was sent; `prevue login` gets one\n")
    assert "There is no login" in prevue("admin", "logout")


def test_users_are_listed_and_get_new_codes(prevue, admin):
    add(prevue, "alice")
    assert prevue("admin", "user", "list") == "alice\nroot    admin\n"
    code = re.search(r"--code (\S+)", prevue("admin", "user", "code", "alice"))[1]
    prevue("alice", "login", "--code", code, "--password-file", "-", input="another long password")


@pytest.mark.parametrize(
    ("command", "input", "told"),
    [
        (
            ("login", "--user", "root", "--password-file", "-"),
            "not the password",
            "the user name or the password is wrong",
        ),
        (("login", "--code", "pvf_x", "--user", "eve", "--password-file", "-"), PASSWORD, "code is not known"),
        (
            ("user", "add", "root"),
            None,
            "user 'root' exists; a new password needs a one-time code: prevue user code root",
        ),
        (("user", "code", "nobody"), None, "user 'nobody' does not exist"),
        (("token", "create", "a", "--project", "nothing"), None, "project root/nothing does not exist"),
        (("token", "revoke", "nothing1"), None, "token 'nothing1' does not exist"),
        (("token", "create", "a", "--days", "0"), None, "days: Must be greater than or equal to 1"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(admin, on_a_machine, command, input, told):
    code, _, wrong = on_a_machine("admin", "-m", "prevue", *command, input=input)
    assert code == 1
    assert wrong.startswith("Error: ")
    assert wrong.count("\n") == 1
    assert told in wrong


def test_an_open_server_needs_no_login(tmp_path, on_a_machine):
    with served("backend", "--port", "0", data=tmp_path / "open") as process:
        url = process.address("backend")
        code, told, _ = on_a_machine("alice", "-m", "prevue", "login", url)
        assert (code, told) == (0, f"{url} is open: it has no accounts, and needs no login.\n")
        code, _, wrong = on_a_machine("alice", "-m", "prevue", "user", "add", "eve", "--url", url)
        assert code == 1
        assert wrong.endswith("this server is open: it has no accounts, and needs no login\n")
        assert on_a_machine("alice", "-c", TRAINING.replace("init(", f"init(url={url!r}, "))[0] == 0
        for project in ("net", "ignored/net"):
            command = ("token", "create", "node", "--project", project, "--url", url)
            code, _, wrong = on_a_machine("alice", "-m", "prevue", *command)
            assert (code, wrong) == (1, f"Error: {url} is open: it has no accounts, and needs no token\n")


def test_the_password_of_the_settings_is_the_first_admins(tmp_path, on_a_machine):
    file = tmp_path / "password"
    file.write_text(PASSWORD + "\n")
    settings = {"PREVUE_AUTH": "auth", "PREVUE_ADMIN_PASSWORD_FILE": str(file)}
    with served("backend", "--port", "0", data=tmp_path / "other", **settings) as process:
        url = process.address("backend")
        command = ("-m", "prevue", "login", url, "--user", "admin", "--password-file", "-")
        code, told, wrong = on_a_machine("admin", *command, input=PASSWORD)
        assert (code, "--code" in process.logged()) == (0, False), wrong
    assert "as admin" in told
