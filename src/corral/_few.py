"""A few awaitables, each in a Task of its own: the engine's workers would cost more than they save.

The same supervision as in the engine, and the shape of `asyncio.gather`: a done callback on each, one future to wait on.
"""

from __future__ import annotations

import asyncio
from asyncio import CancelledError, Future
from collections.abc import Awaitable
from typing import Any

from corral._arguments import close
from corral._failures import Failures, own_code
from corral._supervision import NOTHING, Supervision, awaited_by, not_awaited_by
from corral.outcome import Ok


async def _await(aw: Awaitable[Any]) -> Any:
    return await aw


def _cancellation_of(task: Future[Any]) -> CancelledError:
    """What a cancelled Task ended with: it knows the message, and where it struck."""
    try:
        task.exception()
    except CancelledError as exc:
        return exc
    return CancelledError()


class FewRun(Supervision):
    """Awaits all at once, on a loop that starts Tasks in the plain way. What was given gives its place to what came of it."""

    __slots__ = ("kept", "places")

    def __init__(self, loop: asyncio.AbstractEventLoop, failures: Failures, aws: list[Any]) -> None:
        super().__init__(loop, failures)
        self.kept = aws
        self.places: dict[Future[Any], int] = {}
        self.closed = True

    def start(self) -> None:
        """Starts them, in order."""
        create, ended, index = self.loop.create_task, self._ended, 0
        for aw in self.kept:
            task: Future[Any]
            task = create(aw) if asyncio.iscoroutine(aw) else aw if asyncio.isfuture(aw) else create(_await(aw))
            self.places[task] = index
            task.add_done_callback(ended)
            self.started = index = index + 1
            if awaited_by is not None:  # pragma: no cover - 3.14 and later only
                awaited_by(task, self.owner)

    def _ended(self, task: Future[Any]) -> None:
        index = self.places.pop(task)
        if not_awaited_by is not None:  # pragma: no cover - 3.14 and later only
            not_awaited_by(task, self.owner)
        if task.cancelled():
            self.caught(index, self.kept[index], NOTHING, _cancellation_of(task))
        elif (error := task.exception()) is not None:
            self.caught(index, self.kept[index], NOTHING, error)
        elif self.collect:
            self.kept[index] = Ok(index, self.kept[index], task.result())
        else:
            self.kept[index] = task.result()
        if not self.places:
            self.settle()

    def put(self, index: int, outcome: Any) -> None:
        """Keeps the outcome of an input."""
        self.kept[index] = outcome

    def running(self) -> bool:
        """Whether anything runs."""
        return bool(self.places)

    def cancel_running(self, *, first: bool) -> None:  # noqa: ARG002 - what was cancelled once is cancelled again
        """Cancels all that has not ended."""
        for task in tuple(self.places):
            task.cancel()

    def close_source(self) -> None:
        """Closes what could not be started, because the loop would not have it."""
        for aw in self.kept[self.started :]:
            close(aw)

    async def all(self) -> list[Any]:
        """Every result, once nothing runs any more."""
        try:
            self.start()
        except BaseException as exc:
            self.bug(exc)
        await self.wait()
        self.raise_verdict()
        return self.kept


own_code.update({_await.__code__, _cancellation_of.__code__})
