"""The OpenAPI document and its page."""

import base64
import re
import struct

import orjson
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from api.posting import post
from core.stream import Stream, end, event, metrics, model, start
from prevue_core import contract
from prevue_core.db import ingest

RECORDS = "/api/v1/runs/{run_id}/writers/{writer_id}/records"
JSON, CSV = "application/json", "text/csv; charset=utf-8"
PROBLEM = {"$ref": "#/components/schemas/Problem"}


@pytest.fixture
def document(client):
    return client.get("/api/openapi.json").json


@pytest.fixture
def operations(document):
    """Every operation of the document, by method and path."""
    return {
        (method, path): operation
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method != "parameters"
    }


def test_the_document_is_valid(document):
    assert [str(error) for error in OpenAPIV31SpecValidator(document).iter_errors()] == []


def test_every_route_is_in_the_document(client, operations):
    of_the_page = {
        "/",
        "/api/openapi.json",
        "/api/checks",
        "/api/docs/",
        "/api/docs/<path:path>",
        "/api/docs/dist/<path:filename>",
    }
    routes = {
        (method.lower(), re.sub(r"<(?:[^:<>]*:)?(\w+)>", r"{\1}", rule.rule))
        for rule in client.application.url_map.iter_rules()
        for method in rule.methods - {"HEAD", "OPTIONS"}
        if rule.rule not in of_the_page
    }
    assert set(operations) == routes


def test_every_operation_says_what_it_does_and_answers(operations):
    for operation in operations.values():
        assert operation["summary"]
        (success,) = (status for status in operation["responses"] if status.startswith("2"))
        assert success == "204" or operation["responses"][success]["content"].keys() & {JSON, "text/plain", CSV}


def test_every_error_is_documented_as_problem_json(document, operations):
    for operation in operations.values():
        assert "default" in operation["responses"]
        for status, response in operation["responses"].items():
            if not status.startswith("2"):
                response = document["components"]["responses"][response["$ref"].rpartition("/")[2]]
                assert response["content"] == {"application/problem+json": {"schema": PROBLEM}}


def test_an_error_has_no_field_that_is_not_documented(client, document, stream):
    documented = set(document["components"]["schemas"]["Problem"]["properties"])
    errors = [
        client.get("/api/v1/runs?limit=0"),
        client.get("/nothing"),
        post(client, stream, first_seq=9),
        post(client, Stream(), {}),
    ]
    for error in errors:
        assert set(error.json) <= documented


def test_records_are_documented_as_json_first_and_as_lines_second(operations):
    # Page and generators take the first, which every client can send.
    assert re.findall(r'"application/[^"]*"', orjson.dumps(operations["post", RECORDS]["requestBody"]).decode()) == [
        '"application/json"',
        '"application/x-ndjson"',
    ]


def test_the_document_is_sent_in_that_order(client):
    text = client.get("/api/openapi.json").text
    body = text[text.index('"requestBody"') :]
    assert body.index("application/json") < body.index("application/x-ndjson")


@pytest.fixture
def record_schemas(document):
    """The documented schema of each type of record."""
    schemas = document["components"]["schemas"]
    mapping = schemas["Records"]["properties"]["records"]["items"]["discriminator"]["mapping"]
    return {kind: schemas[reference.rpartition("/")[2]] for kind, reference in mapping.items()}


def test_the_documented_records_are_those_that_are_stored(record_schemas):
    assert set(record_schemas) == set(ingest.STORED_TYPES) == set(contract.RECORD_TYPES)


def test_each_documented_record_names_its_own_type(record_schemas):
    assert {kind: schema["properties"]["type"]["enum"] for kind, schema in record_schemas.items()} == {
        kind: [kind] for kind in record_schemas
    }


