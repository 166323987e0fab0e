"""How the demo looks: numbered parts, a bar that any verb can move, a race that fills its table while it runs."""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from corral.cli.demo_race import Lap

SLOW_FREEZE_S = 0.1
"""What a user of a service notices, and what makes health checks and heartbeats fail."""
BAR_CELLS = 24
MARGIN = 4
MB = 1_000_000


@dataclass(frozen=True)
class Bar:
    """Anything with `update(n)` can be a verb's `progress`; this one draws with rich."""

    progress: Progress
    task: TaskID

    def update(self, n: int = 1, /) -> None:
        """Move on by n inputs."""
        self.progress.advance(self.task, n)


@contextmanager
def live_bar(console: Console, total: int) -> Generator[Bar]:
    """A bar that is drawn while the block runs, and stays when it ends."""
    columns = (TextColumn(" " * (MARGIN - 1)), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        yield Bar(progress, progress.add_task("", total=total))


def part(console: Console, number: int, title: str, code: str = "") -> None:
    """The heading of a part, and the line of code that it runs."""
    console.print()
    console.print(f" [bold cyan]{number}[/]  [bold]{title}[/]")
    if code:
        indented(console, Text(code, style="cyan"))
    console.print()


def indented(console: Console, what: RenderableType) -> None:
    """Under the heading, however narrow the terminal."""
    console.print(Padding(what, (0, 0, 0, MARGIN)))


def seconds(value: float) -> str:
    """0.4 s, or 8 ms."""
    return f"{value:.1f} s" if value >= 1 else f"{value * 1000:.0f} ms"


def freeze(value: float) -> str:
    """Red where others would have noticed."""
    return f"[bold red]{seconds(value)}[/]" if value > SLOW_FREEZE_S else f"[green]{seconds(value)}[/]"


def megabytes(count: int) -> str:
    """42 MB."""
    return f"{count / MB:,.0f} MB"


def columns(*names: str) -> Table:
    """An empty table: the first column in words, the others in numbers."""
    made = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="dim")
    for index, name in enumerate(names):
        made.add_column(name, justify="right" if index else "left")
    return made


class Race:
    """The table of a race: a row for each racer that is home, and a clock for the one that runs.

    Args:
        names: Of all that will run.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.laps: list[Lap] = []
        self._names = names
        self._began = time.perf_counter()

    @contextmanager
    def on(self, console: Console) -> Generator[None]:
        """Draws the table while the block runs; it stays when it ends."""
        with Live(console=console, get_renderable=self.draw, refresh_per_second=8):
            yield

    def home(self, lap: Lap) -> None:
        """The next row; the next racer runs from now on."""
        self.laps.append(lap)
        self._began = time.perf_counter()

    def draw(self) -> RenderableType:
        """As it stands."""
        table = columns("", "time", "", "peak memory", "longest freeze")
        slowest = max((lap.seconds for lap in self.laps), default=0.0)
        for lap in self.laps:
            if lap.failure:
                table.add_row(lap.name, "", Text(lap.failure, style="bold red"), "", "")
                continue
            bar = ProgressBar(slowest, lap.seconds, BAR_CELLS, complete_style="red", finished_style="red")
            if lap is self.laps[0]:
                bar.complete_style = bar.finished_style = "green"
            table.add_row(lap.name, seconds(lap.seconds), bar, megabytes(lap.peak_bytes), freeze(lap.freeze_seconds))
        waiting = self._names[len(self.laps) :]
        if waiting:
            table.add_row(f"[dim]{waiting[0]}", f"[dim]{time.perf_counter() - self._began:.0f} s …", "", "", "")
        for name in waiting[1:]:
            table.add_row(f"[dim]{name}", "", "", "", "")
        return Padding(table, (0, 0, 0, MARGIN))
