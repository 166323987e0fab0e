"""Awaitables that a verb was given: vetted before anything starts, each run once, none forgotten."""

from __future__ import annotations

import asyncio
from asyncio import Future
from collections.abc import Awaitable
from types import CoroutineType
from typing import Any, Final

from corral._arguments import check_limit, check_on_error, close, refuse_awaitables
from corral._failures import Failures
from corral._results import ListRun
from corral._turn import turn_of
from corral.outcome import Err, Ok, OnError, Outcome

#: So many start at once, each in a Task of its own: three that suspend must not wait for the pump.
_AT_ONCE: Final = 4
_COROUTINE: Final[frozenset[Any]] = frozenset({CoroutineType})
_CHUNK: Final = 16384


def _same(aw: Awaitable[Any]) -> Awaitable[Any]:
    return aw


def _close_unstarted(aws: list[Any]) -> None:
    for aw in aws:
        if type(aw) in _COROUTINE:
            close(aw)


class Given:
    """The arguments of a call that may never start: its Task cancelled before its first step, or nobody awaits it."""

    __slots__ = ("aws",)

    def __init__(self, aws: tuple[Awaitable[Any], ...]) -> None:
        self.aws: list[Any] = list(aws)

    def take(self) -> list[Any]:
        """They are the caller's now."""
        aws, self.aws = self.aws, []
        return aws

    def __del__(self) -> None:
        _close_unstarted(self.aws)


class GivenRun(ListRun):
    """Awaits what was given. The list of awaitables becomes the list of results: each gives its place to what came of it."""

    __slots__ = ()

    def __init__(self, failures: Failures, aws: list[Any], limit: int | None) -> None:
        super().__init__(failures, _same, (), limit)
        self.kept = aws
        if not self.collect:
            self.results = aws
        self.total = self.bound = len(aws)
        self.burst = _AT_ONCE
        self.reuse = self.reuse and self.total > _AT_ONCE

    def make_room(self) -> bool:
        """There are no more than there are; who asks finds the end."""
        self.close()
        return True

    def aborted(self) -> None:
        """Cancels the Tasks and Futures whose turn has not come, and waits for them too."""
        for aw in self.kept[self.started :]:
            if asyncio.isfuture(aw) and not aw.done():
                self.owed += 1
                aw.add_done_callback(self._paid)
                aw.cancel()

    def _paid(self, future: Future[Any]) -> None:
        self.owed -= 1
        if not future.cancelled() and (error := future.exception()) is not None:
            self.failures.of_input(self.kept.index(future, self.started), future, error)
        self.settle()

    def close_source(self) -> None:
        """Closes the coroutines whose turn has not come."""
        if self.started < self.total:
            _close_unstarted(self.kept[self.started :])


async def _vet(verb: str, aws: list[Any], loop: asyncio.AbstractEventLoop) -> set[int]:
    """Refuses what cannot be awaited here; gives the identities of the rest. Steps aside: there may be a million."""
    turn = turn_of(loop)
    seen: set[int] = set()
    for start in range(0, len(aws), _CHUNK):
        chunk = aws[start : start + _CHUNK]
        if not _COROUTINE.issuperset(map(type, chunk)):
            refuse_awaitables(verb, chunk, start, loop)
        seen.update(map(id, chunk))
        if start and turn.is_over():
            await asyncio.sleep(0)
    return seen


def _spread(failures: Failures, kept: list[Any], places: list[int]) -> list[Any]:
    """Fills every place of an awaitable that was given more than once."""
    if failures.on_error != "collect":
        return [kept[place] for place in places]
    return [_at(index, kept[place]) for index, place in enumerate(places)]


def _at(index: int, outcome: Outcome[Any, Any]) -> Outcome[Any, Any]:
    match outcome:
        case Ok(_, item, value):
            return Ok(index, item, value)
        case Err(_, item, error):
            return Err(index, item, error)


async def run_given(
    verb: str, given: Given, limit: int | None, on_error: OnError, policies: tuple[str, ...], show_items: bool
) -> list[Any]:
    """What `gather_tg` and `join_tg` do."""
    loop = asyncio.get_running_loop()
    aws = given.aws
    try:
        check_limit(verb, limit)
        check_on_error(verb, on_error, policies)
        seen = await _vet(verb, aws, loop)
    except BaseException:
        _close_unstarted(given.take())
        raise
    given.take()
    if not aws:
        return []
    failures = Failures(verb, on_error, show_items=show_items)
    places: list[int] | None = None
    if len(seen) != len(aws):
        first = {id(aw): index for index, aw in reversed(list(enumerate(aws)))}
        failures.numbers = sorted(first.values())
        order = {index: place for place, index in enumerate(failures.numbers)}
        places = [order[first[id(aw)]] for aw in aws]
        aws = [aws[index] for index in failures.numbers]
    del seen
    run = GivenRun(failures, aws, limit)
    run.start(aws, min(run.total, run.limit, _AT_ONCE))
    kept = await run.all()
    return kept if places is None else _spread(failures, kept, places)
