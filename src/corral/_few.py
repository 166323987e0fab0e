"""A few awaitables, each in a Task of its own: the engine's workers would cost more than they save.

The same supervision as in the engine, and the shape of `asyncio.gather`: a done callback on each, one future to wait on.
"""

from __future__ import annotations

import asyncio
from asyncio import Future
from collections.abc import Awaitable
from types import CoroutineType
from typing import Any, Final

from corral._arguments import close
from corral._failures import Failures, own_code
from corral._supervision import NOTHING, Supervision, awaited_by, not_awaited_by
from corral.outcome import ok

#: What every coroutine function gives, known by its type alone.
PLAIN: Final[frozenset[Any]] = frozenset({CoroutineType})


async def _await(aw: Awaitable[Any]) -> Any:
    return await aw


class FewRun(Supervision):
    """Awaits all at once, on a loop that starts Tasks in the plain way. What was given gives its place to what came of it."""

    __slots__ = ("kept", "places")

    def __init__(self, loop: asyncio.AbstractEventLoop, failures: Failures, aws: list[Any]) -> None:
        Supervision.__init__(self, loop, failures)  # half the cost of `super()`, which is a hundredth of such a call
        self.kept = aws
        self.places: dict[Future[Any], int] = {}

    def start(self) -> None:
        """Starts them, in order."""
        create, ended, places = self.loop.create_task, self.ended, self.places
        try:
            for index, aw in enumerate(self.kept):
                task: Future[Any] = create(aw) if type(aw) in PLAIN else self._task_for(aw)
                places[task] = index
                task.add_done_callback(ended)
                self.started = index + 1
                if awaited_by is not None:  # pragma: no cover - 3.14 and later only
                    awaited_by(task, self.owner)
        except BaseException as exc:
            for index in range(self.started, len(self.kept)):
                if asyncio.isfuture(aw := self.kept[index]):  # it is cancelled and waited for, like those before it
                    places[aw] = index
                    aw.add_done_callback(ended)
            self.bug(exc)

    def _task_for(self, aw: Any) -> Future[Any]:
        if asyncio.isfuture(aw):
            return aw
        if asyncio.iscoroutine(aw):
            return self.loop.create_task(aw)
        coro = _await(aw)
        try:
            return self.loop.create_task(coro)
        except BaseException:
            coro.close()
            raise

    def ended(self, task: Future[Any]) -> None:
        """Takes down what came of one."""
        index = self.places.pop(task)
        if not_awaited_by is not None:  # pragma: no cover - 3.14 and later only
            not_awaited_by(task, self.owner)
        try:
            value = task.result()  # asked once: on 3.11 a second answer has forgotten the cancellation's message
        except BaseException as error:
            self.caught(index, self.kept[index], NOTHING, error)
        else:
            self.kept[index] = ok(index, self.kept[index], value) if self.collect else value
        if not self.places:
            self.settle()

    def settle(self) -> None:
        """Ends the run when nothing of it is left: the general way in one step, since a few are over in some microseconds."""
        if not self.places and not self.over:
            self.let_go()
            if self.started < len(self.kept):
                self.close_source()
            self.wake()

    def put(self, index: int, outcome: Any) -> None:
        """Keeps the outcome of an input."""
        self.kept[index] = outcome

    def shut(self) -> None:
        """All has been taken from the first."""

    def cancel_running(self, *, first: bool) -> None:  # noqa: ARG002 - what was cancelled once is cancelled again
        """Cancels all that has not ended."""
        for task in tuple(self.places):
            task.cancel()

    def close_source(self) -> None:
        """Closes what could not be started, because the loop would not have it."""
        for aw in self.kept[self.started :]:
            close(aw)

    def finish(self) -> list[Any]:
        """Every result, now that nothing runs any more."""
        if self.aborting:
            self.raise_verdict()
        return self.kept


own_code.update({_await.__code__, FewRun.ended.__code__})
