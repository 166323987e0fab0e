"""What a fix would do, as the lines that go and the lines that come."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import NamedTuple, final

from corral.check.model import Fix
from corral.check.report.source_text import SourceText


@final
class DiffLine(NamedTuple):
    """One line of a small diff: `-` it goes, `+` it comes; `row` is its number before or after."""

    sign: str
    row: int
    text: str


def applied(data: bytes, fix: Fix, encoding: str) -> bytes:
    """The bytes with the fix's edits made, from the end so that no offset moves."""
    for edit in sorted(fix.edits, reverse=True):
        data = data[: edit.start] + edit.text.encode(encoding, "replace") + data[edit.end :]
    return data


def preview(source: SourceText, fix: Fix) -> Iterator[DiffLine]:
    """The lines that the fix takes away and puts there, in the order of the file."""
    after = SourceText(applied(source.data, fix, source.encoding))
    first = min(source.place(edit.start)[0] for edit in fix.edits) - 1
    before_lines, after_lines = source.lines[first:], after.lines[first:]
    tail = _common_tail(before_lines, after_lines)
    before_lines = before_lines[: len(before_lines) - tail]
    after_lines = after_lines[: len(after_lines) - tail]
    matcher = difflib.SequenceMatcher(None, before_lines, after_lines, autojunk=False)
    for tag, start, end, new_start, new_end in matcher.get_opcodes():
        if tag != "equal":
            yield from (DiffLine("-", first + row + 1, before_lines[row]) for row in range(start, end))
            yield from (DiffLine("+", first + row + 1, after_lines[row]) for row in range(new_start, new_end))


def _common_tail(one: list[str], other: list[str]) -> int:
    """How many lines at the end are the same: a diff of what is left costs little, however long the file is."""
    count = 0
    while count < min(len(one), len(other)) and one[-1 - count] == other[-1 - count]:
        count += 1
    return count
