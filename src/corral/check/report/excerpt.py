"""The lines around a finding, fit to be shown: tabs made spaces, control characters made visible."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import NamedTuple, final

from corral.check.model import Span
from corral.check.report.source_text import SourceText

CONTEXT = 2
MOST = 12
TAB = 4
# C0 and C1 but for the tab, and what turns the reading direction: a checked file must not steer the terminal that shows it.
_CONTROL = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


@final
class ExcerptLine(NamedTuple):
    """A line to show: its number, its text, and which part of it is meant, as columns of the shown text from 0."""

    row: int
    text: str
    start: int | None = None
    end: int = 0


def printable(text: str) -> str:
    """The text with whatever a terminal would obey replaced by U+FFFD; tabs stay."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)


def shown(line: str) -> str:
    """A line of source as it is shown."""
    return printable(line).expandtabs(TAB)


def excerpt(source: SourceText, span: Span, context: int = CONTEXT) -> Iterator[ExcerptLine]:
    """The lines of the span, at most `MOST` of them, with `context` lines before and after, never a blank one at either edge."""
    last_meant = min(
        span.end_row if span.end_column > 1 or span.end_row == span.row else span.end_row - 1, span.row + MOST - 1
    )
    first, last = max(1, span.row - context), min(len(source.lines), last_meant + context)
    while first < span.row and not source.line(first).strip():
        first += 1
    while last > last_meant and not source.line(last).strip():
        last -= 1
    for row in range(first, last + 1):
        line = source.line(row)
        if not span.row <= row <= last_meant:
            yield ExcerptLine(row, shown(line))
            continue
        start = span.column - 1 if row == span.row else len(line) - len(line.lstrip())
        end = span.end_column - 1 if row == span.end_row else len(line)
        yield ExcerptLine(row, shown(line), len(shown(line[:start])), len(shown(line[:end])))


def cells(text: str) -> int:
    """How many columns of a terminal the text takes."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else not unicodedata.combining(char) for char in text)
