"""An import added, or taken away, where ruff's isort would have it.

The first run of imports of a module is taken apart into entries, each with the lines before it that hold no import; entries come and
go; and what differs is one change of the text.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import final

from corral.check.fixes.lines import alone, block, line_start
from corral.check.fixes.members import Rank, rank, with_member
from corral.check.text import same_ends
from corral.check.unit import Unit

Change = tuple[int, int, str]
Key = tuple[int, int, str, Rank]
Added = dict[str, bool]  # `spawn` from Corral (True), or `corral` itself (False)

EMPTY = re.compile(r"(?:[ \t\f]*(?:\r\n|\r|\n))*")
FUTURE, STANDARD, THIRD, FIRST, LOCAL = range(5)


@final
@dataclass(slots=True)
class Entry:
    """One import, or several on one line: what isort sorts it by, its lines, and the lines before it; whether others stand on them."""

    key: Key
    own: str
    gap: str = ""
    nodes: list[ast.Import | ast.ImportFrom] = field(default_factory=list[ast.Import | ast.ImportFrom])
    shared: bool = False

    @property
    def section(self) -> int:
        """Which of isort's five sections it belongs to."""
        return self.key[0]

    @property
    def only(self) -> ast.Import | ast.ImportFrom | None:
        """The one statement on these lines, if there is no other: only then they change, and go, with it."""
        return self.nodes[0] if len(self.nodes) == 1 and not self.shared else None


def sort_key(node: ast.Import | ast.ImportFrom, first_party: frozenset[str]) -> Key:
    """Sections in isort's order; within one, `import a` before `from a import b`, each by module and first name."""
    module = node.names[0].name if isinstance(node, ast.Import) else node.module or ""
    top = module.partition(".")[0]
    if isinstance(node, ast.ImportFrom) and node.level:
        section = LOCAL
    elif top == "__future__":
        section = FUTURE
    elif top in first_party:
        section = FIRST
    else:
        section = STANDARD if top in sys.stdlib_module_names else THIRD
    return (section, int(isinstance(node, ast.ImportFrom)), module.lower(), min(rank(a.name) for a in node.names))


def plan(unit: Unit, added: Added, removed: Iterable[ast.alias]) -> list[Change]:
    """The changes that add and remove these imports."""
    removed = list(removed)
    entries = first_run(unit)
    inside = {node for entry in entries for node in entry.nodes}
    changes = [c for a in removed if (s := unit.index.statement(a)) not in inside for c in elsewhere(unit, s, removed)]
    if not entries:
        return [*changes, at_the_top(unit, added)] if added else changes
    before = "".join(e.gap + e.own for e in entries)
    drop(unit, entries, removed)
    for name, from_corral in sorted(added.items()):
        add(unit, entries, name, from_corral=from_corral)
    after = "".join(e.gap + e.own for e in entries)
    start = line_start(unit, unit.text.start(first_run(unit)[0].nodes[0]))
    end = start + len(before)
    if not entries:
        end += empty_lines(unit.text.text, end)
    return changes + ([] if before == after else [smallest(start, unit.text.text[start:end], after)])


def empty_lines(text: str, start: int) -> int:
    """How many characters of empty lines follow a place at the begin of a line."""
    found = EMPTY.match(text, start)
    return found.end() - start if found else 0


def smallest(start: int, before: str, after: str) -> Change:
    """The change without the lines that are the same at either end."""
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    head, tail = same_ends(old, new)
    begin = start + sum(map(len, old[:head]))
    end = start + sum(map(len, old[: len(old) - tail]))
    return (begin, end, "".join(new[head : len(new) - tail]))


def first_run(unit: Unit) -> list[Entry]:
    """The first imports of the module that follow one another, as entries."""
    entries: list[Entry] = []
    text, last_row = unit.text, 0
    others = [node for node in unit.index.tree.body if not isinstance(node, ast.Import | ast.ImportFrom)]
    shared = {row for node in others for row in (node.lineno, node.end_lineno)}
    torn = {row for node in others if node.lineno != node.end_lineno for row in (node.lineno, node.end_lineno)}
    for node in unit.index.tree.body:
        if not isinstance(node, ast.Import | ast.ImportFrom):
            if entries:
                break
            continue
        end_row = node.end_lineno or node.lineno
        rows = {node.lineno, end_row}
        if rows & torn:
            return []
        if entries and node.lineno <= last_row:
            entries[-1].nodes.append(node)
            if end_row > last_row:
                return []
            continue
        own = "".join(text.line(row) for row in range(node.lineno, end_row + 1))
        gap = "".join(text.line(row) for row in range(last_row + 1, node.lineno)) if entries else ""
        entries.append(Entry(sort_key(node, unit.settings.first_party), own, gap, [node], shared=bool(rows & shared)))
        last_row = end_row
    return entries if not entries or entries[-1].own.endswith(("\n", "\r")) else []


def blank(gap: str) -> bool:
    """Whether there are only empty lines."""
    return not gap.strip()


