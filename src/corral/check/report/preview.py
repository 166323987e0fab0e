"""What a fix would do, as the lines that go and the lines that come."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import NamedTuple, final

from corral.check.model import Fix
from corral.check.report.source_text import SourceText
from corral.check.text import edited, same_ends


@final
class DiffLine(NamedTuple):
    """One line of a small diff: `-` it goes, `+` it comes; `row` is its number before or after."""

    sign: str
    row: int
    text: str


def preview(source: SourceText, fix: Fix) -> Iterator[DiffLine]:
    """The lines that the fix takes away and puts there, in the order of the file."""
    after = SourceText(edited(source.data, fix.edits, source.encoding, "replace"))
    first = min(source.place(edit.start)[0] for edit in fix.edits) - 1
    before_lines, after_lines = source.lines[first:], after.lines[first:]
    # A diff of what is left costs little, however long the file is.
    _, tail = same_ends(before_lines, after_lines)
    before_lines = before_lines[: len(before_lines) - tail]
    after_lines = after_lines[: len(after_lines) - tail]
    matcher = difflib.SequenceMatcher(None, before_lines, after_lines, autojunk=False)
    for tag, start, end, new_start, new_end in matcher.get_opcodes():
        if tag != "equal":
            yield from (DiffLine("-", first + row + 1, before_lines[row]) for row in range(start, end))
            yield from (DiffLine("+", first + row + 1, after_lines[row]) for row in range(new_start, new_end))