# A record of each type with every documented field, as it stands at number 1 (a start at number 0).
COMMON = {"time": 1_700_000_000, "seq": 1}
LABELS = {"rank": 0, "world_size": 2, "host": "h", "pid": 1}
WHERE = {"config": {}, "environment": {}, "tags": ["a"], "notes": "n", "group": "g", **LABELS}
KEY = "019ab1c2-0000-7000-8000-000000000001"
EVALUATION = {"type": "evaluation", "key": KEY, "name": "test", "task": "regression", "stored": 1}
OF_SAMPLES = {"slices": ["group"], "features": ["size"]}
OF_CLASSES = {"labels": [], "positive": 0, "score_type": "logit", "score_count": 0}
ONE = base64.b64encode(struct.pack("<d", 1)).decode()
PREDICTIONS = {"type": "predictions", "key": KEY, "first": 0, "count": 1, "target": ONE, "prediction": ONE, **COMMON}
FULL = [
    {**start(connector_name="keras", run_name="try", **WHERE), **COMMON, "seq": 0},
    {**metrics(0, {"loss": 1}, epoch=0, batch=0, split="train"), **COMMON},
    {**model("net", layers=[]), **COMMON},
    {"type": "config", "config": {"lr": 1}, **COMMON},
    {"type": "environment", "environment": {"git_dirty": True}, **COMMON},
    {"type": "result", "kind": "text", "name": "n", "split": "val", "step": 3, "payload": {"text": "t"}, **COMMON},
    {**EVALUATION, **OF_SAMPLES, **OF_CLASSES, "split": "test", "step": 3, "samples": 2, **COMMON},
    {
        **PREDICTIONS,
        "sample_ids": ["a"],
        "slices": [["x"]],
        "scores": "",
        "classes": "",
        "weight": ONE,
        "features": ONE,
    },
    {**event(), "step": 3, "level": "warn", **COMMON},
    {"type": "gap", "until": 5, "reason": "damaged", "count": 5, **COMMON},
    {**end(state="failed", message="no", environment={"exit_code": 1}), **COMMON},
]
each_record = pytest.mark.parametrize("record", FULL, ids=lambda record: record["type"])


@pytest.fixture
def send(client):
    """Send a record as a writer's first, or behind its start; predictions behind what they are of."""

    def send(record):
        before = [] if record["type"] == "start" else [start()]
        if record["type"] == "predictions":
            before.append({**EVALUATION, **{name: OF_SAMPLES[name] for name in OF_SAMPLES if name in record}})
            record = {**record, "seq": 2}
        return post(client, Stream(), *before, record)

    return send


@each_record
def test_a_record_with_every_documented_field_is_stored(send, record_schemas, record):
    assert set(record) == set(record_schemas[record["type"]]["properties"])
    assert send(record).json["rejected_count"] == 0


@each_record
def test_a_record_with_its_required_fields_alone_is_stored(send, record_schemas, record):
    bare = {name: record[name] for name in record_schemas[record["type"]]["required"]}
    assert send(bare).json["rejected_count"] == 0


@each_record
def test_a_record_without_one_of_its_required_fields_is_not_stored(send, record_schemas, record):
    for missing in set(record_schemas[record["type"]]["required"]) - {"type"}:
        answer = send({name: value for name, value in record.items() if name != missing})
        assert answer.status_code == 400 or answer.json["rejected_count"] == 1


def test_the_limits_are_in_the_document(document, operations):
    parameters = {
        parameter["name"]: parameter["schema"] for parameter in operations["get", "/api/v1/runs"]["parameters"]
    }
    assert (parameters["limit"]["maximum"], parameters["limit"]["default"]) == (1_000, 100)
    assert document["components"]["schemas"]["Records"]["properties"]["records"]["maxItems"] == contract.MAX_RECORDS


# the page


def test_the_root_leads_to_the_page(client):
    answer = client.get("/", follow_redirects=True)
    assert (answer.status_code, answer.request.path) == (200, "/api/docs/")
    assert "/api/openapi.json" in answer.text


def test_the_page_and_its_scripts_come_from_this_server(client):
    page = client.get("/api/docs/").text
    parts = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert any(part.endswith(".js") for part in parts)
    for part in parts:
        answer = client.get(part)
        assert (answer.status_code, part.startswith("/api/docs/")) == (200, True)
        answer.close()


def test_the_page_names_no_other_host(client):
    page = client.get("/api/docs/").text
    assert set(re.findall(r"https?://[^/\"']+", page)) <= {"http://localhost"}
    assert '"validatorUrl": "none"' in page  # else it would show the document to validator.swagger.io
