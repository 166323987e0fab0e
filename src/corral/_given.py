"""Awaitables that a verb was given: vetted before anything starts, each run once, none forgotten."""

from __future__ import annotations

import asyncio
from asyncio import Future
from collections.abc import Awaitable, Iterable
from contextlib import suppress
from sys import getrefcount
from types import CoroutineType
from typing import Any, Final

from corral._arguments import check_limit, check_on_error, close, refuse_awaitables
from corral._failures import Failures
from corral._few import PLAIN, FewRun
from corral._results import ListRun
from corral._turn import turn_of
from corral._worker import counts_tell
from corral.outcome import Err, Ok, OnError, Outcome

#: So many start at once: three that suspend must not wait for the pump.
_AT_ONCE: Final = 4
_CHUNK: Final = 16384


def _given_once(aws: list[Any]) -> bool:
    """Whether these few are coroutines, surely none of them twice: in this function one that is, is counted twice more."""
    for aw in aws:  # noqa: SIM110 - a generator costs more, and holds references of its own
        if type(aw) is not CoroutineType or getrefcount(aw) > _ONCE_OF_FEW:
            return False
    return True


def _count(things: list[Any]) -> int:
    count = 0
    for thing in things:
        count = getrefcount(thing)
    return count


# What is given once is counted here, in the list of the call and the one of this module; perhaps the caller holds it, too.
_ONCE_OF_FEW: Final = _count([object()]) + 2 if counts_tell else 0
# What is given twice is counted at least five times: twice each by the call's arguments and by their list, once by a slice of it.
# Up to four are proof that it is given once, without a set of a million.
_ONCE: Final = max(map(getrefcount, [object()])) + 3 if counts_tell else 0


def _same(aw: Awaitable[Any]) -> Awaitable[Any]:
    return aw


def _close_unstarted(aws: Iterable[Any]) -> None:
    for aw in aws:
        if type(aw) in PLAIN:
            close(aw)


class Given(list[Any]):
    """The arguments of a call that may never start: its Task cancelled before its first step, or nobody awaits it."""

    __slots__ = ()

    def __del__(self) -> None:
        if self:
            _close_unstarted(self)


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

    def make_room(self) -> bool:
        """There are no more than there are; who asks finds the end."""
        self.close()
        return True

    def cancel_running(self, *, first: bool) -> None:
        """Cancels the Tasks and Futures whose turn has not come as well, and waits for them too."""
        super().cancel_running(first=first)
        for aw in self.kept[self.started :]:
            if asyncio.isfuture(aw):
                if first:  # also one that is done: it may have failed
                    self.owed += 1
                    aw.add_done_callback(self._paid)
                aw.cancel()

    def _paid(self, future: Future[Any]) -> None:
        self.owed -= 1
        if not future.cancelled() and (error := future.exception()) is not None:
            self.failures.of_input(self.kept.index(future, self.started), future, error)
        self.settle()

    def finish(self) -> list[Any]:
        """Every result, in the list that the awaitables were taken from."""
        kept = super().finish()
        # An iterator at its end lets go of the list, to which a failed input's frame leads from 3.12 on.
        with suppress(StopIteration):
            self.pull()
        return kept

    def close_source(self) -> None:
        """Closes the coroutines whose turn has not come."""
        if self.started < self.total:
            _close_unstarted(self.kept[self.started :])


async def _vet_many(verb: str, aws: list[Any], loop: asyncio.AbstractEventLoop) -> int:
    """Refuses what cannot be awaited here and counts the distinct, for up to a million: it steps aside."""
    seen: set[Any] = set()
    once = 0
    for start in range(0, len(aws), _CHUNK):
        some = aws[start : start + _CHUNK]
        if PLAIN.issuperset(map(type, some)):
            if max(map(getrefcount, some)) <= _ONCE:
                once += len(some)
            else:
                seen.update(some)  # coroutines are equal to themselves only, and a million ids are 32 MB
        else:
            refuse_awaitables(verb, some, start, loop)
            seen.update(aw if type(aw) in PLAIN else id(aw) for aw in some)
        if turn_of(loop).is_over():
            await asyncio.sleep(0)
    return once + len(seen)


def _spread(failures: Failures, kept: list[Any], places: list[int]) -> list[Any]:
    """Fills every place of an awaitable that was given more than once."""
    if failures.on_error != "collect":
        return [kept[place] for place in places]
    return [_at(index, kept[place]) for index, place in enumerate(places)]


def _at(index: int, outcome: Outcome[Any, Any]) -> Outcome[Any, Any]:
    match outcome:
        case Ok(_, item, value):
            return Ok(index, item, value)
        case Err(_, item, error):  # pragma: no branch - there is no third kind of outcome
            return Err(index, item, error)


async def run_given(
    verb: str, given: Given, limit: int | None, on_error: OnError, policies: tuple[str, ...], show_items: bool
) -> list[Any]:
    """What `gather_tg` and `join_tg` do."""
    loop = asyncio.get_running_loop()
    aws: list[Any] = given.copy()
    try:
        if limit is not None:
            check_limit(verb, limit)
        if on_error not in policies:
            check_on_error(verb, on_error, policies)
        if len(aws) <= _AT_ONCE and _given_once(aws):
            distinct = len(aws)
        elif len(aws) <= _CHUNK:
            if PLAIN.issuperset(map(type, aws)):
                distinct = len(set(aws))
            else:
                refuse_awaitables(verb, aws, 0, loop)
                distinct = len(set(map(id, aws)))
        else:
            distinct = await _vet_many(verb, aws, loop)
    except BaseException:
        _close_unstarted(aws)
        raise
    finally:
        given.clear()  # from here on they are this call's
    failures = Failures(verb, on_error, show_items=show_items)
    if distinct == len(aws):
        if not aws:
            return aws
        run = _run(failures, aws, limit, loop)
        await run.wait()
        return run.finish()
    first = {id(aw): index for index, aw in reversed(list(enumerate(aws)))}
    failures.numbers = sorted(first.values())
    order = {index: place for place, index in enumerate(failures.numbers)}
    places = [order[first[id(aw)]] for aw in aws]
    run = _run(failures, [aws[index] for index in failures.numbers], limit, loop)
    await run.wait()
    return _spread(failures, run.finish(), places)


def _run(failures: Failures, aws: list[Any], limit: int | None, loop: asyncio.AbstractEventLoop) -> FewRun | GivenRun:
    # Under a task factory a Task may run, fail and leave before anybody supervises it; the engine's workers cannot.
    if len(aws) <= _AT_ONCE and (limit is None or limit >= len(aws)) and loop.get_task_factory() is None:
        few = FewRun(loop, failures, aws)
        few.start()
        return few
    run = GivenRun(failures, aws, limit)
    run.start(aws, min(run.total, run.limit, _AT_ONCE))
    return run


# What "never awaited" and `repr` show: a coroutine is called after its function. (`join_tg` awaits it inside one of its own.)
run_given.__name__ = run_given.__qualname__ = "gather_tg"
