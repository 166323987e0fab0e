"""The two ends of `stream_tg`: the run that keeps outcomes until they are wanted, and the iterator that hands them out."""

from __future__ import annotations

from asyncio import CancelledError, current_task
from collections.abc import AsyncIterable, Callable, Iterable
from inspect import CO_ASYNC_GENERATOR, currentframe
from sys import maxsize
from types import FrameType, TracebackType
from typing import Any, Generic, NoReturn, Self, TypeVar, final

from corral._calls import Call
from corral._engine import Run
from corral._failures import Failures, note, show
from corral._place import Place
from corral._progress import Progress
from corral.outcome import ok

T_co = TypeVar("T_co", covariant=True)


class StreamRun(Run):
    """Holds the outcomes that are not delivered, at most `limit + buffer` with those that run."""

    __slots__ = ("arrived", "delivered", "ordered", "ready")

    def __init__(
        self,
        failures: Failures,
        fn: Call,
        limit: int | None,
        buffer: int | None,
        *,
        ordered: bool,
    ) -> None:
        super().__init__(failures, fn, limit)
        self.ordered = ordered
        self.bound = maxsize if limit is None else limit + (limit if buffer is None else buffer)
        # By index, or by order of arrival; `delivered` is the key of the next one either way.
        self.ready: dict[int, Any] = {}
        self.arrived = self.delivered = 0

    def keep(self, index: int, item: Any, value: Any) -> None:
        """Keeps the value of an input as its outcome."""
        if not self.ordered:  # `put`, in the short form that ordered values mostly take
            return self.put(index, ok(index, item, value))
        self.ready[index] = ok(index, item, value)
        if index == self.delivered:
            self.wake()
        return None

    def put(self, index: int, outcome: Any) -> None:
        """Keeps an outcome, and wakes the consumer if it is the next one."""
        key = index if self.ordered else self.arrived
        self.arrived += 1
        self.ready[key] = outcome
        if key == self.delivered:
            self.wake()

    def one_more(self) -> None:
        """The bound has been raised by one: whoever waits for room has it."""
        if self.started + (len(self.queue) if self.queue else 0) + 1 >= self.bound and not self.closed:
            self.unpark()
            self.call_source()


def _may_wait(frame: FrameType | None) -> bool:
    """Whether the block that `GeneratorExit` leaves may await: an async generator's `aclose()` waits, a coroutine's `close()` cannot."""
    consumer = frame and frame.f_back
    return consumer is not None and bool(consumer.f_code.co_flags & CO_ASYNC_GENERATOR) and current_task() is not None


@final
class Stream(Generic[T_co]):
    """What `stream_tg` gives: a context manager, and inside it an async iterator over outcomes."""

    __slots__ = ("_bar", "_inside", "_items", "_make", "_place", "_run", "_stepping")

    def __init__(
        self,
        make: Callable[[], StreamRun],
        items: Iterable[Any] | AsyncIterable[Any],
        bar: Progress | None,
        place: Place | None,
    ) -> None:
        self._make: Callable[[], StreamRun] | None = make
        self._place = place
        self._items: Iterable[Any] | AsyncIterable[Any] = items
        self._bar = bar
        self._run: StreamRun | None = None
        self._inside = self._stepping = False

    async def __aenter__(self) -> Self:
        if self._make is None:
            raise RuntimeError("stream_tg: this stream has been entered before; call stream_tg again for another one")
        make, self._make = self._make, None
        items, self._items = self._items, ()
        if self._place is not None:
            await self._place.__aenter__()
        self._inside = True
        self._run = run = make()
        if self._place is not None:
            self._place.bind(run)
        if self._bar is not None:
            self._bar.start(run)
        run.start(items)
        return self

    def __aiter__(self) -> Self:
        return self

    # In one frame as far as it goes: this is run once for each input.
    async def __anext__(self) -> T_co:
        run = self._run
        if run is None or not self._inside or self._stepping:
            self._refuse()
        key = run.delivered
        if key not in run.ready:
            await self._until_ready(run)
        run.delivered = key + 1
        bound = run.bound
        if bound != maxsize:
            run.bound = bound + 1
            if run.started >= bound or run.queue:
                run.one_more()
        outcome: T_co = run.ready.pop(key)
        return outcome

    async def _until_ready(self, run: StreamRun) -> None:
        while run.delivered not in run.ready:
            if run.over:
                self._end(run)
            self._stepping = True
            waiter = run.waiter = run.loop.create_future()
            try:
                await waiter
            finally:
                self._stepping = False
                if run.waiter is waiter:
                    run.waiter = None
            if not self._inside:
                self._refuse()

    def _refuse(self) -> NoReturn:
        if self._stepping:
            raise RuntimeError("stream_tg: two tasks wait for the next outcome of one stream; let one take them")
        raise RuntimeError(
            "stream_tg: outcomes come inside its block only:\n"
            "  async with stream_tg(fn, items, limit=...) as results:\n"
            "      async for outcome in results: ..."
        )

    def _end(self, run: StreamRun) -> NoReturn:
        try:
            run.raise_verdict()
        except StopAsyncIteration as exc:  # bare out of here it would pass for the end of the stream
            raise RuntimeError("stream_tg: an input or the source raised StopAsyncIteration") from exc
        raise StopAsyncIteration

    async def __aexit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, trace: TracebackType | None
    ) -> None:
        waits = kind is not GeneratorExit or _may_wait(currentframe())
        place = self._place
        if place is None:
            return await self._leave(raised, waits=waits)
        place.may_wait = waits
        try:
            await self._leave(raised, waits=waits)
        except BaseException as exc:
            await place.__aexit__(type(exc), exc, exc.__traceback__)
            raise
        return await place.__aexit__(kind, raised, trace)

    async def _leave(self, raised: BaseException | None, *, waits: bool) -> None:
        self._inside = False
        run = self._run
        assert run is not None
        if not run.over:
            run.abort()
        run.wake()  # another task may still wait for a step
        try:
            if not waits:
                return
            await run.wait()
        finally:
            if self._bar is not None:
                self._bar.stop()
        run.ready.clear()
        error = run.failures.verdict(run.loop)
        try:
            if error is None:
                return
            if raised is None or (isinstance(error, CancelledError) and not isinstance(raised, CancelledError)):
                raise error
            note(raised, f"stream_tg: failed too: {show(error)}")
        finally:
            del error, raised, run  # a frame in the traceback must not lead back to the exception
