import pytest

from prevue_core.db import connection


@pytest.fixture
def client_of(app):
    """Return a client of a backend over the database at a URL, whatever is there."""
    made = []

    def client_of(url):
        made.append(connection.connect(url))
        return app.test_client()

    yield client_of
    for database in made:
        database.close()
    connection.db.initialize(None)


AWAY = ["sqlite:////no/such/folder/prevue.sqlite", "postgresql://me@127.0.0.1:1/prevue"]


def test_a_backend_with_its_database_is_alive_and_ready(client):
    assert client.get("/healthz").json == {"status": "ok"}
    assert client.get("/readyz").json == {"status": "ok"}


@pytest.mark.parametrize("url", AWAY)
def test_a_backend_without_its_database_is_alive(client_of, url):
    assert client_of(url).get("/healthz").json == {"status": "ok"}


@pytest.mark.parametrize("url", AWAY)
def test_a_backend_without_its_database_is_not_ready(client_of, problem_of, url):
    assert "the database does not answer" in problem_of(client_of(url).get("/readyz"), 503)["detail"]


def test_a_backend_whose_tables_are_missing_is_not_ready(client_of, problem_of, databases):
    with databases.empty() as url:
        answer = client_of(url).get("/readyz")
        connection.db.close()
    assert "`prevue db upgrade` has not been run" in problem_of(answer, 503)["detail"]


def test_a_backend_before_a_newer_database_is_not_ready(client, problem_of, database):
    database.execute_sql("INSERT INTO schema_migrations (name, applied) VALUES ('9999_newer', '2100-01-01 00:00:00')")
    problem_of(client.get("/readyz"), 503)


def test_being_alive_asks_no_database(client_of):
    client = client_of(AWAY[0])
    assert client.get("/healthz").status_code == 200
    assert connection.db.is_closed()
