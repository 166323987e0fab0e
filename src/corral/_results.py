"""Runs that keep everything: a list with a place for each input."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable
from typing import Any, Final

from corral._calls import Call
from corral._engine import Run
from corral._failures import Failures
from corral.outcome import ok

_SIZED: Final[frozenset[Any]] = frozenset({list, tuple, range, dict, set, frozenset, str, bytes, bytearray})
_CHUNK: Final = 1024


class ListRun(Run):
    """Results in input order: values, or outcomes under `collect`."""

    __slots__ = ("kept",)

    def __init__(
        self,
        failures: Failures,
        fn: Call,
        items: Iterable[Any] | AsyncIterable[Any],
        limit: int | None,
    ) -> None:
        # Only the builtins' length is asked for: others may have to fetch what they count.
        sized: Any = items if type(items) in _SIZED else ()
        self.kept: list[Any] = [None] * len(sized)
        collect = failures.on_error == "collect"
        super().__init__(failures, fn, limit, None if collect else self.kept)
        self.bound: int = len(self.kept)

    def keep(self, index: int, item: Any, value: Any) -> None:
        """Keeps the value of an input as its outcome."""
        self.kept[index] = ok(index, item, value)

    def put(self, index: int, outcome: Any) -> None:
        """Keeps the outcome of an input."""
        self.kept[index] = outcome

    def make_room(self) -> bool:
        """A list always has room; it grows as lists do."""
        self.kept.extend([None] * (_CHUNK + self.started // 8))
        self.bound = len(self.kept)
        return True

    async def all(self) -> list[Any]:
        """Every result, once nothing runs any more."""
        await self.wait()
        return self.finish()

    def finish(self) -> list[Any]:
        """Every result, now that nothing runs any more."""
        # From 3.12 on a failed input's frame leads, by `f_back`, to its worker's frame and so to this run: whoever keeps an
        # error must not keep every result with it.
        kept, self.kept = self.kept, []
        try:
            self.raise_verdict()
        except BaseException:
            kept.clear()
            raise
        del kept[self.started :]
        return kept
