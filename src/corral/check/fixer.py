"""Mends a file's bytes: fixes that do not overlap at once, the others in later rounds; parsed again before anybody sees them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import final

from corral.check.fixes.tidy import tidied
from corral.check.model import Edit, Finding, Fix
from corral.check.settings import Settings
from corral.check.source import CannotParse, check_source, parse
from corral.check.text import CannotDecode, Text, edited

ROUNDS = 50  # each takes away a finding; this is for findings that come back

Place = tuple[str, int, int]


@final
@dataclass(frozen=True, slots=True)
class FixResult:
    """The file after its fixes: `data` is the very same object when nothing was changed."""

    data: bytes
    fixed: tuple[Finding, ...]
    remaining: tuple[Finding, ...]


def fix_source(data: bytes, path: str, settings: Settings, *, unsafe: bool) -> FixResult:
    """Apply every fix of the findings that are shown; only safe ones unless `unsafe`. Never raises.

    Args:
        data: The file as it is on disk. What no edit touches stays as it is, byte for byte.
        path: As in `check_source`.
        settings: As in `check_source`; `min_level` says what is shown, and so what is mended.
        unsafe: Whether to take fixes that change what is cancelled or raised.

    Cost:
        One check for each round: two for most files, one more for each kind of import that is added.
    """
    report = check_source(data, path, settings)
    before, first = data, report
    fixed: list[Finding] = []
    refused: set[Place] = set()
    for _ in range(ROUNDS):
        wanted = [f for f in report.shown(settings.min_level) if may(f, unsafe=unsafe) and place(f) not in refused]
        chosen = compatible(wanted)
        if not chosen:
            break
        after = applied(data, [f.fix for f in chosen if f.fix])
        if after is None:
            after, chosen = one_by_one(data, chosen, refused)
        if after is None:
            continue
        data, report = after, check_source(after, path, settings)
        fixed += chosen
    if data == before:
        return FixResult(before, (), first.shown(settings.min_level))
    tidy = tidied(before, data, path, settings)
    if tidy is not data and sound(tidy):
        data, report = tidy, check_source(tidy, path, settings)
    return FixResult(data, tuple(fixed), report.shown(settings.min_level))


def may(finding: Finding, *, unsafe: bool) -> bool:
    """Whether the finding has a fix that is asked for."""
    return finding.fix is not None and (unsafe or finding.fix.safe)


def place(finding: Finding) -> Place:
    """What a fix that was refused is remembered by."""
    return (finding.code, finding.span.row, finding.span.column)


def compatible(findings: list[Finding]) -> list[Finding]:
    """The findings, first to last, whose edits do not overlap those before; the same edit twice (an import) is one."""
    taken: set[Edit] = set()
    chosen: list[Finding] = []
    for finding in findings:
        assert finding.fix is not None
        mine = set(finding.fix.edits)
        if not any(overlap(a, b) for a in mine - taken for b in taken):
            taken |= mine
            chosen.append(finding)
    return chosen


def overlap(a: Edit, b: Edit) -> bool:
    """Whether the edits touch the same bytes, or insert at the same place."""
    return (a.start < b.end and b.start < a.end) or (a.start == b.start and (a.start == a.end or b.start == b.end))


def applied(data: bytes, fixes: Iterable[Fix]) -> bytes | None:
    """The bytes with the edits made; None unless they are sound."""
    try:
        encoding = Text(data).encoding.removesuffix("-sig")
        data = edited(data, {edit for fix in fixes for edit in fix.edits}, encoding)
    except (CannotDecode, UnicodeEncodeError):
        return None
    return data if sound(data) else None


def sound(data: bytes) -> bool:
    """Whether the bytes are text that parses."""
    try:
        parse(Text(data).text)
    except (CannotDecode, CannotParse):
        return False
    return True


def one_by_one(data: bytes, chosen: list[Finding], refused: set[Place]) -> tuple[bytes | None, list[Finding]]:
    """The first fix that is sound by itself; those that are not are not tried again."""
    for finding in chosen:
        assert finding.fix is not None
        after = applied(data, [finding.fix])
        if after is not None and after != data:
            return after, [finding]
        refused.add(place(finding))
    return None, []
