"""What runs over there: a chunk of inputs through the same engine, in a loop that its thread keeps."""

from __future__ import annotations

import asyncio
import selectors
import threading
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from multiprocessing import util
from time import perf_counter, thread_time
from typing import Any, Final, NamedTuple

from corral._calls import timed
from corral._failures import Failures, show
from corral._results import ListRun
from corral._supervision import NotAwaitable
from corral.outcome import Err
from corral.scale import parcel
from corral.scale.errand import Errand

#: Errands whose function a worker keeps at hand.
_KEPT: Final = 16


class NotAwaited(NamedTuple):
    """`fn` returned something that cannot be awaited: what to tell of it."""

    text: str
    type_name: str


class Reply(NamedTuple):
    """What comes back of a chunk.

    Args:
        outcomes: For each input a value, `parcel.Fault` or the like, as `_packed` makes them; or live ones.
        refused: Why none of them could run.
        busy: Seconds that the loop did not wait.
        wall: Seconds in all.
    """

    outcomes: list[Any]
    refused: Any
    busy: float
    wall: float


class _ClockedSelector(selectors.DefaultSelector):
    """Knows how long it has waited: the rest is what the inputs cost."""

    waited = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        start = perf_counter()
        try:
            return super().select(timeout)
        finally:
            self.waited += perf_counter() - start


class Home:
    """A loop, and the resources that were entered in it."""

    def __init__(self, *, uvloop: bool) -> None:
        self._selector: _ClockedSelector | None = None
        self.runner = asyncio.Runner(loop_factory=self._uvloop if uvloop else self._stock)
        self._resources: dict[str, tuple[AbstractAsyncContextManager[Any], Any]] = {}
        util.Finalize(self, _close_runner, args=(self.runner, self._resources), exitpriority=10)

    def _stock(self) -> asyncio.AbstractEventLoop:
        self._selector = _ClockedSelector()
        return asyncio.SelectorEventLoop(self._selector)

    @staticmethod
    def _uvloop() -> asyncio.AbstractEventLoop:
        import uvloop

        return uvloop.new_event_loop()

    def busy(self) -> float:
        """Seconds so far that this thread was not waiting, by a clock that only differences mean something of."""
        return thread_time() if self._selector is None else perf_counter() - self._selector.waited

    async def resource(self, key: str, factory: Callable[[], AbstractAsyncContextManager[Any]]) -> Any:
        """What the factory's context manager gave when it was entered here: once for each key."""
        if key not in self._resources:
            manager = factory()
            self._resources[key] = manager, await manager.__aenter__()
        return self._resources[key][1]

    async def leave(self, key: str) -> None:
        """Leaves the resource of that key, if it was entered here."""
        entered = self._resources.pop(key, None)
        if entered is not None:
            await entered[0].__aexit__(None, None, None)


def _close_runner(runner: asyncio.Runner, resources: dict[str, tuple[AbstractAsyncContextManager[Any], Any]]) -> None:
    async def leave_all() -> None:
        while resources:
            _, (manager, _) = resources.popitem()
            with suppress(Exception):  # nobody is left to be told
                await manager.__aexit__(None, None, None)

    with suppress(Exception):  # likewise: the process or the thread is ending
        if resources:
            runner.run(leave_all())
        runner.close()


class _Here(threading.local):
    def __init__(self) -> None:
        self.homes: dict[bool, Home] = {}

    def home(self, *, uvloop: bool) -> Home:
        if uvloop not in self.homes:
            self.homes[uvloop] = Home(uvloop=uvloop)
        return self.homes[uvloop]


_here = _Here()
_errands: dict[str, Errand] = {}


class ChunkRun(ListRun):
    """A run that collects everything, also what would end the verb: the verb is elsewhere."""

    __slots__ = ()

    def caught(self, index: int, item: object, returned: object, error: BaseException) -> bool:
        """Takes down what an input raised."""
        if isinstance(error, TypeError) and self._not_awaitable(index, item, returned, error):
            if isinstance(error, NotAwaitable):
                returned = error.returned
            self.put(index, NotAwaited(show(returned), type(returned).__name__))
            return False
        if isinstance(error, Exception | asyncio.CancelledError):
            return super().caught(index, item, returned, error)
        self.put(index, error)
        self.fail()
        return False


async def _run(home: Home, errand: Errand, numbers: Sequence[int], items: list[Any]) -> list[Any]:
    fn = errand.fn
    if errand.resource is not None:
        value = await home.resource(errand.key, errand.resource)
        with_resource = errand.fn

        def fn(item: Any) -> Awaitable[Any]:
            return with_resource(item, value)

    call = fn if errand.timeout is None else timed(fn, errand.timeout)
    failures = Failures(errand.verb, "collect", show_items=errand.show_items)
    failures.numbers = numbers
    run = ChunkRun(failures, call, items, None)
    run.start(items)
    return await run.all()


def run_chunk(errand: Errand, numbers: Sequence[int], items: list[Any]) -> Reply:
    """Runs inputs in the loop of this thread. In the process of the verb: nothing is packed."""
    home = _here.home(uvloop=errand.uvloop)
    start, busy = perf_counter(), home.busy()
    try:
        outcomes = home.runner.run(_run(home, errand, numbers, items))
    except Exception as exc:
        return Reply([], exc, 0.0, 0.0)
    return Reply(outcomes, None, home.busy() - busy, perf_counter() - start)


def run_packed(key: str, errand: bytes, numbers: Sequence[int], items: bytes) -> bytes:
    """Runs inputs that came from another process, and packs what came of them."""
    try:
        reply = run_chunk(_errand(key, errand), numbers, parcel.unpack(items))
    except Exception as exc:
        reply = Reply([], exc, 0.0, 0.0)
    refused = None if reply.refused is None else parcel.pack_error(reply.refused)
    return parcel.dumps(Reply([_packed(outcome) for outcome in reply.outcomes], refused, reply.busy, reply.wall))


def _errand(key: str, packed: bytes) -> Errand:
    errand = _errands.get(key)
    if errand is None:
        errand = parcel.unpack(packed)
        assert isinstance(errand, Errand)
        while len(_errands) >= _KEPT:
            _errands.pop(next(iter(_errands)), None)
        _errands[key] = errand
    return errand


def _packed(outcome: object) -> Any:
    """A plain value as itself in a tuple, another one as bytes; the rest as `Fault`, `NotAwaited` or, if it never ran, None."""
    if parcel.is_ok(outcome):
        value = outcome.value
        if parcel.is_plain(value):
            return (value,)
        try:
            return parcel.pack_value(value)
        except TypeError as exc:
            return parcel.pack_error(exc)
    if isinstance(outcome, Err):
        return parcel.pack_error(outcome.error)
    return parcel.pack_error(outcome) if isinstance(outcome, BaseException) else outcome


def leave_resource(key: str, *, uvloop: bool) -> None:
    """Leaves the resource of a call of a verb, if the worker that this lands on has entered it."""
    home = _here.homes.get(uvloop)
    if home is not None:
        home.runner.run(home.leave(key))
