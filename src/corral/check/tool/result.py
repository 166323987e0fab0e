"""What a run over many files came to, as plain data that every report format reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple, final

from corral.check.model import Finding

NOTHING_HIDDEN: Final[Mapping[str, int]] = MappingProxyType({})


@final
class Change(NamedTuple):
    """A file whose bytes a fix changes, or would change."""

    path: str
    before: bytes
    after: bytes


@final
class Result(NamedTuple):
    """A run's findings, by path and place, and what was done.

    Args:
        files: How many files were looked at.
        findings: What is shown.
        read: The bytes of a file as they were checked; raises `OSError` when they are gone.
        fixed: The findings that fixes took away.
        changes: The files that fixes changed, or with `--diff` would change.
        hidden: How many findings were left out, by reason: a level's label, `baseline` or `suppressed`.
        stale: Entries of the baseline that nothing matched any more.
    """

    files: int
    findings: tuple[Finding, ...]
    read: Callable[[str], bytes]
    fixed: tuple[Finding, ...] = ()
    changes: tuple[Change, ...] = ()
    hidden: Mapping[str, int] = NOTHING_HIDDEN
    stale: int = 0
