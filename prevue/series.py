"""Series as a backend answers them: columns, by name, of points or of buckets of points."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from prevue_core.contract import decode_number

if TYPE_CHECKING:
    import pandas

MAX_BUDGET = 5_000  # points of a series in one answer

COLUMNS = (
    "step", "time", "epoch", "first", "last", "mean", "low", "high", "count", "nan_count", "inf_count", "ninf_count",
)  # fmt: skip


class Series:
    """One series of a run.

    `columns` has, by name, a list for each of `step`, `time`, `epoch`, `first`, `last`, `mean`, `low`, `high`, `count`
    and the counts of non-finite values; all have one length. With `exact`, each row is one logged value
    (`mean` = `low` = `high`, unless it is not finite; `last` has it in any case); otherwise a bucket of several.
    Where another x axis was asked for there is `x`, and over a metric `x_low` and `x_high`.
    """

    def __init__(self, document: Mapping[str, Any], columns: Collection[str] | None = None) -> None:
        """Read an answer's part. `columns`: those that were asked for; None: all."""
        self.run_id: str = document["run_id"]
        self.rank: int = document["rank"]
        self.split: str = document["split"]
        self.name: str = document["name"]
        self.kind: str = document["kind"]
        self.exact: bool = document["exact"]
        self.count: int = document["count"]
        self.cursor: str | None = document["cursor"]
        self.from_step: int | None = document.get("from_step")  # of news: rows of before stay below it
        given = {**document["columns"]}
        for name in given.keys() & {"first", "last"}:
            if set(map(type, given[name])) != {float}:  # as a rule all are finite
                given[name] = [decode_number(value) for value in given[name]]
        told = {**_left_out(given, self.exact), **given}
        names = [*COLUMNS, *(name for name in ("x", "x_low", "x_high") if name in told)]
        self.columns: dict[str, list[Any]] = {
            name: told[name] for name in names if columns is None or name in columns or name == "step"
        }

    @property
    def steps(self) -> list[int]:
        """The steps, rising."""
        return self.columns["step"]

    @property
    def values(self) -> list[float]:
        """The value at each step: of a bucket, its last."""
        return self.columns["last"]

    def take(self, news: "Series") -> None:
        """Let what is new take its place: all rows from its `from_step` on, or all."""
        kept = len(self) if news.from_step is not None else 0
        while kept and self.steps[kept - 1] >= news.from_step:  # type: ignore[operator]
            kept -= 1
        for name, values in self.columns.items():
            values[kept:] = news.columns[name]
        self.exact, self.count, self.cursor = news.exact, news.count, news.cursor

    def __len__(self) -> int:
        return len(self.steps)

    def __repr__(self) -> str:
        return f"<Series {self.split}/{self.name}: {len(self)} rows of {self.count} points>"


def _left_out(given: Mapping[str, list[Any]], exact: bool) -> dict[str, list[Any]]:
    """Return the columns that an answer leaves out because they say nothing new."""
    rows = len(given["step"])
    told: dict[str, list[Any]] = {"epoch": [None] * rows}
    told |= {name: [0] * rows for name in ("nan_count", "inf_count", "ninf_count")}
    if exact:
        last = given["last"]
        finite = [value if abs(value) < float("inf") else None for value in last]  # NaN is not smaller
        told |= {"first": list(last), "mean": finite, "low": list(finite), "high": list(finite), "count": [1] * rows}
        told["nan_count"] = [int(value != value) for value in last]
        told["inf_count"] = [int(value == float("inf")) for value in last]
        told["ninf_count"] = [int(value == float("-inf")) for value in last]
        if "x" in given:
            told |= {"x_low": list(given["x"]), "x_high": list(given["x"])}
    return told


class SeriesTable(Sequence[Series]):
    """Series as they were asked for; `columns` has them in one table."""

    def __init__(self, parts: list[Series], asked: Mapping[str, Any] | None = None) -> None:
        self.asked = asked or {}  # for `Api.refresh`
        self._parts = parts

    def __len__(self) -> int:
        return len(self._parts)

    def __getitem__(self, index: Any) -> Any:
        return self._parts[index]

    def __repr__(self) -> str:
        return f"<SeriesTable of {len(self)}: {', '.join(f'{part.split}/{part.name}' for part in self._parts[:5])}>"

    @property
    def columns(self) -> dict[str, list[Any]]:
        """One column for all series: `run_id`, `rank`, `split` and `name` say which a row belongs to."""
        table: dict[str, list[Any]] = {name: [] for name in ("run_id", "rank", "split", "name")}
        for part in self._parts:
            for name in tuple(table)[:4]:
                table[name] += [getattr(part, name)] * len(part)
            for name, values in part.columns.items():
                table.setdefault(name, []).extend(values)
        return table

    def cursors(self, run_id: str) -> list[str]:
        """Return the cursors of the series of a run. Raises ValueError where they are parts of series."""
        parts = [part for part in self._parts if part.run_id == run_id]
        if cut := [part for part in parts if part.cursor is None]:
            raise ValueError(f"{cut[0]!r} is a part, or over another axis than the step; only whole series go on")
        return [part.cursor for part in parts if part.cursor is not None]

    def take(self, news: Series) -> Series:
        """Put what is new into its series and return that; a new series comes last."""
        who = (news.run_id, news.rank, news.split, news.name)
        for part in self._parts:
            if (part.run_id, part.rank, part.split, part.name) == who:
                part.take(news)
                return part
        self._parts.append(news)
        return news

    def to_pandas(self) -> "pandas.DataFrame":
        """Return `columns` as a data frame, `time` as UTC timestamps. Raises ImportError without pandas."""
        try:
            import pandas  # an extra of the caller's: the client stays light
        except ImportError:
            raise ImportError("to_pandas() needs pandas: pip install pandas") from None
        frame = pandas.DataFrame(self.columns)
        if "time" in frame:
            frame["time"] = pandas.to_datetime(frame["time"], unit="s", utc=True)
        return frame


@dataclass(frozen=True)
class News:
    """What is new of some runs."""

    runs: dict[str, dict[str, Any]]  # by run: `logged`, and columns with a row for each series, such as `last_step`
    series: list[Series]
