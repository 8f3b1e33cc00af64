"""Programs of `test_model`: real spools and senders. No thread runs: each turn of a sender is taken by hand."""

import shutil
import sqlite3
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from faults.model_network import URL, Clock, Killed, Network, Server, Wire, hold
from prevue import kept, refill
from prevue.delivery import GATHER_S, Delivery
from prevue.folder import writer_folders
from prevue.notices import Notices
from prevue.room import KEPT_S, prune
from prevue.sender import Sender, deliver_leftover
from prevue.spool import Spool, encode, numbered
from prevue.values import Values
from prevue_core.contract import FAILED, FORMAT, HEARTBEAT_S
from prevue_core.errors import Unreachable

HOUR_S = 3_600.0
NOON = 1_790_000_000.0  # UNIX time at which each history begins
LAST = {"loss": 0.5}  # values of the record in whose writing a program died


@dataclass
class Writer:
    """What a writer has logged, by number: values, the (time, state) of an end, how many were dropped before a gap."""

    number: int
    run_id: str
    rank: int
    began: float
    records: list[dict | tuple | int] = field(default_factory=lambda: [0])  # the first is the start


class Disk:
    """Stands for the looks of spools at their room."""

    is_full = False

    def check(self, *_: object) -> None:
        if self.is_full:
            raise OSError("no room")


class Program:
    """A process that logs. `is_main`: it called `init`, and ends the run."""

    def __init__(self, world: "World", run_id: str, rank: int, is_main: bool) -> None:
        self.is_main, self.is_over = is_main, False
        self._clock, self._disk, self._values = world.clock, world.disk, Values(lambda kind, text: None)
        self._untold = 0  # records dropped since the last gap
        start = {"type": "start", "format": FORMAT, "run_id": run_id, "url": URL, "project": "p", "uid": "u"}
        self.spool = Spool(world.folder, run_id, {**start, "rank": rank, "time": NOON + self._clock.now})
        self.writer = Writer(len(world.writers), run_id, rank, self._clock.now)
        world.writers[self.spool.writer_id] = self.writer
        self._sender = Sender(self.spool, URL, lambda: None, world.folder)
        self._wire = Wire(world.network, self._clock, self.spool.writer_id)
        seams = {"now": self._clock, "notices": Notices(self._clock), "draw": lambda low, high: high}
        self.delivery = Delivery(self.spool, self._wire, **seams)
        self._turns = self._sender.turns(self.delivery, self._wire)
        self._woken_at: float | None = None
        self.is_ending = False
        self._wake()
        self._rest(next(self._turns))

    def log(self, values: dict[str, float], step: int) -> None:
        """Log as `Run.log` does; epoch and batch tell a row's writer and number."""
        if self.is_ending:
            return
        self._clock.now += 0.001
        told = {"epoch": self.writer.number, "batch": self.spool.next_seq + bool(self._untold)}
        self._append({"type": "metrics", "step": step, **told, "values": self._values.encode(values)}, values)
        self._wake()

    def _append(self, record: dict, logged: dict | tuple) -> None:
        body = encode({**record, "time": NOON + self._clock.now})
        is_kept = self.spool.append(body)
        hold(is_kept or (self._disk.is_full and record["type"] != "end"), "a record is dropped although there is room")
        if self.spool.next_seq - is_kept > len(self.writer.records):
            self.writer.records.append(self._untold)
            self._untold = 0
        if is_kept:
            self.writer.records.append(logged)
        else:
            self._untold += 1

    def finish(self, state: str) -> None:
        """End as `Run.finish` does, short of the turns that are left to take."""
        if self.is_ending:
            return
        self._clock.now += 0.01
        if self.is_main:
            counts = self.writer.rank == 0 or state == FAILED
            self._append({"type": "end", "state": state}, (self._clock.now, state) if counts else (0, ""))
        self.spool.shut()
        self._sender.hasten()
        self.is_ending = True
        self._rest(0.0)
        self._wire.not_before = 0.0  # the last try is owed no pause

    def take_turn(self) -> None:
        """Let the sender wait for its time, and make a request."""
        self._clock.now = max(self._clock.now, self._due())
        self._woken_at = None
        try:
            self._rest(next(self._turns))
        except StopIteration:
            self.is_over = True
        except Killed:
            self.die()

    def die(self) -> None:
        """End as with SIGKILL: the kernel closes the files."""
        self.is_over = True
        del self._turns
        self.spool.close(is_delivered=False)

    def next_line(self) -> bytes:
        """Return the line of one more record, which has LAST."""
        told = {"epoch": self.writer.number, "batch": self.spool.next_seq}
        return numbered(self.spool.next_seq, encode({"type": "metrics", "step": 1, **told, "values": LAST}))

    @property
    def is_idle(self) -> bool:
        """Whether there is nothing to do but to tell now and then that it lives."""
        return self.is_over or (self._wait_s is None and self._woken_at is None and not self.is_ending)

    def _wake(self) -> None:
        self._sender.notify()
        if self._woken_at is None:
            self._woken_at = self._clock.now

    def _rest(self, wait_s: float | None) -> None:
        self._wait_s, self._rests_since = wait_s, self._clock.now

    def _due(self) -> float:
        if self._wait_s is not None:
            return self._rests_since + self._wait_s
        if self.is_ending:
            return self._clock.now
        return self._rests_since + HEARTBEAT_S if self._woken_at is None else self._woken_at + GATHER_S


