"""The engine: the only place that starts tasks to run inputs. Every verb is a few lines over a `Run`.

The promise it keeps: when a verb returns or raises, nothing it started still runs, nothing was lost, and the loop stayed free.

**Workers pull.** `asyncio.gather` makes a Task per input, all of them before the first one runs: a million inputs are a
gigabyte and a loop that is frozen for seconds, more than half of it the cyclic collector walking live Tasks. A semaphore
inside them makes both worse. A queue between feeder and workers costs two more context switches an input. Here a worker is
one Task that takes the next input itself and awaits `fn(item)` in its own frame, as sourcegraph/conc's `ForEachIdx` does with
goroutines; the bound is the number of workers, so there is nothing to tune and nothing to leak.

**A worker more only when one is needed.** At most once an iteration of the loop, `Crew.pump` (`_crew`) starts workers (1, 2, 4 … up to
`BURST`) if every live one is suspended inside an input. Inputs that finish without suspending therefore cost one Task in all;
inputs that wait for each other never deadlock while `limit` has room. The pump is ordered by a worker that takes an input
while there is room for more workers, and never by itself: what sleeps costs nothing.

**A slice of time** (`_turn`) is shared by all workers of a loop. Most takes do not look at the clock: `Run.gate` is the index
at which a worker has to stop and think (the slice, a stream without room, growth to order, an abort), and one comparison with
it is all that a take costs until then.

**As if each input had a Task of its own**: a worker whose Task bears traces of an input leaves (`_worker`).

**It supervises its tasks itself.** The verb waits on a future of its own. A failure cancels the workers and never the caller,
so there is no `uncancel` to get wrong: what `asyncio.TaskGroup` does wrong with it on 3.11 and 3.12 (gh-116720, gh-128550)
cannot happen. While it runs, a run is held by `anchored` (`_supervision`), hence its Tasks and its caller: the loop's weak
references (gh-91887) cannot lose a tree that waits only on itself. The price: a deadlocked tree lives until its loop ends.
"""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from asyncio import CancelledError, Future, Task, sleep
from collections import deque
from collections.abc import AsyncIterable, Callable, Coroutine, Iterable, Iterator
from time import monotonic
from typing import Any

from corral import _worker
from corral._calls import Call
from corral._crew import Crew
from corral._failures import Failures, strip
from corral._source import AsyncSource, SyncSource
from corral._supervision import NOTHING


