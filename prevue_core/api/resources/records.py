"""Records: the one way in, for metrics, models, events and the beginning and end of runs."""

import uuid
import zlib
from typing import Any

import apispec
import flask
import flask_smorest
import marshmallow as ma
import orjson

from prevue_core import contract
from prevue_core.api.blueprint import Blueprint, identity
from prevue_core.api.fields import NUMBER, json_response
from prevue_core.api.watching import count_records
from prevue_core.db import ingest, schema
from prevue_core.db.accounts import INGEST
from prevue_core.errors import RecordRefused, shown
from prevue_core.evaluation_records import BLOCK_SAMPLES, SCORE_TYPES, TASKS
from prevue_core.result_kinds import KINDS
from prevue_core.settings import Limits

blueprint = Blueprint("records", __name__, description="The one way in for all that runs log")

JSON, NDJSON = "application/json", "application/x-ndjson"


class RecordsArguments(ma.Schema):
    first_seq = ma.fields.Integer(
        required=True,
        validate=ma.validate.Range(0, contract.MAX_INT64),
        metadata={"description": "number of the first record; a writer's records are 0, 1, 2 ..."},
    )


class RejectedSchema(ma.Schema):
    seq = ma.fields.Integer(required=True)
    reason = ma.fields.String(required=True)


class RecordsAnswerSchema(ma.Schema):
    next_seq = ma.fields.Integer(required=True, metadata={"description": "number to go on with"})
    user = ma.fields.String(
        required=True,
        allow_none=True,
        metadata={
            "description": "whose token was sent: the user whom a new run belongs to, whatever the `uid` of its start"
        },
    )
    store_id = ma.fields.UUID(required=True, metadata={"description": "identity of the database"})
    rejected = ma.fields.List(
        ma.fields.Nested(RejectedSchema),
        required=True,
        metadata={"description": "records that used their number and are not stored, the first 100"},
    )
    rejected_count = ma.fields.Integer(required=True)


