"""How the demo looks: a bar that any verb can move, and tables that say what their lines mean."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

SLOW_FREEZE_S = 0.1
"""What a user of a service notices, and what makes health checks and heartbeats fail."""


@dataclass(frozen=True)
class Bar:
    """Anything with `update(n)` can be a verb's `progress`; this one draws with rich."""

    progress: Progress
    task: TaskID

    def update(self, n: int = 1, /) -> None:
        """Move on by n inputs."""
        self.progress.advance(self.task, n)


@contextmanager
def live_bar(console: Console, title: str, total: int) -> Generator[Bar]:
    """A bar that is drawn while the block runs, and stays when it ends."""
    columns = (TextColumn("  {task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        yield Bar(progress, progress.add_task(title, total=total))


def seconds(value: float) -> str:
    """0.4 s, or 8 ms."""
    return f"{value:.1f} s" if value >= 1 else f"{value * 1000:.0f} ms"


def freeze(value: float) -> str:
    """Red where others would have noticed."""
    return f"[bold red]{seconds(value)}[/]" if value > SLOW_FREEZE_S else f"[green]{seconds(value)}[/]"


def table(title: str, *columns: str) -> Table:
    """The first column in words, the others in numbers."""
    made = Table(title=title, title_justify="left", title_style="bold")
    for index, column in enumerate(columns):
        made.add_column(column, justify="right" if index else "left")
    return made
