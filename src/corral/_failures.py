"""How failures are told: the note on each, the frames left out, the one exception that leaves a verb."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from types import CodeType
from typing import Any, NamedTuple

from corral.outcome import ItemCancelled, OnError

_LONGEST_REPR = 200
_MOST_TOLD = 10
#: Code of ours that runs inputs or sources; its frames are taken off what they raise.
own_code: set[CodeType] = set()


class Failure(NamedTuple):
    """What one input, the source or the code around them raised. Only an input has a number."""

    number: int | None
    error: BaseException
    of_code: bool = False


def show(thing: object) -> str:
    """A short repr that cannot fail: an input whose `repr` raises must not hide what it raised itself."""
    try:
        text = repr(thing)
    except Exception as exc:
        text = f"<{type(thing).__name__} whose repr raised {type(exc).__name__}>"
    return text if len(text) <= _LONGEST_REPR else text[: _LONGEST_REPR - 1] + "…"


def note(error: BaseException, text: str) -> None:
    """`error.add_note(text)`, for exceptions that refuse notes as well."""
    with suppress(Exception):  # a note is a kindness: an exception class that refuses it stays as it is
        error.add_note(text)


def strip(error: BaseException) -> BaseException:
    """Takes the engine's own frames off the outer end of the traceback.

    They say nothing to the reader, and a stored traceback that leads to the engine's frames leads to all results: a cycle.
    """
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code in own_code:
        trace = trace.tb_next
    return error.with_traceback(trace)


class Failures:
    """What went wrong in one run of a verb, and what the verb makes of it."""

    #: Where the inputs stood in the call, if not at their index.
    numbers: Sequence[int] | Mapping[int, int] | None = None
    interrupted: asyncio.CancelledError | None = None
    _fatal: BaseException | None = None
    _leaving: BaseException | None = None

    def __init__(self, verb: str, on_error: OnError, *, show_items: bool) -> None:
        self.verb: str = verb
        self.on_error = on_error
        self.show_items: bool = show_items
        self._found: list[Failure] = []

    def where(self, index: int, item: object) -> str:
        """How the notes name an input."""
        number = index if self.numbers is None else self.numbers[index]
        return f"input {number}: {show(item)}" if self.show_items else f"input {number}"

    def of_input(self, index: int, item: object, error: BaseException) -> None:
        """An input failed."""
        note(error, f"{self.verb}: {self.where(index, item)}")
        self._found.append(Failure(index if self.numbers is None else self.numbers[index], error))

    def of_source(self, pulled: int, error: BaseException) -> None:
        """The source failed."""
        note(error, f"{self.verb}: the source failed after {pulled} input{'s' * (pulled != 1)}")
        self._found.append(Failure(None, error))

    def of_code(self, error: BaseException) -> None:
        """A bug, not a bad input: it ends the verb, bare, under every policy."""
        if self._fatal is None:
            self._fatal = error
        else:
            self._found.append(Failure(None, error, of_code=True))

    def leaving(self, error: BaseException) -> None:
        """KeyboardInterrupt or SystemExit is on its way out through the loop."""
        self._leaving = error

    def cancelled(self, index: int | None, item: object, error: asyncio.CancelledError) -> ItemCancelled:
        """The failure of an input, or the source, that was cancelled by anybody but its verb."""
        where = "the source" if index is None else self.where(index, item)
        failure = ItemCancelled(
            f"{where} was cancelled from inside: it awaited something cancelled, or cancelled itself"
        )
        failure.__cause__ = strip(error)
        return failure

    def verdict(self, loop: asyncio.AbstractEventLoop) -> BaseException | None:
        """The one exception that leaves the verb. Forgets it, so that no frame of ours in its traceback leads back to it."""
        found, interrupted = self._found, self.interrupted
        final = interrupted or self._leaving or self._fatal
        lost = found if self._leaving is not None else []
        self._found, self.interrupted, self._leaving, self._fatal = [], None, None, None
        for failure in lost:  # an exit is rarely printed, so its cause would be lost with it
            what = f"{self.verb}: {type(failure.error).__name__} while the program was leaving"
            loop.call_exception_handler({"message": what, "exception": failure.error})
        if final is not None:
            if found:
                final.__cause__ = self._group(found)
            return final
        if not found:
            return None
        first, *others = found
        if self.on_error == "first" or (self.on_error == "collect" and isinstance(first.error, Exception)):
            self._tell_others(first.error, others)
            return first.error
        return self._group(found)

    def _group(self, found: Sequence[Failure]) -> BaseExceptionGroup[Any]:
        inputs = sum(failure.number is not None for failure in found)
        told = [f"{inputs} input{'s' * (inputs != 1)} failed"] if inputs else []
        if any(failure.number is None and not failure.of_code for failure in found):
            told.append("the source failed")
        if any(failure.of_code for failure in found):
            told.append("more went wrong in the code")
        return BaseExceptionGroup(f"{self.verb}: {' and '.join(told)}", [failure.error for failure in found])

    def _tell_others(self, first: BaseException, others: Sequence[Failure]) -> None:
        if not others:
            return
        told = [
            f"{'the source' if f.number is None else f'input {f.number}'}: {show(f.error)}" for f in others[:_MOST_TOLD]
        ]
        if len(others) > _MOST_TOLD:
            told.append(f"and {len(others) - _MOST_TOLD} more")
        note(first, f"{self.verb}: {len(others)} more failed before all had stopped: {'; '.join(told)}")
