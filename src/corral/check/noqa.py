"""`# noqa`: which findings a comment suppresses, and which comments suppress nothing."""

from __future__ import annotations

import contextlib
import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import final

from corral.check.model import Edit, Finding, Fix, Level
from corral.check.registry import META, RULES, UNUSED_SUPPRESSION
from corral.check.text import NEWLINE
from corral.check.unit import Unit

# The same hazard under its other names: ruff's, flake8-async's, Sonar's.
SAME = {"RUF006": "TG001", "ASYNC300": "TG001", "S7502": "TG001"}
CODES = r"[A-Z][A-Z0-9]*[0-9]+(?:(?:\s*,\s*|\s+)[A-Z][A-Z0-9]*[0-9]+)*"
WORD = "# noqa"
MAY_CONCERN_US = re.compile(r"noqa[^\r\n]*TG\d|#\s*(?:corral|ruff|flake8)\s*:\s*noqa", re.IGNORECASE)
LINE = re.compile(rf"#\s*noqa(?P<sep>\s*:\s*(?P<codes>{CODES}))?(?![\w:])", re.IGNORECASE)
WHOLE_FILE = re.compile(rf"#\s*(?:corral|ruff|flake8)\s*:\s*noqa(?:\s*:\s*(?P<codes>{CODES}))?\s*\Z", re.IGNORECASE)


@final
@dataclass(slots=True)
class Comment:
    """One suppression: its codes as written (none: everything), where it stands, what it suppressed."""

    row: int
    start: int
    end: int
    codes: list[str]
    used: set[str] = field(default_factory=set[str])

    def covers(self, code: str) -> bool:
        """Whether a finding of this code is suppressed by it."""
        return not self.codes or code in {SAME.get(c, c) for c in self.codes}


def suppress(unit: Unit, found: list[Finding], codes: frozenset[str]) -> Iterator[Finding]:
    """The findings, marked where a comment suppresses them, and the comments of ours that suppress none."""
    if not worth_reading(unit, found):
        yield from found
        return
    lines, whole = comments(unit)
    for finding in found:
        rows = {finding.span.row, finding.span.end_row, *unit.statement_rows(finding)}
        hits = [c for c in lines if c.row in rows and c.covers(finding.code)] + [
            c for c in whole if c.covers(finding.code)
        ]
        for comment in hits:
            comment.used.add(finding.code)
        yield finding._replace(suppressed=True) if hits else finding
    for comment in lines:
        idle = [
            c
            for c in comment.codes
            if c.startswith("TG") and c not in comment.used and (c in codes or c not in RULES) and c not in META
        ]
        if idle:
            yield unused(unit, comment, idle)


def worth_reading(unit: Unit, found: list[Finding]) -> bool:
    """Whether a comment may suppress one of these, or bears a code of ours: to find them all costs as much as to parse the file."""
    if MAY_CONCERN_US.search(unit.text.text):
        return True
    rows = {row for f in found for row in (f.span.row, f.span.end_row, *unit.statement_rows(f))}
    return any("noqa" in unit.text.line(row).lower() for row in rows)


def comments(unit: Unit) -> tuple[list[Comment], list[Comment]]:
    """The suppressions of single lines and those of the whole file; strings that look like comments are not."""
    lines: list[Comment] = []
    whole: list[Comment] = []
    for row, column, comment in written(unit):
        start = unit.text.starts[row - 1] + column
        for pattern, kind in ((WHOLE_FILE, whole), (LINE, lines)):
            if (match := pattern.search(comment)) is not None:
                codes = re.findall(r"\w+", (match["codes"] or "").upper())
                kind.append(Comment(row, start + match.start(), start + match.end(), codes))
                break
    return lines, whole


def written(unit: Unit) -> Iterator[tuple[int, int, str]]:
    """The comments with the word in them: row, column, text."""
    normal = NEWLINE.sub("\n", unit.text.text)
    # On Python 3.11 the tokenizer refuses some files that the parser takes: what it read until then stands.
    with contextlib.suppress(tokenize.TokenError, SyntaxError):
        for token in tokenize.generate_tokens(io.StringIO(normal).readline):
            if token.type == tokenize.COMMENT and "noqa" in token.string.lower():
                yield *token.start, token.string


def unused(unit: Unit, comment: Comment, idle: list[str]) -> Finding:
    """A suppression nobody needs, and the fix that takes it away."""
    code, name = UNUSED_SUPPRESSION
    text = unit.text
    rest = [c for c in comment.codes if c not in idle]
    if rest:
        new, start = f"{WORD}: {', '.join(rest)}", comment.start
    else:
        line_start = text.starts[comment.row - 1]
        new, start = "", line_start + len(text.text[line_start : comment.start].rstrip(" \t"))
    following = text.text[comment.end :].lstrip(" \t")
    whole_comment = not following or following[0] in "\r\n"
    fix = (
        Fix("Remove the suppression", (Edit(text.offset(start), text.offset(comment.end), new),), safe=True)
        if whole_comment
        else None
    )
    what = ", ".join(idle)
    unknown = [c for c in idle if c not in RULES]
    message = (
        f"There is no rule {', '.join(unknown)}."
        if unknown
        else f"Nothing here is a finding of {what}, so the comment suppresses nothing."
    )
    level = Level.NOTE if unit.is_test else Level.WARNING
    return Finding(
        code,
        name,
        level,
        message,
        f"Remove {what} from the comment.",
        unit.path,
        text.span(comment.start, comment.end),
        fix,
    )