# Records are documented here and checked by `ingest`: a schema would cost 10 us a point.
_SEQ = {"type": "integer", "minimum": 0, "description": "may be left out: first_seq, first_seq + 1 ..."}
_TIME = {"type": "number", "description": "UNIX seconds; left out: now"}
_STEP = {"type": "integer", "format": "int64"}
_TEXT = {"type": "string"}
_TEXTS = {"type": "array", "items": _TEXT}
_PACKED = {**_TEXT, "contentEncoding": "base64"}  # arrays of numbers, little endian
_RECORDS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "start": (
        {
            "project": {**_TEXT, "description": "`test` is the user's own, `alice/test` another's"},
            "uid": {**_TEXT, "description": "name of the user"},
            "connector_name": _TEXT,
            "run_name": _TEXT,
            "config": {"type": "object"},
            "environment": {"type": "object"},
            "tags": {"type": "array", "items": _TEXT},
            "notes": _TEXT,
            "group": _TEXT,
            "rank": {"type": "integer"},
            "world_size": {"type": "integer", "format": "int64", "description": "ranks of the training"},
            "host": _TEXT,
            "pid": {"type": "integer"},
        },
        ["project", "uid"],
    ),
    "metrics": (
        {
            "step": _STEP,
            "epoch": _STEP,
            "batch": _STEP,
            "split": {**_TEXT, "description": "left out: a prefix such as `val_` names it, else `train`"},
            "values": {"type": "object", "additionalProperties": NUMBER, "minProperties": 1},
        },
        ["step", "values"],
    ),
    "model": (
        {"model_name": _TEXT, "connector_name": _TEXT, "architecture": {"type": "object"}},
        ["model_name", "connector_name"],
    ),
    "config": ({"config": {"type": "object"}}, ["config"]),
    "environment": ({"environment": {"type": "object"}}, ["environment"]),
    "result": (
        {
            "kind": {**_TEXT, "description": f"{', '.join(KINDS)}, or a plugin's own with a dot in it"},
            "name": _TEXT,
            "split": {**_TEXT, "description": "left out: a prefix such as `val_` of the name tells it, else `train`"},
            "step": _STEP,
            "payload": {"type": "object", "description": "the fields of the kind; see the page on results"},
        },
        ["kind", "name", "payload"],
    ),
    "evaluation": (
        {
            "key": {**_TEXT, "format": "uuid", "description": "a new one for each evaluation"},
            "name": _TEXT,
            "split": {**_TEXT, "description": "left out: `test`"},
            "task": {**_TEXT, "enum": list(TASKS)},
            "step": _STEP,
            "labels": {**_TEXTS, "description": "names of the classes 0, 1, 2 ...; none for a regression"},
            "positive": {"type": "integer", "description": "number of the positive of two classes"},
            "score_type": {**_TEXT, "enum": list(SCORE_TYPES)},
            "score_count": {"type": "integer", "description": "scores of a sample; 6: the five highest and the true's"},
            "samples": {"type": "integer", "description": "how many were tested"},
            "stored": {"type": "integer", "description": "how many of them follow as `predictions`"},
            "slices": {**_TEXTS, "description": "names of groups"},
            "features": {**_TEXTS, "description": "names of numbers"},
        },
        ["key", "name", "task", "stored"],
    ),
    "predictions": (
        {
            "key": {**_TEXT, "format": "uuid", "description": "of the evaluation"},
            "first": {"type": "integer", "description": "number of the first sample in this block"},
            "count": {"type": "integer", "minimum": 1, "maximum": BLOCK_SAMPLES},
            "target": {**_PACKED, "description": "int32, of a regression float64, of several labels bits"},
            "prediction": {**_PACKED, "description": "as `target`"},
            "scores": {**_PACKED, "description": "`score_count` float32 or float64 a sample, the same in all blocks"},
            "classes": {**_PACKED, "description": "6 int32 a sample: whose scores they are, where only 6 are sent"},
            "weight": {**_PACKED, "description": "float64; left out: 1"},
            "features": {**_PACKED, "description": "float64, those of a sample together"},
            "sample_ids": _TEXTS,
            "slices": {"type": "array", "items": _TEXTS, "description": "a list for each group, a text a sample"},
        },
        ["key", "first", "count", "target", "prediction"],
    ),
    "event": (
        {
            "kind": {**_TEXT, "description": "`alert`, `checkpoint`, `lr_change`, `note`, `resume` or another word"},
            "text": {**_TEXT, "maxLength": contract.MAX_EVENT_CHARS},
            "step": _STEP,
            "level": {**_TEXT, "enum": list(contract.ALERT_LEVELS), "description": "of an alert"},
        },
        ["kind", "text"],
    ),
    "gap": (
        {"until": {**_SEQ, "description": "the last missing number"}, "reason": _TEXT, "count": {"type": "integer"}},
        [],
    ),
    "end": (
        {
            "state": {**_TEXT, "enum": [contract.FINISHED, contract.FAILED]},
            "message": _TEXT,
            "environment": {"type": "object", "description": "`exit_code`, `exception` and what else is known now"},
        },
        [],
    ),
}
_NAMES = {kind: f"{kind.capitalize()}Record" for kind in _RECORDS}


def document(spec: apispec.APISpec) -> None:
    """Add the records' schemas to the OpenAPI document."""
    for kind, (properties, required) in _RECORDS.items():
        own = {"type": {"type": "string", "enum": [kind]}, "seq": _SEQ, "time": _TIME}
        spec.components.schema(
            _NAMES[kind], {"type": "object", "properties": {**own, **properties}, "required": ["type", *required]}
        )
    references = {kind: f"#/components/schemas/{name}" for kind, name in _NAMES.items()}
    record = {
        "oneOf": [{"$ref": reference} for reference in references.values()],
        "discriminator": {"propertyName": "type", "mapping": references},
    }
    records = {"type": "array", "items": record, "maxItems": contract.MAX_RECORDS}
    spec.components.schema("Records", {"type": "object", "properties": {"records": records}, "required": ["records"]})


