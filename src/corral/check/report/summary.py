"""The last lines of a run for people: how much was found, what can be mended, what was left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from corral.check.model import Level
from corral.check.tool.result import Result


def summary(result: Result, *, fixed: bool) -> Iterator[str]:
    """The closing lines; `fixed` says that fixes were written, rather than only worked out."""
    if result.changes:
        verb = "Fixed" if fixed else "Would fix"
        yield f"{verb} {_count(len(result.fixed), 'finding')} in {_count(len(result.changes), 'file')}."
    levels = Counter(finding.level for finding in result.findings)
    if levels:
        parts = [_count(levels[level], level.label) for level in sorted(levels, reverse=True)]
        yield f"Found {', '.join(parts)} in {_count(len({f.path for f in result.findings}), 'file')} of {result.files}."
    elif result.files:
        yield (
            f"No hazards shown in {_count(result.files, 'file')}."
            if any(result.hidden.values())
            else _clear(result.files)
        )
    else:
        yield "No Python files found: is the path right, or does .gitignore or `exclude` leave it out?"
    safe = sum(1 for finding in result.findings if finding.fix and finding.fix.safe)
    unsafe = sum(1 for finding in result.findings if finding.fix and not finding.fix.safe)
    if safe:
        yield f"[*] {safe} can be mended with --fix."
    if unsafe:
        yield f"[+] {unsafe} can be mended with --fix --unsafe-fixes; each says what would change."
    yield from _left_out(result)


def _clear(files: int) -> str:
    return f"No hazards found in {_count(files, 'file')}."


def _left_out(result: Result) -> Iterator[str]:
    for level in sorted(Level, reverse=True):
        if count := result.hidden.get(level.label, 0):
            yield f"{_count(count, level.label)} not shown; see with --min-level {level.label}."
    if count := result.hidden.get("baseline", 0):
        yield f"{_count(count, 'finding')} in the baseline."
    if result.stale:
        yield f"{_count(result.stale, 'entry', 'entries')} of the baseline met nothing: write it anew with --write-baseline."


def count_lines(result: Result) -> Iterator[str]:
    """A line for each rule that was broken, the most frequent first: count, code, name, and what can be mended."""
    counts = Counter((finding.code, finding.name) for finding in result.findings)
    mendable = Counter(finding.code for finding in result.findings if finding.fix)
    for (code, name), count in sorted(counts.items(), key=lambda entry: (-entry[1], entry[0])):
        mark = f" [{mendable[code]} with a fix]" if mendable[code] else ""
        yield f"{count:>5}  {code}  {name}{mark}"


def _count(count: int, one: str, many: str = "") -> str:
    return f"{count} {one if count == 1 else many or one + 's'}"
