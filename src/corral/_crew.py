"""The workers of a run: how many there are, who starts them, and when there has to be one more.

Tasks are made together and each says so when it takes its first step. Only where one has not after that iteration, because a
stranger cancelled it before, is its end asked for: a callback on every worker is a tenth of what a sleeping input costs.
"""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from asyncio import Task, sleep
from collections import deque
from collections.abc import Awaitable, Coroutine, Iterator
from sys import maxsize
from typing import Any, Final

from corral import _worker
from corral._failures import Failures
from corral._supervision import TaskSupervision

#: Most workers that are started in one go.
BURST: Final = 256


class Crew(TaskSupervision):
    """As many workers as are needed, at most `limit`."""

    __slots__ = (
        "aside", "batch", "bound", "burst", "clean", "crew", "fresh", "hungry", "least", "limit", "named_at", "queue", "reuse",
        "silent", "total",
    )  # fmt: skip

    def __init__(self, loop: asyncio.AbstractEventLoop, failures: Failures, limit: int | None) -> None:
        super().__init__(loop, failures)
        self.limit: int = maxsize if limit is None else limit
        self.reuse: bool = _worker.reuse
        self.queue: deque[Any] | None = None
        self.total: int = maxsize
        self.bound: int = maxsize
        self.least: int = maxsize
        self.named_at: int = 0
        self.clean: _worker.Clean = _worker.UNKNOWN
        self.crew: int = 0
        self.fresh: int = 0
        self.aside: int = 0
        self.burst: int = 1
        self.batch: int = 0
        self.silent: dict[int, int] = {}
        self.hungry: bool = False

    @abstractmethod
    def workers(self, count: int) -> Iterator[Coroutine[Any, Any, None]]:
        """What they run."""

    def make_room(self) -> bool:
        """Raises `bound`, the first index that may not start yet; False if it has to stay."""
        return False

    def hire(self, count: int) -> None:
        """Starts `count` workers."""
        before = len(self.tasks)
        self.batch -= 1
        try:
            self.employ(self.workers(count), self.batch)
        finally:
            hired = len(self.tasks) - before
            self.crew += hired
            self.fresh += hired
            self.silent[self.batch] = hired
            self.loop.call_soon(self._begun, self.batch, context=self.turn.context)

    def _begun(self, batch: int) -> None:
        # Who has not taken its first step by now was cancelled before it, by a stranger: its end has to be told.
        if self.silent.pop(batch):
            for task, state in tuple(self.tasks.items()):
                if state == batch:
                    self.watch(task)

    def pump(self) -> None:
        """Starts more workers if all there are wait inside inputs, and there is something to take."""
        self.hungry = False
        if self.closed:
            return
        if not self.fresh and not self.aside and (self.started < self.bound or self.make_room()):
            self.grow()
        self.gate: int = min(self.gate, self.started)

    def grow(self) -> None:
        """Starts twice as many workers as last time."""
        count, self.burst = self.burst, min(2 * self.burst, BURST)
        self.hire(self.at_most(count))

    def at_most(self, count: int) -> int:
        """So many workers, or as many as there is work for."""
        waiting = self.total - self.started if self.queue is None else len(self.queue)
        return min(count, self.limit - self.crew, BURST - self.fresh, waiting - self.fresh - self.aside)

    def order_workers(self) -> None:
        """Has the pump look at it in the next iteration, if there may be more workers at all."""
        if self.crew < self.limit and not self.hungry:
            self.hungry = True
            self.turn.ask(self)

    def go_on(self, stride: int) -> None:
        """So many more may be taken."""
        self.turn.taken += stride
        self.gate = min(self.started + stride, self.bound)
        if not self.hungry and self.crew < self.limit:
            self.order_workers()

    async def give_way(self, until: Awaitable[None]) -> None:
        """A worker waits, and holds no input meanwhile."""
        self.aside += 1
        try:
            await until
        finally:
            self.aside -= 1

    async def begin_late(self, task: Task[None]) -> str:
        """`begin` after an eager start: see `_worker`."""
        await sleep(0)
        return self.begin(task)

    def begin(self, task: Task[None]) -> str:
        """A worker takes its first step. Its name."""
        self.silent[self.tasks[task]] -= 1
        self.tasks[task] = self.OURS
        self.fresh -= 1
        if self.clean is _worker.UNKNOWN:
            self.gate = 0  # it is looked at before it takes anything
        return task.get_name()

    def leave(self, task: Task[None]) -> None:
        """A worker goes, and needs no successor."""
        self.tasks[task] = self.GONE
        self.crew -= 1

    def replace(self, state: int) -> None:
        """A worker ended without a word, and has a successor."""
        self.crew -= 1
        if state < 0:
            self.fresh -= 1
        if not self.closed:
            self.hire(1)
