"""A finding on a terminal: a box outlined in the colour of its level, red for errors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TextIO

from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.text import Text

from corral.check.model import Finding, Level
from corral.check.report.excerpt import ExcerptLine, cells, excerpt, printable, shown
from corral.check.report.preview import preview
from corral.check.report.source_text import SourceText
from corral.check.report.sources import Sources
from corral.check.tool.result import Result

COLOURS = {Level.ERROR: "red", Level.WARNING: "yellow", Level.NOTE: "cyan"}
WIDEST = 120
# The panel's edges and padding, the mark, and the gutter's line.
FRAME = 4 + 2 + 3


def write(result: Result, out: TextIO) -> None:
    """Write a box for every finding."""
    console = Console(file=out, highlight=False, emoji=False, markup=False, soft_wrap=False)
    console.width = min(console.width, WIDEST)
    sources = Sources(result)
    for finding in result.findings:
        console.print(box(finding, sources[finding.path], console.width))


def box(finding: Finding, source: SourceText, width: int) -> Panel:
    """The box of one finding, at most `width` columns wide."""
    colour = COLOURS[finding.level]
    title = Text.assemble(
        (f" {finding.level.label.upper()} ", f"bold reverse {colour}"),
        (f" {finding.code} {finding.name}", f"bold {colour}"),
    )
    place = Text(printable(f"{finding.path}:{finding.span.row}:{finding.span.column}"), style="bold")
    parts: list[RenderableType] = [place, *_code(finding, source, width, colour)]
    parts.append(Text(printable(finding.message), style="bold"))
    parts.append(Text(printable(finding.advice), style="green"))
    parts += _fix(finding, source)
    return Panel(Group(*parts), title=title, title_align="left", border_style=colour, width=width, padding=(0, 1))


def _code(finding: Finding, source: SourceText, width: int, colour: str) -> Iterator[Text]:
    code = list(excerpt(source, finding.span)) if source.data else []
    if not code:
        return
    gutter = max(len(str(line.row)) for line in code)
    skip = _scrolled(code, width - FRAME - gutter)
    yield Text("")
    for line in code:
        meant = line.start is not None
        text = Text(line.text[skip:], no_wrap=True, overflow="ellipsis")
        text.stylize("default" if meant else "dim")
        if line.start is not None:
            text.stylize(f"bold {colour}", max(line.start - skip, 0), max(line.end - skip, 0))
        mark = Text(">" if meant else " ", style=f"bold {colour}")
        yield Text.assemble(
            mark, Text(f" {line.row:{gutter}} ", style="dim"), ("│ ", "dim"), text, no_wrap=True, overflow="ellipsis"
        )
        if line.start is not None and line.row == finding.span.row:
            indent = cells(line.text[skip : line.start])
            caret = "^" * max(cells(line.text[line.start : line.end]), 1)
            edge = Text(f"  {'':{gutter}} ", style="dim")
            yield Text.assemble(
                edge, ("│ ", "dim"), " " * indent, (caret, f"bold {colour}"), no_wrap=True, overflow="crop"
            )
    yield Text("")


def _scrolled(code: list[ExcerptLine], room: int) -> int:
    """How many columns to leave out on the left, so that the place that is meant can be seen."""
    meant = next(line for line in code if line.start is not None)
    start = meant.start or 0
    if meant.end <= room or start < room // 2:
        return 0
    return start - room // 4


def _fix(finding: Finding, source: SourceText) -> Iterator[Text]:
    fix = finding.fix
    if fix is None:
        return
    label, flag = ("Fix", "--fix") if fix.safe else ("Unsafe fix", "--fix --unsafe-fixes")
    yield Text("")
    yield Text.assemble((f"{label}: ", "bold"), printable(fix.title), (f"  ({flag})", "dim"))
    if fix.caveat:
        yield Text(printable(fix.caveat), style="yellow")
    changes = list(preview(source, fix))
    gutter = max((len(str(change.row)) for change in changes), default=1)
    for change in changes:
        style = "red" if change.sign == "-" else "green"
        number = Text(f"  {change.row:{gutter}} ", style="dim")
        yield Text.assemble(number, (f"{change.sign} {shown(change.text)}", style), no_wrap=True, overflow="ellipsis")
