"""Fields and schemas that several resources share."""

import gzip
from typing import Any

import flask
import marshmallow as ma
import orjson

from prevue_core.contract import ACTIVE, MAX_INT64, MIN_INT64, SHELVES, encode_number
from prevue_core.db.queries import MAX_PAGE

# JSON has no NaN and no infinities: they travel as text.
NUMBER = {"oneOf": [{"type": "number"}, {"type": "string", "enum": ["NaN", "Infinity", "-Infinity"]}]}
NUMBER_OR_NULL = {"oneOf": [*NUMBER["oneOf"], {"type": "null"}]}

SCALAR = {"type": ["number", "string", "boolean", "null"]}

# A chart's numbers become half as long, at 25 MB/s: below a packet it gains nothing, above a megabyte it takes longer
# than most ways do.
GZIPPED_BYTES = range(1_400, 1_000_000)

# What a database can be asked for.
is_int64 = ma.validate.Range(MIN_INT64, MAX_INT64)
has_no_nul = ma.validate.ContainsNoneOf("\0", error="PostgreSQL has no text with NUL.")


class NumberField(ma.fields.Field[float]):
    """A float that may be NaN or infinite."""

    def __init__(self, **kwargs: Any) -> None:
        metadata = {**(NUMBER_OR_NULL if kwargs.get("allow_none") else NUMBER), **kwargs.pop("metadata", {})}
        super().__init__(metadata=metadata, **kwargs)

    def _serialize(self, value: float | None, attr: str | None, obj: Any, **kwargs: Any) -> float | str | None:
        return None if value is None else encode_number(value)


class TimeField(ma.fields.Float):
    """A moment, in UNIX seconds."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(metadata={"description": "UNIX seconds, UTC"}, **kwargs)


class PageArguments(ma.Schema):
    """What every list takes."""

    limit = ma.fields.Integer(
        load_default=100,
        validate=ma.validate.Range(1, MAX_PAGE),
        metadata={"description": "how many items at most"},
    )
    cursor = ma.fields.String(load_default=None, metadata={"description": "`next` of the page before"})


def shelf_argument() -> ma.fields.String:
    """Return the argument of lists of what can be archived and deleted."""
    return ma.fields.String(
        load_default=ACTIVE,
        validate=ma.validate.OneOf(SHELVES),
        metadata={"description": "`archive`: what was archived; `trash`: what was deleted and can be restored"},
    )


def page_of(item: type[ma.Schema]) -> ma.Schema:
    """Return the schema of a page of `item`s."""
    return ma.Schema.from_dict(
        {
            "items": ma.fields.List(ma.fields.Nested(item), required=True),
            "next": ma.fields.String(
                required=True,
                allow_none=True,
                metadata={"description": "give it as `cursor` for the next page; null: this is the last"},
            ),
        },
        name=item.__name__.removesuffix("Schema") + "PageSchema",
    )()


class ProblemSchema(ma.Schema):
    """An error, as RFC 9457 shapes it."""

    type = ma.fields.String(required=True, metadata={"description": "which problem; `about:blank`: the status says it"})
    title = ma.fields.String(required=True)
    status = ma.fields.Integer(required=True)
    detail = ma.fields.String(metadata={"description": "what was wrong, what is accepted, what to do"})
    request_id = ma.fields.String(metadata={"description": "stands in the server's log too"})
    errors = ma.fields.Dict(metadata={"description": "what is wrong with which argument"})
    position = ma.fields.Integer(
        metadata={"description": "where a filter or a field cannot be read, in characters from 0"}
    )
    expected = ma.fields.Integer(metadata={"description": "after a sequence gap: the number to go on with"})


def json_response(document: Any) -> flask.Response:
    """Return an answer that needs no marshmallow: for points, of which there are many. Gzipped for who takes it."""
    body = orjson.dumps(document)
    response = flask.Response(body, mimetype="application/json", headers={"Vary": "Accept-Encoding"})
    if len(body) in GZIPPED_BYTES and flask.request.accept_encodings.quality("gzip"):
        response.set_data(gzip.compress(body, compresslevel=1))
        response.content_encoding = "gzip"
    return response
