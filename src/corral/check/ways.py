"""What becomes of a value: the ways it may go."""

from __future__ import annotations

import ast
import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final


class Way(enum.Enum):
    """What becomes of a value."""

    HELD = "held"
    AWAITED = "awaited"
    RETURNED = "returned"
    STATEMENT = "statement"  # from here on: nobody has it
    TESTED = "tested"
    LOGGED = "logged"
    CHAINED = "chained"
    UNUSED = "unused"
    GLANCED = "glanced"
    OVERWRITTEN = "overwritten"
    DELETED = "deleted"
    BRANCH = "branch"
    CONTAINER = "container"
    CLOSURE = "closure"
    WEAK = "weak"


KEPT = frozenset({Way.HELD, Way.AWAITED, Way.RETURNED})


@final
@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of a value, the variable it went through, and the node that decides it."""

    way: Way
    name: str = ""
    node: ast.AST | None = None

    @property
    def lost(self) -> bool:
        """Whether nobody has the value any more."""
        return self.way not in KEPT


HELD = Fate(Way.HELD)
GLANCED = Fate(Way.GLANCED)


def best(fates: Sequence[Fate]) -> Fate:
    """Of several places that one value goes to, the one that keeps it longest."""
    for way in (Way.HELD, Way.AWAITED, Way.RETURNED):
        for fate in fates:
            if fate.way is way:
                return fate
    return fates[0]
