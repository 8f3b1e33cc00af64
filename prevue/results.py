"""What a run logs beside numbers: histograms, tables, text, images and other results, its configuration, events.

As `log()`, all of it costs the training little, waits for nobody and raises nothing: what cannot be logged is left out
with one warning.
"""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from prevue.json_values import json_value
from prevue.masking import utf8
from prevue.notices import notices
from prevue.run_config import RunConfig
from prevue.values import whole
from prevue_core.contract import ALERT_LEVELS, MAX_EVENT_CHARS, check_int64, check_label, check_name, check_split
from prevue_core.errors import InvalidValue, shown

Payload = dict[str, Any]


class LogsResults(ABC):
    """The part of a `Run` that logs what is no number."""

    _clock: float  # what is added to time.monotonic()
    _last_step: int | None  # of log()
    _inside: int  # nanoseconds that our calls took
    config: RunConfig

    @property
    @abstractmethod
    def _is_recording(self) -> bool:
        """Whether anything is kept at all."""

    @abstractmethod
    def _append(self, record: dict[str, Any]) -> None:
        """Keep a record."""

    @abstractmethod
    def _leave_out(self, kind: Any, text: str) -> None:
        """Count and tell what cannot be logged."""

    def log_histogram(
        self,
        name: str,
        values: Any = None,
        *,
        counts: Any = None,
        edges: Any = None,
        step: int | None = None,
        split: str | None = None,
    ) -> None:
        """Log how values are spread, such as a layer's weights.

        `values`: an array, a tensor or lists of any shape; put into at most 64 buckets of equal width here, so that
        only these are sent. What is not finite is counted beside them. Or `counts` and `edges` (one more, rising) of
        at most 1024 buckets of one's own. `step`: None: that of the last `log()`. `split`: None: what the name's
        prefix says, as in `log()`, else `train`.
        """
        self._result("histogram", name, lambda payloads: payloads.histogram(values, counts, edges), step, split)

    def log_table(self, name: str, columns: Any, *, step: int | None = None, split: str | None = None) -> None:
        """Log a table: a dict of equally long lists, or a data frame.

        Numbers, text, true, false and None stay what they are, anything else becomes its text. At most 10 000 cells:
        of a longer table the first rows are kept, with the number of all.
        """
        self._result("table", name, lambda payloads: payloads.table(columns), step, split)

    def log_text(self, name: str, text: str, *, step: int | None = None, split: str | None = None) -> None:
        """Log text, such as what a language model wrote; at most 100 000 characters, of a longer one the beginning."""
        self._result("text", name, lambda payloads: payloads.text(text), step, split)

    def log_image(self, name: str, image: Any, *, step: int | None = None, split: str | None = None) -> None:
        """Log an image of at most 512 KiB: the bytes of a PNG file, or an array, which is made one here.

        An array has the shape (height, width), or (height, width, 1, 3 or 4 channels); floats from 0 to 1, or whole
        numbers from 0 to 255.
        """
        self._result("image", name, lambda payloads: payloads.image(image), step, split)

    def log_result(
        self,
        kind: str,
        name: str,
        payload: Mapping[str, Any],
        *,
        step: int | None = None,
        split: str | None = None,
    ) -> None:
        """Log a result of any kind: `curve`, `roc_curve`, `pr_curve`, `matrix`, or one of those with their own methods.

        `payload`: the fields of the kind, as docs/reference/results.md has them; a plugin's own kind, with a dot in its
        name, has any. Arrays and tensors in it become lists.
        """
        self._result(kind, name, lambda _: _json_dict(payload), step, split)

    def log_evaluation(
        self,
        y_true: Any,
        y_pred: Any = None,
        y_score: Any = None,
        *,
        name: str = "test",
        split: str = "test",
        task: str = "auto",
        labels: Any = None,
        pos_label: Any = None,
        score_type: str = "auto",
        sample_ids: Any = None,
        sample_weight: Any = None,
        slices: Any = None,
        features: Any = None,
        step: int | None = None,
    ) -> None:
        """Log a test once, sample by sample: the server keeps the predictions and derives every number and curve.

        Arrays, lists, data frames and tensors of n samples; needs NumPy. What cannot be accepted, such as NaN, costs
        one warning that names the samples, and nothing is logged.

        - `y_true`: (n,) classes of any type, or values; (n, k) of 0 and 1 for several labels at once, or one-hot.
        - `y_pred`: the same of what the model says; may be left out where `y_score` tells it.
        - `y_score`: (n,) or (n, 2) for two classes, (n, k) for k; probabilities, logits or other scores.
        - `task`: `binary`, `multiclass`, `multilabel` or `regression`; `auto` looks at the values.
        - `labels`: the classes in the order of the columns of `y_score`, or names of the classes 0, 1, 2 ...
        - `pos_label`: the positive of two classes; None: the later.
        - `score_type`: `probability`, `logit` or `decision` (which only ranks); `auto`: probabilities where all are
          within 0 and 1 and a sample's add up to 1; else logits, of two classes a decision.
        - `sample_ids`: names of the samples, by which two models are compared; `sample_weight`: what each counts.
        - `slices`: a dict of groups, `features` one of numbers, each with a value a sample.
        - `step`: of an evaluation that is repeated as training goes on.

        Of more than a million samples a million are kept, stratified by class, each weighted by what it stands for; of
        more than 20 million scores the five highest of each sample and its true class's.
        """
        if not self._is_recording:
            return
        with self._guarded(None, f"evaluation {shown(name)}"):
            told: dict[str, Any] = {"name": check_name(name, "evaluation name"), "split": check_split(split)}
            if step is not None:
                number = whole(step)
                told["step"] = check_int64("step", step if number is None else number)
            try:
                from prevue.evaluation import samples_of
                from prevue.evaluation_blocks import records_of
            except ImportError:
                raise InvalidValue("it needs NumPy; run: pip install numpy") from None
            samples = samples_of(
                y_true, y_pred, y_score, task=task, labels=labels, pos_label=pos_label, score_type=score_type,
                sample_ids=sample_ids, sample_weight=sample_weight, slices=slices, features=features,
            )  # fmt: skip
            for record in records_of(samples, **told):
                self._append({**record, "time": self._clock + time.monotonic()})

    def add_event(self, kind: str, text: str = "", *, step: int | None = None) -> None:
        """Mark a moment on the run's curves.

        `kind`: a word such as `checkpoint`, `lr_change`, `resume` or `note`. `step`: None: that of the last `log()`.
        """
        self._event(kind, lambda: text, step)

    def alert(self, title: str, text: str = "", level: str = "warn") -> None:
        """Add an event of kind `alert` that somebody should look at; `level`: `info`, `warn` or `error`."""
        is_known = isinstance(level, str) and level in ALERT_LEVELS
        if not is_known:
            notices.warn("level", f"level {shown(level)} is not one of {', '.join(ALERT_LEVELS)}; 'warn' is used")
        told = {"level": level if is_known else "warn"}
        self._event("alert", lambda: "\n".join(part for part in (str(title), str(text)) if part), None, **told)

    # how it is done

    def _result(
        self, kind: str, name: str, make: Callable[[Any], Payload], step: int | None, split: str | None
    ) -> None:
        if not self._is_recording:
            return
        with self._guarded(("result", shown(kind)), f"result {shown(name)}"):
            # Some milliseconds that a run which logs only numbers need not wait for.
            from prevue import payloads
            from prevue_core.result_kinds import check_kind, check_payload

            kind, name = check_kind(kind), check_name(name, "result name")
            payload = check_payload(kind, make(payloads))
            record = {"type": "result", **self._moment(step), "kind": kind, "name": name, "payload": payload}
            self._append(record if split is None else {**record, "split": check_split(split)})

    def _event(self, kind: str, told: Callable[[], Any], step: int | None, **more: Any) -> None:
        if not self._is_recording:
            return
        with self._guarded(("event", shown(kind)), f"event {shown(kind)}"):
            text = utf8(str(told()))
            text = text if len(text) <= MAX_EVENT_CHARS else f"{text[: MAX_EVENT_CHARS - 4]} ..."
            kind = check_label("event kind", kind)[:64]
            self._append({"type": "event", **self._moment(step), "kind": kind, "text": text, **more})

    def _config_changed(self, new: dict[str, Any]) -> None:
        if self._is_recording:
            with self._guarded("config", "config"):
                self._append({"type": "config", "time": self._clock + time.monotonic(), "config": new})

    def _moment(self, step: int | None) -> dict[str, Any]:
        moment = {"time": self._clock + time.monotonic()}
        number = self._last_step if step is None else whole(step)
        if step is not None and number is None:
            notices.warn("step", f"step {shown(step)} is not a whole number of 64 bits; that of the last log() is used")
            number = self._last_step
        return moment if number is None else {**moment, "step": number}

    @contextmanager
    def _guarded(self, kind: Any, what: str) -> Iterator[None]:
        """Count the time of a call as ours, and turn whatever it raises into a warning.

        Of one `kind` there is a warning in ten minutes; None: of one text.
        """
        began = time.perf_counter_ns()
        try:
            yield
        except InvalidValue as error:
            self._leave_out(kind, f"{what}: {error}")
        except Exception as error:  # noqa: BLE001 - foreign code: arrays and tensors of any kind
            self._leave_out(kind, f"{what} cannot be read ({type(error).__name__}: {error})")
        finally:
            self._inside += time.perf_counter_ns() - began


def _json_dict(payload: Any) -> Payload:
    if not isinstance(payload, Mapping):
        raise InvalidValue(f"payload {shown(payload)} is not a dict; use names and values")
    return {str(name): json_value(value) for name, value in payload.items() if value is not None}
