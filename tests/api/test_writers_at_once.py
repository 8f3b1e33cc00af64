"""Eight writers at once, and the real server: what was answered is stored, once, also when the server is killed."""

import http.client
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from urllib.parse import urlsplit

import orjson
import pytest

from api.posting import NDJSON, lines, path_of
from core.stream import Stream, metrics, start
from prevue_core.db.models import Metric, Series, Writer
from serving import served

WRITERS, BATCHES, RECORDS = 8, 6, 20


@pytest.fixture
def serve(database_url, tmp_path):
    """Start the backend over the database under test."""
    return lambda: served("backend", "--port", "0", data=tmp_path, PREVUE_DATABASE_URL=database_url, PREVUE_PLUGINS="")


class Client:
    """One writer. It sends each of its batches twice, as if the first answer had been lost."""

    def __init__(self, number, run_id=None):
        self.number, self.stream, self.statuses = number, Stream(run_id), []
        self.records = [start(rank=number), *(metrics(step, self.values(step)) for step in range(BATCHES * RECORDS))]

    def values(self, step):
        return {"loss": step, "val_loss": self.number, f"own/{self.number}": 1.5}

    def send(self, url, answered=lambda: None):
        """Send what is not answered yet, until all is or the server is gone."""
        connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
        try:
            while self.stream.next_seq < len(self.records):
                for _ in range(2):
                    answer = self.post(connection)
                self.stream.next_seq = answer["next_seq"]
                answered()
        except (ConnectionError, http.client.HTTPException):
            pass
        finally:
            connection.close()

    def post(self, connection):
        batch = self.records[self.stream.next_seq :][:RECORDS]
        connection.request("POST", path_of(self.stream), lines(*batch), {"Content-Type": NDJSON})
        answer = connection.getresponse()
        self.statuses.append(answer.status)
        return orjson.loads(answer.read())


def send_all(clients, url, **options):
    with ThreadPoolExecutor(len(clients)) as threads:
        list(threads.map(lambda client: client.send(url, **options), clients))


def check_stored(clients):
    for client in clients:
        assert client.stream.next_seq == len(client.records)
        rows = Metric.select(Metric.step, Metric.loss_value).where(Metric.run_id == client.stream.run_id)
        rows = rows.where(Metric.rank == client.number, Metric.split == "train", Metric.loss_name == "loss")
        assert sorted(rows.tuples()) == [(step, float(step)) for step in range(BATCHES * RECORDS)]
        writer = Writer.get(Writer.writer_id == client.stream.writer_id)
        assert writer.next_seq == len(client.records)
    assert {(row.count, row.row_count, row.rewritten) for row in Series.select()} == {
        (BATCHES * RECORDS, BATCHES * RECORDS, False)
    }


@pytest.mark.parametrize("is_one_run", [True, False])
def test_nothing_is_lost_and_nothing_doubled(serve, database, is_one_run):
    first = Client(0)
    others = [Client(number, first.stream.run_id if is_one_run else None) for number in range(1, WRITERS)]
    with serve() as server:
        send_all([first, *others], server.address("backend"))
        assert "locked" not in server.logged()
        assert server.stop() == 0
    check_stored([first, *others])
    assert {status for client in [first, *others] for status in client.statuses} == {200}


def test_what_was_answered_is_stored_though_the_server_is_killed(serve, database):
    clients = [Client(number) for number in range(WRITERS)]
    with serve() as server:
        answers = count(1)

        def kill_in_between() -> None:
            if next(answers) == 2 * WRITERS:
                server.process.kill()

        send_all(clients, server.address("backend"), answered=kill_in_between)
    known = {str(writer.writer_id): writer.next_seq for writer in Writer.select()}
    assert sum(client.stream.next_seq for client in clients) >= 2 * WRITERS * RECORDS
    for client in clients:
        assert known.get(client.stream.writer_id, 0) >= client.stream.next_seq
    with serve() as server:
        send_all(clients, server.address("backend"))
    check_stored(clients)