def add(unit: Unit, entries: list[Entry], name: str, *, from_corral: bool) -> None:
    """Put `from corral import name`, or `import corral`, among the entries."""
    newline = unit.text.newline
    if from_corral and merged(unit, entries, name):
        return
    line = f"from corral import {name}" if from_corral else "import corral"
    section = FIRST if "corral" in unit.settings.first_party else THIRD
    new = Entry((section, int(from_corral), "corral", rank(name)), line + newline)
    at = max((i + 1 for i, e in enumerate(entries) if e.key < new.key), default=0)
    previous = entries[at - 1] if at else None
    following = entries[at] if at < len(entries) else None
    if previous is not None and previous.section != new.section:
        new.gap = newline
    if following is not None:
        if following.section != new.section:
            following.gap = (
                following.gap if following.gap and blank(following.gap) else newline + following.gap.lstrip("\r\n")
            )
        elif previous is None or previous.section != new.section:
            new.gap, following.gap = following.gap if blank(following.gap) else newline, following.gap.lstrip("\r\n")
            new.gap = new.gap if previous is not None else ""
    entries.insert(at, new)


def merged(unit: Unit, entries: list[Entry], name: str) -> bool:
    """Add the name to a `from corral import ...` that is there and has its lines to itself."""
    newline, width = unit.text.newline, unit.settings.line_length
    for entry in entries:
        node = entry.only
        if isinstance(node, ast.ImportFrom) and node.module == "corral" and not node.level:
            if (own := with_member(entry.own, name, newline, width)) is not None:
                entry.own = own
                return True
    return False


def drop(unit: Unit, entries: list[Entry], removed: list[ast.alias]) -> None:
    """Take aliases out of the entries, and entries out of the list when nothing is left of them."""
    for entry in list(entries):
        node = entry.only
        if node is None or not any(a in removed for a in node.names) or "#" in entry.own:
            continue
        rest = [a for a in node.names if a not in removed]
        if rest:
            begin, end, kept = without(unit, node, rest)
            at = unit.text.start(node)
            entry.own = entry.own[: begin - at] + kept + entry.own[end - at :]
        elif blank(entry.gap):
            forget(entries, entry)


def forget(entries: list[Entry], entry: Entry) -> None:
    """Take out an entry, and the empty lines that set it apart."""
    at = entries.index(entry)
    previous = entries[at - 1] if at else None
    following = entries[at + 1] if at + 1 < len(entries) else None
    del entries[at]
    if following is not None and blank(following.gap):
        if previous is None or following.section == entry.section:
            following.gap = entry.gap
        elif previous.section == following.section:
            following.gap = ""


def without(unit: Unit, node: ast.Import | ast.ImportFrom, rest: list[ast.alias]) -> Change:
    """The names with only those that stay, each on the line where it was."""
    text, places = unit.text.text, [(unit.text.start(a), unit.text.end(a)) for a in node.names]
    begin, end = places[0][0], places[-1][1]
    kept, before = "", begin
    for alias, (first, last) in zip(node.names, places, strict=True):
        if alias in rest:
            kept += text[before if kept else first : last]
        before = last
    return begin, end, kept


def elsewhere(unit: Unit, statement: ast.stmt, removed: list[ast.alias]) -> list[Change]:
    """An import inside a function, or further down: its whole lines, if all its names go."""
    assert isinstance(statement, ast.Import | ast.ImportFrom)
    if rest := [a for a in statement.names if a not in removed]:
        # A comment among the names may be about any of them.
        return [] if "#" in unit.text.segment(statement) else [without(unit, statement, rest)]
    body, lines = block(unit, statement), alone(unit, statement)
    if body == [statement] or lines is None:
        return []
    start, end = lines
    if body[0] is statement or isinstance(body[body.index(statement) - 1], ast.Expr):
        end += empty_lines(unit.text.text, end)
    return [(start, end, "")]


def at_the_top(unit: Unit, added: Added) -> Change:
    """For a module without imports: after its docstring and its first comments, before its first statement."""
    text, newline = unit.text, unit.text.newline
    body = unit.index.tree.body
    lines = (
        [f"from corral import {', '.join(sorted(n for n, yes in added.items() if yes))}"] if any(added.values()) else []
    )
    lines = (["import corral"] if not all(added.values()) else []) + lines
    documented = (
        isinstance(body[0], ast.Expr)
        and isinstance(body[0].value, ast.Constant)
        and isinstance(body[0].value.value, str)
    )
    rest = body[1:] if documented else body
    row = (body[0].end_lineno or 1) + 1 if documented else top_comments(unit)
    first = rest[0] if rest else None
    next_row = row
    while next_row < len(text.starts) and not text.line(next_row).strip():
        next_row += 1
    start = text.starts[row - 1] if row <= len(text.starts) else len(text.text)
    end = text.starts[next_row - 1]
    definition = isinstance(first, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    head = newline if row > 1 else ""
    return (start, end, head + newline.join(lines) + newline + newline * (2 if definition else 1))


def top_comments(unit: Unit) -> int:
    """The row after the comments that a file begins with, when an empty line sets them apart from the code."""
    row = 1
    while unit.text.line(row).startswith("#"):
        row += 1
    return (
        row
        if not unit.text.line(row).strip()
        else 1 + sum(unit.text.line(r).startswith("#!") or "coding" in unit.text.line(r) for r in (1, 2) if r < row)
    )