_BODY = {
    "required": True,
    "content": {
        JSON: {"schema": {"$ref": "#/components/schemas/Records"}},
        NDJSON: {"schema": {"type": "string", "description": "one record a line, each line ended by a newline"}},
    },
}


@blueprint.route("/runs/<uuid:run_id>/writers/<uuid:writer_id>/records", action=INGEST, methods=["POST"])
@blueprint.arguments(RecordsArguments, location="query", as_kwargs=True)
@blueprint.response(200, RecordsAnswerSchema)
@blueprint.doc(requestBody=_BODY)
def add_records(run_id: uuid.UUID, writer_id: uuid.UUID, first_seq: int) -> flask.Response:
    """Store a writer's records, each exactly once

    A writer is one process that logs into one run; client and writer make their own UUIDs. Its first record is a
    `start`, and its records are numbered 0, 1, 2 ... without holes. A batch may be sent again at any time: what is
    stored already is skipped. `next_seq` of the answer is the number to go on with; 409 with `expected` says that
    records are missing before these. An empty batch is a sign of life. The body may be gzipped.
    """
    ingest.refuse_stranger(identity(), str(run_id))
    applied = ingest.apply_records(
        identity(),
        str(run_id),
        str(writer_id),
        first_seq,
        _records(),
        max_names=_limits().names,
        causes=flask.current_app.config["ALERTS"],
    )
    flask.current_app.config["ANNOUNCE"](applied.happened)
    count_records(applied.count - applied.rejected_count, applied.rejected_count)
    document = {name: getattr(applied, name) for name in ("next_seq", "rejected", "rejected_count")}
    return json_response({**document, "user": identity().username, "store_id": schema.store_id()})


def _limits() -> Limits:
    limits: Limits = flask.current_app.config["LIMITS"]
    return limits


def _records() -> list[dict[str, Any]]:
    body = _body()
    mimetype = flask.request.mimetype
    if mimetype not in (JSON, NDJSON):
        flask_smorest.abort(415, message=f"content type {mimetype!r} is not read here; send {JSON} or {NDJSON}")
    records: list[Any] = _read_json(body) if mimetype == JSON else body.splitlines()
    if len(records) > _limits().records:
        flask_smorest.abort(413, message=f"{len(records)} records are too many; send at most {_limits().records}")
    if mimetype == NDJSON:
        records = list(map(_parse, records))  # only now: a body may have millions of short lines
    for record in records:
        if not isinstance(record, dict):
            raise RecordRefused(f"record {shown(record)} is not an object; send objects with a 'type'")
    return records


def _body() -> bytes:
    body = flask.request.get_data(cache=False)
    encoding = flask.request.headers.get("Content-Encoding", "identity").lower()
    if encoding == "identity":
        return body
    if encoding != "gzip":
        flask_smorest.abort(415, message=f"content encoding {encoding!r} is not read here; send gzip or none")
    return _inflate(body)


def _inflate(body: bytes) -> bytes:
    most = _limits().inflated_bytes
    inflater = zlib.decompressobj(wbits=31)  # 31: gzip
    try:
        inflated = inflater.decompress(body, most + 1)
    except zlib.error as error:
        raise RecordRefused(f"the gzipped body cannot be read: {error}") from None
    if len(inflated) > most:
        flask_smorest.abort(413, message=f"the inflated body is larger than {most} bytes; send less")
    if not inflater.eof or inflater.unused_data:
        raise RecordRefused("the gzipped body ends too early or goes on behind its end")
    return inflated


def _read_json(body: bytes) -> list[Any]:
    document = _parse(body)
    if not isinstance(document, dict) or not isinstance(document.get("records"), list):
        raise RecordRefused('the body is not {"records": [...]}')
    return list(document["records"])


def _parse(text: bytes) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise RecordRefused(f"{text[:60]!r} is not JSON: {error}; NaN and infinities are sent as text") from None
