"""How far it is: a live line on a terminal, a plain line every ten seconds elsewhere."""

from __future__ import annotations

import sys
from collections import deque
from time import monotonic
from typing import TYPE_CHECKING, Final, Protocol, TextIO

from corral.job.summary import Tally, duration

if TYPE_CHECKING:
    from rich.live import Live

PLAIN_EVERY: Final = 10.0
_LIVE_EVERY: Final = 0.2


class State:
    """Where a run stands.

    Args:
        total: How many inputs there are, where that is known.
        tally: What is counted as records come in.
    """

    __slots__ = ("pulled", "start", "stopping", "tally", "total")

    def __init__(self, total: int | None, tally: Tally) -> None:
        self.total = total
        self.tally = tally
        self.pulled = 0
        self.stopping = False
        self.start = monotonic()

    @property
    def recorded(self) -> int:
        """How many inputs have a record, this run's and those before."""
        return self.tally.skipped + self.tally.ran

    @property
    def in_flight(self) -> int:
        """How many inputs were started and have no record yet."""
        return self.pulled - self.tally.ran


class Meter(Protocol):
    """Shows a `State` from time to time."""

    every: float

    def show(self, state: State) -> None:
        """Show where the run stands; called about every `every` seconds."""
        ...

    def say(self, text: str) -> None:
        """Tell what happened meanwhile."""
        ...

    def close(self) -> None:
        """The run has ended."""
        ...


class Silent:
    """Shows nothing: `--quiet`, and `run_job`."""

    every = 3600.0

    def show(self, state: State) -> None:
        """Nothing."""

    def say(self, text: str) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


class Speed:
    """The rate of about the last ten seconds."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def now(self, done: int) -> float:
        """Inputs a second."""
        at = monotonic()
        self._seen.append((at, done))
        while len(self._seen) > 2 and at - self._seen[0][0] > 10:
            self._seen.popleft()
        then, before = self._seen[0]
        return (done - before) / (at - then) if at > then else 0.0


def line(state: State, now: float) -> str:
    """Done of total, rate now and mean, in flight, failed, time left."""
    elapsed = monotonic() - state.start
    mean = state.tally.ran / elapsed if elapsed else 0.0
    now = now or mean
    share = f"/{state.total:,} ({state.recorded / max(state.total, 1):.1%})" if state.total is not None else ""
    parts = [
        f"{state.recorded:,}{share}",
        f"{now:,.1f}/s now, {mean:,.1f}/s mean",
        f"{state.in_flight:,} in flight",
        f"{state.tally.failed:,} failed",
    ]
    if state.stopping:
        parts.append("stopping")
    elif state.total is not None and now:
        parts.append(f"{duration((state.total - state.recorded) / now)} left")
    return "  ".join(parts)


class PlainMeter:
    """A line of its own each time: for logs, and whatever is no terminal."""

    every = PLAIN_EVERY

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._speed = Speed()

    def show(self, state: State) -> None:
        """Write a line."""
        print(line(state, self._speed.now(state.tally.ran)), file=self._stream, flush=True)

    def say(self, text: str) -> None:
        """Write a line."""
        print(text, file=self._stream, flush=True)

    def close(self) -> None:
        """Nothing is left open."""


class LiveMeter:
    """One line that is drawn over, by rich, with a bar where the total is known."""

    every = _LIVE_EVERY

    def __init__(self, stream: TextIO) -> None:
        from rich.console import Console

        self._console = Console(file=stream)
        self._speed = Speed()
        self._live: Live | None = None

    def show(self, state: State) -> None:
        """Draw the line."""
        from rich.live import Live
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        row = Table.grid(padding=(0, 1))
        if state.total is not None:
            bar = ProgressBar(total=state.total, completed=state.recorded, width=24)
            row.add_row(bar, Text(line(state, self._speed.now(state.tally.ran)), no_wrap=True, overflow="ellipsis"))
        else:
            row.add_row(Text(line(state, self._speed.now(state.tally.ran)), no_wrap=True, overflow="ellipsis"))
        if self._live is None:
            # No refresh thread of rich's: it is drawn from the loop, and what `fn` prints goes above it.
            self._live = Live(row, console=self._console, auto_refresh=False, transient=True)
            self._live.start()
        self._live.update(row, refresh=True)

    def say(self, text: str) -> None:
        """Write a line above the one that is drawn over."""
        self._console.print(text, markup=False, highlight=False)

    def close(self) -> None:
        """Take the line away."""
        if self._live is not None:
            self._live.stop()


def meter(*, quiet: bool, stream: TextIO | None = None) -> Meter:
    """The meter that fits where standard error goes."""
    to = stream or sys.stderr
    if quiet:
        return Silent()
    if to.isatty():
        try:
            return LiveMeter(to)
        except ModuleNotFoundError:  # no rich: then plainly
            pass
    return PlainMeter(to)