def last_piece(folder: Path) -> Path | None:
    """Return the file that a writer wrote to last, unless it is put away."""
    return max(filter(is_piece, folder.glob("*.ndjson")), key=lambda path: int(path.stem), default=None)


def is_piece(path: Path) -> bool:
    return path.stem.isdecimal()


class World:
    """All of it. `folder` is for the spool, of which another machine may have a copy. `tally` counts what happens."""

    def __init__(self, app, empty: sqlite3.Connection, folder: Path, disk: Disk, tally: Counter) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        self.folder, self.copy = folder / "spool" / "server", folder / "copy" / "server"
        self.clock, self.disk, self.tally = Clock(), disk, tally
        self.writers: dict[str, Writer] = {}  # by writer_id
        self._forgotten: set[tuple[str, int]] = set()
        self.server = Server(app, empty)
        self.network = Network(self.server, tally)
        self.programs: list[Program] = []

    @property
    def living(self) -> list[Program]:
        return [program for program in self.programs if not program.is_over]

    @property
    def may_go(self) -> set[tuple[str, int]]:
        """Writer and number of records that may be missing, if that is told."""
        return self.network.refused | self._forgotten

    def begin(self, run_id: str, rank: int, is_main: bool) -> Program:
        """Start a program; it would keep its records in memory on a full disk."""
        self.clock.now += 0.01
        self.disk.is_full = False
        self.programs.append(Program(self, run_id, rank, is_main))
        return self.programs[-1]

    def kill(self, program: Program, damaged: int | None, torn: float | None) -> None:
        """End a program as with SIGKILL.

        `damaged`: its disk loses that line, unless it is the first. `torn`: so far it was in writing a next, 0 to 1.
        """
        program.die()
        path = last_piece(program.spool.folder)
        if path is None:
            return
        lines = path.read_bytes().splitlines(keepends=True)
        if damaged is not None and len(lines) > 1:
            which = 1 + damaged % (len(lines) - 1)
            self._forgotten.add((program.spool.writer_id, orjson.loads(lines[which])["seq"]))
            lines[which] = bytes(len(lines[which]) - 1) + b"\n"
        if torn is not None:
            line = program.next_line()
            lines.append(line[: int(torn * len(line))])
            if lines[-1] == line:
                program.writer.records.append(LAST)
        path.write_bytes(b"".join(lines))

    def send(self, folder: Path) -> None:
        """Send what waits in a spool as `prevue sync` does, up to the first failure of each writer."""
        wire = Wire(self.network, self.clock)
        with suppress(Killed):
            for path in writer_folders(folder):
                for delivery in deliver_leftover(path, wire):
                    if delivery.is_failing:
                        break

    def ask(self) -> None:
        """Ask for what was delivered as `prevue sync --verify` does; what is missing waits then."""
        with suppress(Unreachable, Killed):
            for pieces in refill.writers(self.folder):
                refill.check(self.folder, pieces, Wire(self.network, self.clock))

    def wait(self, seconds: float) -> None:
        """Let nothing happen. After an hour no run is heard of, after a day nothing is kept of what was delivered."""
        self.clock.now += seconds
        if seconds >= HOUR_S:
            self.server.let_time_pass()
        if seconds >= KEPT_S:
            for piece in kept.pieces(self.folder):
                self._forgotten |= {(piece.writer_id, seq) for seq in range(piece.first_seq, piece.next_seq)}
            prune(self.folder.parent, kept_bytes=0)

    def copy_spool(self) -> None:
        """Copy what is in the spool to another machine."""
        shutil.rmtree(self.copy, ignore_errors=True)
        if self.folder.exists():
            shutil.copytree(self.folder, self.copy)

    def waiting(self) -> list[Path]:
        """Return the files with records that wait."""
        return [path for folder in writer_folders(self.folder) for path in folder.glob("*.ndjson") if is_piece(path)]
