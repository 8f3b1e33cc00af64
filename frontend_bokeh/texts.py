"""Values as people read them: durations, numbers, configurations. The scripts in `static/` write alike."""

import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

MINUTE, HOUR, DAY = 60, 3_600, 86_400
_SPECIAL = re.compile(r"[\\^$.*+?()\[\]{}|]")  # in a script's regular expressions
MAX_VALUE_CHARS = 2_000  # of one value of a configuration


def in_script(value: Any) -> str:
    """Return JSON as it may stand inside of a script element, in which only its end must not appear."""
    return json.dumps(value, allow_nan=False).replace("<", "\\u003c")


def duration(seconds: float) -> str:
    """Return a length of time with its two greatest units: `1 h 12 min`."""
    if seconds < MINUTE:
        return f"{max(0.0, seconds):.3g} s" if seconds < 10 else f"{seconds:.0f} s"
    whole = int(seconds)
    units = ((DAY, "d", HOUR, "h"), (HOUR, "h", MINUTE, "min"), (MINUTE, "min", 1, "s"))
    size, name, part, part_name = next(unit for unit in units if whole >= unit[0])
    rest = whole % size // part
    return f"{whole // size} {name}" + (f" {rest} {part_name}" if rest else "")


def number(value: float | None) -> str:
    """Return a value with the digits that tell it from its neighbours on a chart."""
    if value is None:
        return "–"
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "∞" if value > 0 else "−∞"
    text = f"{value:.3e}" if value and not 1e-4 <= abs(value) < 1e6 else f"{value:.5g}"
    return text.replace("-", "−")


def count(value: int) -> str:
    """Return a whole number with its thousands apart."""
    return f"{value:,}"


def pattern(text: str) -> str:
    """Return a regular expression, as scripts have them, that fits this text only."""
    return _SPECIAL.sub(r"\\\g<0>", text)


def flat(document: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, str]]:
    """Yield the keys of a configuration, those of objects inside it behind a dot, and their values as JSON has them."""
    for name, value in sorted(document.items()):
        key = f"{path}{name}"
        if isinstance(value, Mapping) and value:
            yield from flat(value, f"{key}.")
        else:
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            yield key, text if len(text) <= MAX_VALUE_CHARS else f"{text[:MAX_VALUE_CHARS]} …"
