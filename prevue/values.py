"""From what a training loop has at hand to what is logged: finite floats, and text for the others."""

import sys
from collections.abc import Iterator, Mapping
from typing import Any

from prevue_core.contract import MAX_INT64, MAX_NAMES, MIN_INT64, check_name, encode_number
from prevue_core.errors import InvalidValue, shown

EXACT_INT = 2**53  # above, not every whole number is a float64


class Values:
    """Turns the dicts given to `log` into the `values` of records. Knows the names seen, so that each is checked once.

    What cannot be logged is left out and told to `on_problem(kind, text)`; nothing is raised.
    """

    def __init__(self, on_problem: Any) -> None:
        self._on_problem = on_problem
        self._names: dict[str, str] = {}  # as given: as logged
        self.left_out = 0

    def encode(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return names and numbers. Floats under known names, the usual case, cost the least."""
        names = self._names
        encoded: dict[str, Any] = {}
        try:
            for name, value in values.items():
                if type(value) is float and name in names:
                    encoded[names[name]] = value if value - value == 0.0 else encode_number(value)
                else:
                    return self._encode_others(values)
        except Exception:  # noqa: BLE001 - foreign code: a mapping of any kind
            self._leave_out("values", f"log() was given {shown(values)}; give it a dict of names and numbers")
        return encoded

    def _encode_others(self, values: Mapping[str, Any]) -> dict[str, Any]:
        encoded: dict[str, Any] = {}
        for name, value in _read_together(dict(_flatten(values))).items():
            try:
                checked = self._checked(name)
            except InvalidValue as error:
                self._leave_out("name", str(error))  # one kind for all: there may be ever new ones
                continue
            try:
                encoded[checked] = encode_number(self._to_float(name, value))
            except InvalidValue as error:
                self._leave_out(("value", checked), str(error))
        return encoded

    def _leave_out(self, kind: Any, text: str) -> None:
        self.left_out += 1
        self._on_problem(kind, f"{text}. It is left out; the rest is logged")

    def _checked(self, name: Any) -> str:
        if isinstance(name, str) and name in self._names:
            return self._names[name]
        checked = check_name(name)
        if len(self._names) >= MAX_NAMES:
            raise InvalidValue(f"metric name {name!r} is one more than {MAX_NAMES} in this run; log fewer names")
        self._names[name] = checked
        return checked

    def _to_float(self, name: str, value: Any) -> float:
        number = plain(value)
        if isinstance(number, float):
            return float(number)  # numpy.float64 is one, which orjson does not take
        if isinstance(number, int):
            if abs(number) > EXACT_INT:
                self._on_problem(
                    ("large", name), f"{name!r} has values above 2**53; they are rounded to the nearest float64"
                )
            try:
                return float(number)
            except OverflowError:
                raise InvalidValue(f"value of {name!r} is too large for a float64; scale it") from None
        kind = f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")
        raise InvalidValue(
            f"value of {name!r} is {shown(value)} of type {kind}; use a number, or an array with one number"
        )


def whole(value: Any) -> int | None:
    """Return a whole number of 64 bits from an int, a float without a fraction, text of digits or a NumPy integer."""
    try:
        number = int(value.item() if hasattr(value, "item") else value)
        is_same = isinstance(value, str) or bool(number == value)
    except Exception:  # noqa: BLE001 - foreign code: any failure means that there is no number in it
        return None
    return number if is_same and MIN_INT64 <= number < MAX_INT64 else None


def _flatten(values: Mapping[Any, Any], prefix: str = "") -> Iterator[tuple[Any, Any]]:
    """Yield names and values; a dict inside is flattened with `/`."""
    for name, value in values.items():
        path = f"{prefix}{name}" if isinstance(name, str) else name
        if isinstance(value, dict) and isinstance(name, str):
            yield from _flatten(value, f"{path}/")
        else:
            yield path, value


def plain(value: Any) -> Any:
    """Return the Python number in an array, a tensor or a NumPy scalar; anything else as it is."""
    if isinstance(value, bool | int | float):
        return value
    try:
        if hasattr(value, "detach"):  # torch: part of a graph
            value = value.detach()
        elif hasattr(value, "numpy") and not hasattr(value, "item"):  # TensorFlow
            value = value.numpy()
        return value.item()
    except Exception:  # noqa: BLE001 - foreign code: any failure means that there is no single number in it
        return value


def _read_together(values: dict[Any, Any]) -> dict[Any, Any]:
    """Copy torch tensors that live on a device with one synchronisation a device; each `.item()` would cost its own."""
    torch = sys.modules.get("torch")
    if torch is None:
        return values
    on_device: dict[Any, list[Any]] = {}
    for name, value in values.items():
        if (
            isinstance(value, torch.Tensor)
            and value.device.type != "cpu"
            and value.numel() == 1
            and not value.is_complex()
        ):
            on_device.setdefault(value.device, []).append(name)
    for device, names in on_device.items():
        precision = torch.float32 if device.type == "mps" else torch.float64  # Apple's GPUs have no float64
        together = torch.stack([values[name].detach().reshape(()).to(precision) for name in names])
        values.update(zip(names, together.cpu().tolist(), strict=True))
    return values
