"""This side of an executor: takes inputs from the engine, has them run elsewhere, and gives it what came of each.

The engine here stays in charge: it pulls lazily, holds `limit`, keeps the order and the policies, as if `fn` ran in this
process. To it, an input is a future; it cannot tell that the future is kept elsewhere.
"""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from asyncio import CancelledError, Future, sleep
from collections import deque
from collections.abc import Awaitable, Iterable
from concurrent import futures
from concurrent.futures import BrokenExecutor, Executor
from contextlib import suppress
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

from corral._failures import note, show
from corral._place import Place
from corral._supervision import Supervision
from corral.scale import parcel
from corral.scale.errand import Errand, pack_errand

_MOST_NAMED: Final = 20


class Sent(NamedTuple):
    """An input on its way: its place in the call, itself, and the future that the engine waits for."""

    number: int
    item: Any
    future: Future[Any]


class Elsewhere(Place):
    """A place of the verbs: an executor.

    Args:
        errand: What to do with each input.
        executor: Where.
        limit: How many inputs there are at the same time, at most.
        lanes: How many calls the executor has to run at the same time.
        live: Whether it is in this process, so that nothing has to be packed.
    """

    #: How many turns of the loop what was closed takes to be over.
    turns_to_close = 0

    def __init__(self, errand: Errand, executor: Executor, limit: int | None, lanes: int, *, live: bool) -> None:
        self.errand = errand
        self.executor = executor
        self.limit = limit
        self.lanes = lanes
        self.live = live
        self.pack: parcel.Pack = parcel.packer(executor)
        self.packed: bytes = b"" if live else pack_errand(errand, self.pack)
        self.waiting: deque[Sent] = deque()
        #: Calls at the executor that have not ended.
        self.calls: set[futures.Future[Any]] = set()
        self.over: bool = False
        self._broke = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._run: Supervision | None = None
        self._pulled = 0
        self._asked = False
        self._last_ended: Future[None] | None = None

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop of the verb."""
        assert self._loop is not None
        return self._loop

    # What the verb sees.

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        await self.open()
        return self

    async def open(self) -> None:
        """Makes ready for inputs."""

    def bind(self, run: Supervision, /) -> None:
        """Tells whose inputs these are."""
        self._run = run

    def __call__(self, item: Any, /) -> Awaitable[Any]:
        """Takes an input; what is awaited is what comes of it."""
        future: Future[Any] = self.loop.create_future()
        self.waiting.append(Sent(self._pulled, item, future))
        self._pulled += 1
        self.ask()
        return future

    async def __aexit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        self.over = True
        self.waiting.clear()
        if kind is GeneratorExit and not self.may_wait:  # the caller's coroutine is closed: nobody is left to wait
            self.recall()
            self.close()
            return
        interrupted: CancelledError | None = None
        self.recall()
        while self.calls:
            self._last_ended = self.loop.create_future()
            try:
                await self._last_ended
            except CancelledError as exc:
                interrupted = exc  # what runs elsewhere has been told to stop, if it can be; now it is waited for
        self.close()
        for _ in range(self.turns_to_close):
            try:
                await sleep(0)
            except CancelledError as exc:
                interrupted = exc
        if interrupted is not None:
            raise interrupted

    @abstractmethod
    def recall(self) -> None:
        """Takes back what has not begun, and tells what runs to stop, if that can be told."""

    def take_back(self, call: futures.Future[Any]) -> None:
        """Cancels a call that has not begun. A broken executor ends them all, and may stumble over a cancelled one (gh-107219)."""
        if not self._broke:
            call.cancel()

    def close(self) -> None:
        """Nothing runs any more, or nobody waits for it."""

    # Sending.

    def ask(self) -> None:
        """Has `send` called once in the next iteration of the loop, when all inputs of this one are there."""
        if not self._asked and not self.over:
            self._asked = True
            self.loop.call_soon(self._send)

    def _send(self) -> None:
        self._asked = False
        if self.waiting and not self.over:
            self.send()

    @abstractmethod
    def send(self) -> None:
        """Sends what waits, as far as there is room."""

    def take_waiting(self, count: int) -> list[Sent]:
        """Takes inputs that wait, without those that were cancelled meanwhile."""
        taken: list[Sent] = []
        while self.waiting and len(taken) < count:
            sent = self.waiting.popleft()
            if not sent.future.done():
                taken.append(sent)
        return taken

    def pack_all(self, chunk: list[Sent]) -> tuple[list[Sent], bytes]:
        """Packs inputs. Those that cannot travel fail at once, and are left out."""
        packed, lost = parcel.pack_items([sent.item for sent in chunk], self.pack)
        for position, error in lost.items():
            chunk[position].future.set_exception(error)
        return [sent for position, sent in enumerate(chunk) if position not in lost], packed

    def call(self, future: futures.Future[Any], ended: Any, *args: Any) -> None:
        """Has `ended(future, *args)` called here once a call at the executor is over."""
        loop = self.loop
        self.calls.add(future)

        def land(done: futures.Future[Any]) -> None:
            self.calls.discard(done)
            try:
                ended(done, *args)
            finally:
                last = self._last_ended
                if last is not None and not self.calls and not last.done():
                    last.set_result(None)

        def landed(done: futures.Future[Any]) -> None:
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(land, done)

        future.add_done_callback(landed)

    # Failing.

    @abstractmethod
    def flying(self) -> Iterable[Sent]:
        """The inputs that are at the executor."""

    def broken(self, error: BaseException, chunk: Iterable[Sent] = ()) -> None:
        """The executor, or what it was given, is at fault and not an input: the verb ends under every policy."""
        run, self._broke = self._run, self._broke or isinstance(error, BrokenExecutor)
        if self.over or run is None or run.aborting:
            return
        if isinstance(error, futures.CancelledError):
            error = RuntimeError("the executor cancelled what it was given: was it shut down?")
        numbered = {sent.number: sent for sent in (*chunk, *self.flying())}
        flying = [numbered[number] for number in sorted(numbered)]
        why = "the executor broke" if self._broke else "the executor failed"
        note(error, f"{self.errand.verb}: {why}; in flight: {self._named(flying)}")
        run.bug(error)

    def _named(self, flying: list[Sent]) -> str:
        show_items = self.errand.show_items
        told = [f"input {sent.number}: {show(sent.item)}" if show_items else f"input {sent.number}" for sent in flying]
        if len(told) > _MOST_NAMED:
            told[_MOST_NAMED:] = [f"and {len(told) - _MOST_NAMED} more"]
        return "; ".join(told) or "nothing"
