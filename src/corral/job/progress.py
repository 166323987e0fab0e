"""How far it is: a live line on a terminal, a plain line every ten seconds elsewhere."""

from __future__ import annotations

import sys
from collections import deque
from time import monotonic
from typing import TYPE_CHECKING, Final, Protocol, TextIO

from corral.job.summary import Tally, duration

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.live import Live

PLAIN_EVERY: Final = 10.0
_LIVE_EVERY: Final = 0.2
_SHORTEST_BAR: Final = 8
_LONGEST_BAR: Final = 24


class State:
    """Where a run stands.

    Args:
        total: How many inputs there are, where that is known.
        tally: What is counted as records come in.
    """

    __slots__ = ("pulled", "start", "stopping", "tally", "total")

    def __init__(self, total: int | None, tally: Tally) -> None:
        self.total: int | None = total
        self.tally: Tally = tally
        self.pulled: int = 0
        self.stopping: bool = False
        self.start: float = monotonic()

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

    every: float = 3600.0

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


def facts(state: State, now: float) -> list[str]:
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
    return parts


def wrapped(parts: list[str], width: int) -> list[str]:
    """The parts on as few lines as they fit on."""
    lines = [parts[0]]
    for part in parts[1:]:
        longer = f"{lines[-1]}  {part}"
        if len(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(part)
    return lines


class PlainMeter:
    """A line of its own each time: for logs, and whatever is no terminal."""

    every = PLAIN_EVERY

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._speed = Speed()

    def show(self, state: State) -> None:
        """Write a line."""
        print("  ".join(facts(state, self._speed.now(state.tally.ran))), file=self._stream, flush=True)

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
        """Draw the line: a bar where there is room for one, and a second line where there is no room for one."""
        from rich.console import Group
        from rich.live import Live
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        width = self._console.width
        lines = wrapped(facts(state, self._speed.now(state.tally.ran)), width)
        drawn: RenderableType = Group(*(Text(line, no_wrap=True, overflow="ellipsis") for line in lines))
        room = width - len(lines[0]) - 1
        if state.total is not None and len(lines) == 1 and room >= _SHORTEST_BAR:
            row = Table.grid(padding=(0, 1))
            bar = ProgressBar(total=state.total, completed=state.recorded, width=min(room, _LONGEST_BAR))
            row.add_row(bar, drawn)
            drawn = row
        if self._live is None:
            # No refresh thread of rich's: it is drawn from the loop, and what `fn` prints goes above it.
            # What goes into a pipe or a file stays whole: only what would be written over the line is held up.
            self._live = Live(
                drawn,
                console=self._console,
                auto_refresh=False,
                transient=True,
                redirect_stdout=sys.stdout.isatty(),
            )
            self._live.start()
        self._live.update(drawn, refresh=True)

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
