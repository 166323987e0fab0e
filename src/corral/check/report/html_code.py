"""The code of a file in the HTML report: the parts around its findings, coloured, with the lines that are meant outlined."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from html import escape
from typing import Any, NamedTuple, final

import pygments.lexers
from markdown_it import MarkdownIt
from pygments.token import Comment, Keyword, Literal, Name

from corral.check.model import Finding
from corral.check.report.excerpt import printable, shown
from corral.check.report.source_text import SourceText

CONTEXT = 5
_LEXERS: Any = pygments.lexers  # its classes are made when they are asked for, which no checker can follow
_CLASSES = (
    (Comment, "c"),
    (Keyword, "k"),
    (Literal, "s"),
    (Name.Function, "f"),
    (Name.Class, "f"),
    (Name.Decorator, "d"),
)


@final
class Numbered(NamedTuple):
    """A finding and its number on the page."""

    number: int
    finding: Finding


@final
class _Hit(NamedTuple):
    """Lines outlined together: the findings that share any of them."""

    first: int
    last: int
    entries: list[Numbered]


def code_block(path: str, entries: list[Numbered], source: SourceText) -> Iterator[str]:
    """The file's code around the findings, in one region that scrolls sideways by itself."""
    hits = _hits(entries, max(len(source.lines), 1))
    rows = _coloured(source) if source.data else []
    yield f'<div class="code" role="region" tabindex="0" aria-label="Code of {escape(printable(path))}">\n'
    done = 0
    for at, hit in enumerate(hits):
        following = hits[at + 1].first if at + 1 < len(hits) else len(rows) + 1
        start = max(done + 1, hit.first - CONTEXT)
        if start > done + 1:
            yield f'<p class="gap">{"lines" if start - done > 2 else "line"} {_between(done + 1, start - 1)} left out</p>\n'
        yield from (_line(row, rows[row - 1]) for row in range(start, hit.first))
        yield from _hit(hit, rows)
        done = min(hit.last + CONTEXT, following - 1, len(rows))
        yield from (_line(row, rows[row - 1]) for row in range(hit.last + 1, done + 1))
    yield "</div>\n"


def prose(text: str) -> str:
    """A sentence with its `code` marked up, and nothing else: what it quotes is a stranger's."""
    return str(_backticks().renderInline(printable(text)))


@cache
def _backticks() -> MarkdownIt:
    return MarkdownIt("zero").enable("backticks")


def _between(first: int, last: int) -> str:
    return str(first) if first == last else f"{first} to {last}"


def _hits(entries: list[Numbered], last_row: int) -> list[_Hit]:
    hits: list[_Hit] = []
    for entry in sorted(entries, key=lambda entry: entry.finding.span.row):
        span = entry.finding.span
        first = min(span.row, last_row)
        last = max(first, min(span.end_row - (span.end_column == 1), last_row))
        if hits and first <= hits[-1].last:
            before = hits.pop()
            hits.append(_Hit(before.first, max(before.last, last), [*before.entries, entry]))
        else:
            hits.append(_Hit(first, last, [entry]))
    return hits


def _hit(hit: _Hit, rows: list[str]) -> Iterator[str]:
    worst = max(entry.finding.level for entry in hit.entries)
    yield f'<div class="hit {worst.label}" data-levels="{" ".join(sorted({e.finding.level.label for e in hit.entries}))}">\n'
    yield from (_line(row, rows[row - 1]) for row in range(hit.first, hit.last + 1) if row <= len(rows))
    for number, finding in hit.entries:
        yield f'<button type="button" class="why {finding.level.label}" id="f{number}" data-dialog="d{number}" aria-haspopup="dialog">'
        yield f'<span class="level">{finding.level.label}</span> <b>{finding.code}</b> {prose(finding.message)}{_mend(finding)}</button>\n'
    yield "</div>\n"


def _mend(finding: Finding) -> str:
    if finding.fix is None:
        return ""
    return f' <span class="mend">{"fix" if finding.fix.safe else "unsafe fix"}</span>'


def _line(row: int, html: str) -> str:
    return f'<div class="line"><span class="row">{row}</span><code>{html}</code></div>\n'


def _coloured(source: SourceText) -> list[str]:
    """Each line of the file as HTML."""
    lines = [shown(line) for line in source.lines]
    rows: list[str] = [""]
    # The lexer gets the lines as they are shown, so that its rows are ours.
    for kind, text in _LEXERS.PythonLexer(stripnl=False, ensurenl=False).get_tokens("\n".join(lines)):
        name = next((name for token, name in _CLASSES if kind[: len(token)] == token), "")
        for at, piece in enumerate(text.split("\n")):
            if at:
                rows.append("")
            if piece:
                rows[-1] += f'<span class="{name}">{escape(piece)}</span>' if name else escape(piece)
    # Behind a final line end there is a line for the parser, and none for the reader.
    return rows if rows[-1] else rows[:-1]
