"""Records on their way over HTTP."""

from typing import Any

import orjson
from werkzeug.test import TestResponse

from core.stream import Stream

NDJSON = "application/x-ndjson"


def path_of(stream: Stream, first_seq: int | None = None) -> str:
    """Return where a stream's records go."""
    first_seq = stream.next_seq if first_seq is None else first_seq
    return f"/api/v1/runs/{stream.run_id}/writers/{stream.writer_id}/records?first_seq={first_seq}"


def post(client: Any, stream: Stream, *records: Any, first_seq: int | None = None) -> TestResponse:
    """Post records as JSON."""
    answer = client.post(path_of(stream, first_seq), json={"records": records})
    if answer.status_code == 200:
        stream.next_seq = answer.json["next_seq"]
    return answer


def post_body(client: Any, stream: Stream, body: bytes, content_type: str = NDJSON, **headers: str) -> TestResponse:
    """Post a body as it is."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.post(path_of(stream), data=body, content_type=content_type, headers=named)


def lines(*records: Any) -> bytes:
    """Return records as NDJSON."""
    return b"".join(orjson.dumps(record) + b"\n" for record in records)
