"""The hazards by code, and the kinds of report that name them. The pages are in docs/rules/; `corral check` shares the names."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

Kind: TypeAlias = Literal[
    "pending", "failed", "lost", "orphaned", "swallowed", "discarded", "future", "unawaited"
]  # fmt: skip

HAZARDS: Final = {
    "TG001": "lost-task",
    "TG002": "orphaned-siblings",
    "TG003": "discarded-outcomes",
    "TG004": "lost-future",
    "TG005": "unawaited-gather",
    "TG006": "sequential-awaits",
}

CODE_OF: Final[dict[Kind, str]] = {
    "pending": "TG001",
    "failed": "TG001",
    "lost": "TG001",
    "orphaned": "TG002",
    "swallowed": "TG002",
    "discarded": "TG003",
    "future": "TG004",
    "unawaited": "TG005",
}

#: What is still running when it is reported, and so can be cancelled.
RUNNING: Final[frozenset[Kind]] = frozenset({"pending", "orphaned"})
