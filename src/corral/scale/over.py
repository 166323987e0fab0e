"""This side of an executor: takes inputs from the engine, sends them in chunks, and gives it what came of each.

The engine here stays in charge: it pulls lazily, holds `limit`, keeps the order and the policies, as if `fn` ran in this
process. To it, an input is a future; it cannot tell that the future is kept elsewhere.
"""

from __future__ import annotations

import asyncio
import uuid
from asyncio import CancelledError, Future
from collections import deque
from collections.abc import Awaitable, Callable
from concurrent import futures
from concurrent.futures import BrokenExecutor, Executor, ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, suppress
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

from corral._failures import note, show
from corral._place import Place
from corral._supervision import Supervision
from corral.scale import parcel
from corral.scale.chunk import Reply, leave_resource, run_chunk, run_packed
from corral.scale.errand import Errand, pack_errand
from corral.scale.pace import Pace
from corral.scale.pools import lanes_of
from corral.scale.settle import settle_live, settle_packed

_MOST_NAMED: Final = 20


class Sent(NamedTuple):
    """An input on its way: its place in the call, itself, and the future that the engine waits for."""

    number: int
    item: Any
    future: Future[Any]


class Over(Place):
    """A place of the verbs: an executor."""

    def __init__(self, errand: Errand, executor: Executor, limit: int | None, lanes: int) -> None:
        self._errand = errand
        self._executor = executor
        self._live = isinstance(executor, ThreadPoolExecutor)
        self._pack = parcel.packer(executor)
        self._packed = b"" if self._live else pack_errand(errand, self._pack)
        self._pace = Pace(limit, lanes)
        self._lanes = lanes
        self._loop: asyncio.AbstractEventLoop | None = None
        self._run: Supervision | None = None
        self._waiting: deque[Sent] = deque()
        self._flying: dict[futures.Future[Any], list[Sent]] = {}
        self._pulled = 0
        self._asked = self._over = False
        self._landed_last: Future[None] | None = None

    # What the verb sees.

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        return self

    def bind(self, run: Supervision, /) -> None:
        """Tells whose inputs these are."""
        self._run = run

    def __call__(self, item: Any, /) -> Awaitable[Any]:
        """Takes an input; what is awaited is what comes of it."""
        loop = self._loop
        assert loop is not None
        future: Future[Any] = loop.create_future()
        self._waiting.append(Sent(self._pulled, item, future))
        self._pulled += 1
        if not self._asked:
            self._asked = True
            loop.call_soon(self._send)
        return future

    async def __aexit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        self._over = True
        self._waiting.clear()
        for flying in tuple(self._flying):
            flying.cancel()
        if kind is GeneratorExit:
            return  # the caller's coroutine is being closed: there is nobody left to wait
        interrupted: CancelledError | None = None
        if self._errand.resource is not None:
            self._leave_resources()
        while self._flying:
            self._landed_last = asyncio.get_running_loop().create_future()
            try:
                await self._landed_last
            except CancelledError as exc:
                interrupted = exc  # what runs over there cannot be told to stop: it is waited for
        if interrupted is not None:
            raise interrupted

    # Sending.

    def _send(self) -> None:
        self._asked = False
        while self._waiting and not self._over:
            free = self._pace.slots() - len(self._flying)
            if free <= 0:
                return
            chunk = self._next_chunk(self._pace.size(len(self._waiting), free))
            if chunk:
                self._submit(chunk)

    def _next_chunk(self, size: int) -> list[Sent]:
        chunk: list[Sent] = []
        while self._waiting and len(chunk) < size:
            sent = self._waiting.popleft()
            if not sent.future.done():  # it was cancelled while it waited
                chunk.append(sent)
        return chunk

    def _submit(self, chunk: list[Sent]) -> None:
        submit, errand = self._executor.submit, self._errand
        try:
            if self._live:
                numbers, items = [sent.number for sent in chunk], [sent.item for sent in chunk]
                self._fly(submit(run_chunk, errand, numbers, items), chunk)
                return
            packed, lost = parcel.pack_items([sent.item for sent in chunk], self._pack)
            for position, error in lost.items():
                chunk[position].future.set_exception(error)
            chunk = [sent for position, sent in enumerate(chunk) if position not in lost]
            if chunk:
                self._fly(submit(run_packed, errand.key, self._packed, [sent.number for sent in chunk], packed), chunk)
        except Exception as exc:
            self._broken(exc, chunk)

    def _fly(self, flying: futures.Future[Any], chunk: list[Sent]) -> None:
        loop = self._loop
        assert loop is not None
        self._flying[flying] = chunk

        def landed(done: futures.Future[Any]) -> None:
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(self._land, done)

        flying.add_done_callback(landed)

    # Landing.

    def _land(self, flying: futures.Future[Any]) -> None:
        chunk = self._flying.pop(flying)
        try:
            if self._over:
                return
            error = futures.CancelledError() if flying.cancelled() else flying.exception()
            if error is None:
                self._take(chunk, flying.result())
            else:
                self._broken(error, chunk)
        finally:
            last = self._landed_last
            if last is not None and not self._flying and not last.done():
                last.set_result(None)
        self._send()

    def _take(self, chunk: list[Sent], result: Any) -> None:
        if not chunk:
            return
        reply: Reply = result if self._live else parcel.unpack(result)
        if reply.refused is not None:
            self._broken(reply.refused if self._live else parcel.unpack_error(reply.refused), chunk)
            return
        self._pace.learn(len(chunk), reply.busy, reply.wall)
        settle = settle_live if self._live else settle_packed
        for sent, outcome in zip(chunk, reply.outcomes, strict=True):
            if not sent.future.done():
                settle(sent.future, outcome)

    def _broken(self, error: BaseException, chunk: list[Sent]) -> None:
        """The executor, or what it was given, is at fault and not an input: the verb ends under every policy."""
        run = self._run
        if self._over or run is None or run.aborting:
            return
        if isinstance(error, futures.CancelledError):
            error = RuntimeError("the executor cancelled what it was given: was it shut down?")
        flying = sorted([*chunk, *(sent for chunk in self._flying.values() for sent in chunk)])
        why = "the executor broke" if isinstance(error, BrokenExecutor) else "the executor failed"
        note(error, f"{self._errand.verb}: {why}; in flight: {self._named(flying)}")
        run.bug(error)

    def _named(self, flying: list[Sent]) -> str:
        show_items = self._errand.show_items
        told = [f"input {sent.number}: {show(sent.item)}" if show_items else f"input {sent.number}" for sent in flying]
        if len(told) > _MOST_NAMED:
            told[_MOST_NAMED:] = [f"and {len(told) - _MOST_NAMED} more"]
        return "; ".join(told)

    def _leave_resources(self) -> None:
        for _ in range(self._lanes):
            with suppress(Exception):  # a pool that takes nothing any more has no worker that keeps anything
                self._fly(self._executor.submit(leave_resource, self._errand.key, uvloop=self._errand.uvloop), [])


def over(
    verb: str,
    fn: Callable[..., Awaitable[Any]],
    executor: Executor,
    limit: int | None,
    lanes: int | None,
    timeout: float | None,
    resource: Callable[[], AbstractAsyncContextManager[Any]] | None,
    *,
    show_items: bool,
) -> Over:
    """The place of a verb that was given `executor=`. Fails: `TypeError` when `fn` cannot travel."""
    count = lanes_of(executor) if lanes is None else lanes
    uvloop = _uvloop_here()
    errand = Errand(uuid.uuid4().hex, verb, fn, timeout, resource, show_items, uvloop)
    return Over(errand, executor, limit, count if limit is None else min(count, limit))


def _uvloop_here() -> bool:
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return False
    return type(loop).__module__.partition(".")[0] == "uvloop"
