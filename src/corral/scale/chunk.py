"""What runs over there: a chunk of inputs through the same engine, in a loop that its thread keeps."""

from __future__ import annotations

import asyncio
import os
import selectors
import threading
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from functools import partial
from multiprocessing import util
from time import perf_counter, thread_time
from typing import Any, Final, NamedTuple

from corral._calls import timed
from corral._failures import Failures, show, strip
from corral._results import ListRun
from corral._supervision import NotAwaitable, Supervision
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
        again: Whether one of the inputs did not unpack: they have to be sent one by one.
        busy: Seconds that the loop did not wait.
        wall: Seconds in all.
    """

    outcomes: list[Any]
    refused: Any = None
    busy: float = 0.0
    wall: float = 0.0
    again: bool = False


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
        self._selector = None if uvloop else _ClockedSelector()
        # None of what the finalizer holds may lead back here, or it would come with the end of the process only.
        factory = _new_uvloop if self._selector is None else partial(asyncio.SelectorEventLoop, self._selector)
        self.runner: asyncio.Runner = asyncio.Runner(loop_factory=factory)
        self._resources: dict[str, tuple[AbstractAsyncContextManager[Any], Any]] = {}
        util.Finalize(self, _close_runner, args=(self.runner, self._resources), exitpriority=10)

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


def _new_uvloop() -> asyncio.AbstractEventLoop:
    import uvloop

    return uvloop.new_event_loop()


def _close_runner(runner: asyncio.Runner, resources: dict[str, tuple[AbstractAsyncContextManager[Any], Any]]) -> None:
    async def leave_all() -> None:
        while resources:
            _, (manager, _) = resources.popitem()
            with suppress(Exception):  # nobody is left to be told
                await manager.__aexit__(None, None, None)

    if _a_loop_runs():  # the collector came by in the midst of it: two cannot run in one thread
        threading.Thread(target=_close_runner, args=(runner, resources), daemon=True).start()
        return
    with suppress(Exception):  # likewise: the process or the thread is ending
        if (
            resources
        ):  # not by `runner.run`: it asks which thread this is, which one that is ending does not know any more
            runner.get_loop().run_until_complete(leave_all())
        runner.close()


def _a_loop_runs() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


#: Loops of a parent that this process was forked from: closing them would reach into the parent.
_lost: list[Any] = []


class _Here(threading.local):
    def __init__(self) -> None:
        self.homes: dict[bool, Home] = {}
        self._process = os.getpid()

    def home(self, *, uvloop: bool) -> Home:
        if self._process != os.getpid():  # forked: these loops are the parent's
            _lost.append(self.homes)
            self.homes, self._process = {}, os.getpid()
        if uvloop not in self.homes:
            self.homes[uvloop] = Home(uvloop=uvloop)
        return self.homes[uvloop]


#: What this thread keeps.
here: _Here = _Here()
_errands: dict[str, Errand] = {}


class ChunkRun(ListRun):
    """A run that collects everything, also what would end the verb: the verb is elsewhere."""

    __slots__ = ()

    def caught(self, index: int, item: object, returned: object, error: BaseException) -> bool:
        """Takes down what an input raised."""
        outcome = caught_elsewhere(self, index, item, returned, error)
        if outcome is None:
            return super().caught(index, item, returned, error)
        self.put(index, outcome)
        return False


def caught_elsewhere(
    run: Supervision, index: int, item: object, returned: object, error: BaseException
) -> BaseException | NotAwaited | None:
    """What would end a verb is an outcome over there; None for what a run that collects takes itself."""
    strip(error)  # it is by its lack of a traceback that one of `await` is told from one of `fn`
    if isinstance(error, TypeError) and run.not_awaitable(index, item, returned, error):
        if isinstance(error, NotAwaitable):
            returned = error.returned
        return NotAwaited(show(returned), type(returned).__name__)
    if isinstance(error, Exception | asyncio.CancelledError):
        return None
    run.fail()
    return error


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


def run_packed(key: str, errand: bytes, numbers: Sequence[int], items: bytes) -> bytes:
    """Runs inputs that came from another process, in the loop of this thread, and packs what came of them."""
    return parcel.dumps(_run_packed(key, errand, numbers, items))


def _run_packed(key: str, packed_errand: bytes, numbers: Sequence[int], packed_items: bytes) -> Reply:
    try:
        errand = errand_of(key, packed_errand)
        home = here.home(uvloop=errand.uvloop)
    except Exception as exc:
        return Reply([], parcel.pack_error(exc))
    try:
        items = parcel.unpack(packed_items)
    except Exception as exc:
        return Reply([], again=True) if len(numbers) > 1 else Reply([parcel.pack_error(exc)])
    start, busy = perf_counter(), home.busy()
    try:
        outcomes = home.runner.run(_run(home, errand, numbers, items))
    except Exception as exc:
        return Reply([], parcel.pack_error(exc))
    return Reply([packed(outcome) for outcome in outcomes], None, home.busy() - busy, perf_counter() - start)


def errand_of(key: str, packed_errand: bytes) -> Errand:
    """The errand, unpacked once."""
    errand = _errands.get(key)
    if errand is None:
        try:
            errand = parcel.unpack(packed_errand)
        except Exception as exc:
            exc.add_note(
                "fn is found by its module and its name. A function of a notebook, of `python -c` or of standard input is found "
                "by no other process: write it into a module, and import it from there"
            )
            raise
        assert isinstance(errand, Errand)
        while len(_errands) >= _KEPT:
            _errands.pop(next(iter(_errands)), None)
        _errands[key] = errand
    return errand


def packed(outcome: object) -> Any:
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


def leave_resource(key: str, number: int, *, uvloop: bool) -> None:  # noqa: ARG001 - the number keeps two calls apart on Dask
    """Leaves the resource of a call of a verb, if the worker that this lands on has entered it."""
    home = here.homes.get(uvloop)
    if home is not None:
        home.runner.run(home.leave(key))
