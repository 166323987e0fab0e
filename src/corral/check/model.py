"""What the checker says: findings, their levels and their fixes, as plain data.

Tuples here and in `tool`, for `import dataclasses` takes as long as a look at two thousand known files.
"""

from __future__ import annotations

import enum
from typing import NamedTuple, final


@final
class Level(enum.IntEnum):
    """How sure and how bad: `error` where work is lost or runs on unseen."""

    NOTE = 1
    WARNING = 2
    ERROR = 3

    @property
    def label(self) -> str:
        """The level's name in every report: `note`, `warning` or `error`."""
        return self.name.lower()


@final
class Edit(NamedTuple):
    """Replace the bytes `start:end` of the file (as it is on disk) by `text`."""

    start: int
    end: int
    text: str


@final
class Fix(NamedTuple):
    """Edits that belong together; not `safe` when they change what is cancelled or raised, and then `caveat` says how."""

    title: str
    edits: tuple[Edit, ...]
    safe: bool
    caveat: str | None = None


@final
class Span(NamedTuple):
    """Rows and columns from 1, columns in characters, the end exclusive, as ruff counts them."""

    row: int
    column: int
    end_row: int
    end_column: int


@final
class Finding(NamedTuple):
    """One hazard at one place: `message` says what happens to this code, `advice` what to write."""

    code: str
    name: str
    level: Level
    message: str
    advice: str
    path: str
    span: Span
    fix: Fix | None = None
    suppressed: bool = False
