"""What the programs raise: errors of every kind that a verb has to tell apart."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Odd(Exception):
    """An exception of the program's own."""

    def __str__(self) -> str:
        raise RuntimeError("no words for it")


class Stubborn(Exception):
    """One that refuses notes."""

    def add_note(self, note: str, /) -> None:
        raise TypeError(note)


class Deadly(BaseException):
    """Neither an Exception nor an exit."""


def error_of(kind: str) -> BaseException:
    """A new exception of that kind."""
    kinds: dict[str, Callable[[], BaseException]] = {
        "ValueError": lambda: ValueError("wrong"),
        "Odd": Odd,
        "Stubborn": lambda: Stubborn("no"),
        "ExceptionGroup": lambda: ExceptionGroup(
            "some", [ValueError("one"), ExceptionGroup("in it", [TypeError("two")])]
        ),
        "CancelledError": lambda: asyncio.CancelledError("by hand"),
        "StopIteration": StopIteration,
        "SystemExit": lambda: SystemExit(3),
        "KeyboardInterrupt": KeyboardInterrupt,
        "Deadly": lambda: Deadly("end"),
    }
    return kinds[kind]()