class Run(Crew):
    """`fn(item)` for every input of a source, at most `limit` at a time; values go to `results` if given, else to `keep`."""

    __slots__ = ("exhausted", "fn", "parked", "pull", "results", "source")

    def __init__(self, failures: Failures, fn: Call, limit: int | None, results: list[Any] | None = None) -> None:
        super().__init__(asyncio.get_running_loop(), failures, limit)
        self.fn: Call = fn
        self.results: list[Any] | None = results
        self.source: SyncSource | AsyncSource | None = None
        self.parked: deque[Future[None]] = deque()
        self.exhausted: bool = False

    @abstractmethod
    def keep(self, index: int, item: Any, value: Any) -> None:
        """Keeps the value of an input."""

    def start(self, items: Iterable[Any] | AsyncIterable[Any], workers: int = 1) -> None:
        """Starts the first workers, or the Task that pulls an async source."""
        if isinstance(items, AsyncIterable):
            self.source = AsyncSource(items)
            self.pull: Callable[[], Any] = self.source.pull
            self.queue: deque[Any] | None = self.source.queue
            self.employ([self.source.feed(self)], self.FEEDER)
            for feeder in self.tasks:
                self.watch(feeder)
            return
        try:
            self.source = SyncSource(items, self.context.copy())
        except Exception as exc:
            self.ended(exc)
            return
        self.pull = self.source.pull
        self.hire(workers)

    def workers(self, count: int) -> Iterator[Coroutine[Any, Any, None]]:
        """What they run."""
        return (_worker.work(self) for _ in range(count))

    def retire(self, task: Task[None]) -> None:
        """A worker goes because its Task is no longer like new."""
        self.leave(task)
        self.clean: _worker.Clean = _worker.UNKNOWN
        if self.started >= self.total or (self.exhausted and not self.queue):
            self.close()
            return
        try:
            if self.fresh or self.aside:
                self.hire(self.at_most(1))
            else:  # where all leave, the pump would always meet a fresh one
                self.grow()
        except BaseException:  # an exit out of `create_task`, which is told
            self.tasks[task] = self.TOLD
            raise
        self.call_source()

    def lost(self, state: int) -> None:
        """A task was cancelled by a stranger while it held no input."""
        if state == self.FEEDER:
            if not self.exhausted:
                self.ended(CancelledError())
            return
        self.replace(state)

    def recalled(self, index: int, item: Any, value: Any, *, heard: bool) -> None:
        """An input returned although its Task was asked to cancel: a plain Task is then cancelled, unless it has heard."""
        if not heard:
            self.caught(index, item, NOTHING, CancelledError())
        elif self.results is not None:
            self.results[index] = value
        else:
            self.keep(index, item, value)

    def look(self) -> bool:
        """Whether a worker may take an input right now, as it mostly may: then how many may be taken until the next look."""
        turn = self.turn
        if self.closed or self.started >= self.bound or self.queue is not None:
            return False
        if monotonic() >= turn.deadline if turn.open else turn.is_over():
            return False
        self.go_on(turn.stride)
        return True

    async def may_take(self) -> bool:
        """Waits until a worker may take an input; False if there is none left for it."""
        while not self.closed:
            if self.started >= self.bound and not self.make_room():
                await self._park()
            elif self.queue is not None and not self.queue:
                if self.exhausted:
                    self.close()
                else:
                    await self._park()
            elif self.turn.is_over():
                await self.give_way(sleep(0))
            else:
                self.go_on(self.turn.stride if self.queue is None else 1)
                self.call_source()
                return True
        return False

    async def _park(self) -> None:
        place = self.loop.create_future()
        self.parked.append(place)
        self.call_source()
        await self.give_way(place)

    def unpark(self) -> None:
        """There is something to take, or room for it: for one worker."""
        while self.parked:
            place = self.parked.popleft()
            if not place.done():
                place.set_result(None)
                return
        self.order_workers()

    def threw(self, task: Task[None], index: int, item: object, returned: object, error: BaseException) -> bool:
        """A worker's input has failed, or its pull, which is the end of all. True if that has to leave through the loop."""
        if self.started > index:
            leaves = self.caught(index, item, returned, error)
        else:
            self.ended(None if isinstance(error, StopIteration) else error)
            leaves = isinstance(error, KeyboardInterrupt | SystemExit)
        if leaves:
            self.leave(task)
            self.tasks[task] = self.TOLD
        return leaves

    def ended(self, error: BaseException | None) -> None:
        """There will be no more inputs: the source has ended, or has failed."""
        self.exhausted = True
        if isinstance(error, CancelledError):
            error = None if self.aborting else self.failures.cancelled(None, None, error)
        if isinstance(error, KeyboardInterrupt | SystemExit):
            self.failures.leaving(error)
            self.fail()
        elif error is not None:
            self.failures.of_source(self.started + len(self.queue or ()), strip(error))
            if not (self.collect and isinstance(error, Exception)):
                self.fail()
        if not self.queue:
            self.close()

    def close(self) -> None:
        """Nothing more is taken; what runs goes on to its end."""
        self.shut()
        while self.parked:
            place = self.parked.popleft()
            if not place.done():
                place.set_result(None)
        self.settle()

    def close_source(self) -> None:
        """Closes a generator that the inputs came from."""
        if isinstance(self.source, SyncSource):
            try:
                self.source.close()
            except Exception as exc:
                self.failures.of_source(self.started, strip(exc))

    def call_source(self) -> None:
        """Lets an async source know that there may be a place."""
        if isinstance(self.source, AsyncSource):
            self.source.call()

    def finished(self) -> int:
        """How many inputs are done. Between two steps of the loop, a worker that is not aside is inside an input."""
        return self.started - (self.crew - self.fresh - self.aside)

    def has_place(self) -> bool:
        """Whether an async source may pull: what it has pulled and what runs stay within the limit."""
        ahead = len(self.queue or ())
        running = self.crew - self.fresh - self.aside
        return ahead + running < self.limit and (self.started + ahead < self.bound or self.make_room())

    def step_aside(self) -> bool:
        """Whether this iteration of the loop has had enough of us."""
        return self.turn.is_over()

    def offered(self) -> None:
        """An async source has put an input into the queue."""
        self.unpark()
