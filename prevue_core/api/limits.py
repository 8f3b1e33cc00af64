"""What is refused before it is worked on: a body that is too large, and more requests at once than there is room for.

Writers, readers and probes have places of their own, so that none of them waits for another: a writer without a place
comes again later (429), a reader too (503), and a probe asks for none.
"""

import random
import threading

import flask
from werkzeug.exceptions import RequestEntityTooLarge

from prevue_core.errors import TooBusy
from prevue_core.settings import Limits

READERS = 14  # requests without records at once
PROBES = 2
AGAIN_S = (1, 5)  # when to come again: at random, so that those who were refused together don't come together

_PLACE = "prevue.place"  # in a request's environment

RECORDS = "records"  # the blueprint of writers
PROBED = ("health.is_alive", "health.is_ready")  # endpoints


def threads_for(limits: Limits) -> int:
    """Return how many threads let everybody who has a place work."""
    return limits.waiting + READERS + PROBES


def guard(app: flask.Flask, limits: Limits) -> None:
    """Keep to `limits` in every request to `app`."""
    writers, readers = threading.BoundedSemaphore(limits.waiting), threading.BoundedSemaphore(READERS)
    app.config["MAX_CONTENT_LENGTH"] = limits.body_bytes  # of a body sent in chunks, as far as it is read

    @app.before_request
    def enter() -> None:
        if (flask.request.content_length or 0) > limits.body_bytes:
            raise RequestEntityTooLarge(f"the body is larger than {limits.body_bytes} bytes; send less")
        if flask.request.endpoint in PROBED:
            return
        places = writers if flask.request.blueprint == RECORDS else readers
        if not places.acquire(blocking=False):
            raise TooBusy("the server has as much to do as it can take; try again")
        flask.request.environ[_PLACE] = places

    @app.teardown_request
    def leave(error: BaseException | None) -> None:
        if places := flask.request.environ.pop(_PLACE, None):
            places.release()


def status_when_busy() -> int:
    """Return what a request without a place is answered."""
    return 429 if flask.request.blueprint == RECORDS else 503


def again() -> dict[str, str]:
    """Return the header that says when to come again."""
    return {"Retry-After": str(random.randint(*AGAIN_S))}  # noqa: S311 - it is no secret
