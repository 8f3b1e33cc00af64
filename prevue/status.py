"""How a run's records stand: what `Run.status()` returns."""

from dataclasses import dataclass


@dataclass(frozen=True, repr=False)
class RunStatus:
    """How a run's records stand, as far as this process goes. When everything has arrived, `spooled` = `stored`."""

    run_id: str
    logged: int  # log() calls that had something to log
    spooled: int  # records kept: one for each such call, the start record and others
    stored: int  # records that the server has
    dropped: int  # records for which there was no room
    rejected: int  # records that the server did not accept
    left_out: int  # values that could not be logged
    is_degraded: bool  # records are in memory only, as no folder could be written
    log_median_us: float  # over the last 1024 calls
    log_worst_us: float
    share: float  # of the time since init() began that was spent in init(), log() and describe(), 0 to 1
    last_error: str | None  # of a request to the server; it may be over
    next_try_s: float  # seconds until the next request after one that failed; 0: none failed, or it is due

    @property
    def waiting(self) -> int:
        """How many records the server does not have yet."""
        return self.spooled - self.stored

    def __repr__(self) -> str:
        stored = "all stored" if not self.waiting else f"{self.stored} stored, {self.waiting} wait"
        lost = {"dropped": self.dropped, "rejected": self.rejected, "values left out": self.left_out}
        lines = [
            f"run {self.run_id}: {self.logged} logged = {self.spooled} records, {stored}; "
            + ", ".join(f"{count} {what}" for what, count in lost.items()),
            f"log() takes {self.log_median_us:.1f} us (median), {self.log_worst_us:.1f} us (worst); "
            f"{self.share:.2%} of the time is ours",
        ]
        if self.is_degraded:
            lines.append("records are in memory only: they are lost if this process dies")
        if self.last_error:
            again = f"; next try in {self.next_try_s:.1f} s" if self.next_try_s else ""
            lines.append(f"last error: {self.last_error}{again}")
        return "\n".join(lines)
