"""`gather_tg`: what is its own. What it has in common with `asyncio.gather` is in tests/parity."""

from __future__ import annotations

import asyncio
import inspect
import types
from collections.abc import Coroutine
from contextvars import ContextVar

import pytest

from corral import Err, ItemCancelled, Ok, gather_tg
from tests.children import Lazy, cancels_itself, fails, leaves, notes, others, returns, turns, waits
from tests.verbs.by_name import BESIDE, POLICIES


@BESIDE
async def test_result_is_a_list(beside: int) -> None:
    """It returns a `list`, at run time too, in the order of the arguments whoever ends first."""
    results = await gather_tg(returns("a", 3), returns("b", 0), returns("c", 1), *others(beside))
    assert type(results) is list
    assert results[:3] == ["a", "b", "c"]


@POLICIES
async def test_nothing_to_gather(on_error: str) -> None:
    """No arguments: an empty list of one's own, under every policy."""
    one, two = await gather_tg(on_error=on_error), await gather_tg(on_error=on_error)
    assert one == two == []
    assert one is not two


@BESIDE
async def test_every_kind_of_awaitable(beside: int) -> None:
    """Coroutines, Cython's and old-style ones too, Tasks, Futures, objects with `__await__`, a pending `gather`, `anext`: all are taken."""

    class Compiled(Lazy, Coroutine):
        """As Cython's are: no `CoroutineType`, but with all that makes a coroutine."""

        def send(self, value):
            return self.coro.send(value)

        def throw(self, *raised):
            return self.coro.throw(*raised)

        def close(self):
            self.coro.close()

    @types.coroutine
    def old_style():
        yield
        return "old style"

    async def generator():
        yield "anext"

    future = asyncio.get_running_loop().create_future()
    future.set_result("future")
    task = asyncio.create_task(returns("task"))
    made = generator()
    aws = [
        returns("coroutine"),
        task,
        future,
        Lazy(returns("lazy")),
        asyncio.gather(returns(1)),
        anext(made),
        old_style(),
        Compiled(returns("compiled")),
    ]
    if beside:
        results = await gather_tg(*aws, *others(beside))
    else:
        results = await gather_tg(*aws[:4]) + await gather_tg(*aws[4:])
    assert results[:8] == ["coroutine", "task", "future", "lazy", [1], "anext", "old style", "compiled"]
    await made.aclose()


@pytest.mark.parametrize("limit", [None, 1, 7])
async def test_started_in_order(limit: int | None) -> None:
    """Awaitables start in the order in which they were given."""
    started = []

    async def child(number):
        started.append(number)
        await turns(number % 3)

    await gather_tg(*map(child, range(300)), limit=limit)
    assert started == list(range(300))


@BESIDE
async def test_group_of_every_failure(beside: int) -> None:
    """`group`: siblings are cancelled and awaited, and an `ExceptionGroup` holds every failure, those of cleanups too."""
    log = []

    async def fails_in_cleanup():
        try:
            await waits(log, "slow", cleanup=3)
        finally:
            raise KeyError("cleanup")

    with pytest.raises(ExceptionGroup) as caught:
        await gather_tg(waits(log, "plain", cleanup=2), fails_in_cleanup(), fails(ValueError("first")), *others(beside))
    assert list(map(repr, caught.value.exceptions)) == ["ValueError('first')", "KeyError('cleanup')"]
    assert str(caught.value) == "gather_tg: 2 inputs failed (2 sub-exceptions)"
    assert sorted(log) == ["plain cancelled", "plain gone", "slow cancelled", "slow gone"]


@BESIDE
async def test_group_even_for_one(beside: int) -> None:
    """What raises never depends on how many inputs failed: one failure is a group too."""
    with pytest.raises(ExceptionGroup) as caught:
        await gather_tg(fails(ValueError("alone")), *others(beside))
    assert list(map(repr, caught.value.exceptions)) == ["ValueError('alone')"]
    assert str(caught.value) == "gather_tg: 1 input failed (1 sub-exception)"


@BESIDE
async def test_first_is_bare(beside: int) -> None:
    """`first`: the first failure comes out bare once all have stopped; the others are told in a note."""
    log = []

    async def fails_in_cleanup():
        try:
            await waits(log, cleanup=2)
        finally:
            raise KeyError("later")

    error = ValueError("earlier")
    with pytest.raises(ValueError, match="earlier") as caught:
        await gather_tg(fails_in_cleanup(), fails(error), *others(beside), on_error="first", show_items=False)
    assert caught.value is error
    assert log == ["child cancelled", "child gone"]
    assert notes(error) == [
        "gather_tg: input 1",
        "gather_tg: 1 more failed before all had stopped: input 0: KeyError('later')",
    ]


@BESIDE
async def test_collect_cancels_nothing(beside: int) -> None:
    """`collect`: everything runs to its end; the outcomes hold index, awaitable, and value or error."""
    error = ValueError("bad")
    aws = [returns("slow", 5), fails(error), returns("fast", 0), cancels_itself()]
    outcomes = (await gather_tg(*aws, *others(beside), on_error="collect"))[:4]
    assert outcomes[:3] == [Ok(0, aws[0], "slow"), Err(1, aws[1], error), Ok(2, aws[2], "fast")]
    assert isinstance(outcomes[3].error, ItemCancelled)


@BESIDE
async def test_collect_is_for_exceptions(beside: int) -> None:
    """`collect` catches `Exception` only: any other failure ends the verb, in a group."""

    class Base(BaseException):
        pass

    log = []
    with pytest.raises(BaseExceptionGroup) as caught:
        await gather_tg(waits(log), fails(Base()), *others(beside), on_error="collect")
    assert list(map(type, leaves(caught.value))) == [Base]
    assert log == ["child cancelled", "child gone"]


@BESIDE
async def test_generator_exit_is_a_failure(beside: int) -> None:
    """An input that raises `GeneratorExit` has failed like any other: it is in the group, with its note, and once."""
    log = []
    with pytest.raises(BaseExceptionGroup) as caught:
        await gather_tg(waits(log), fails(GeneratorExit()), *others(beside), show_items=False)
    assert [(repr(e), notes(e)) for e in caught.value.exceptions] == [("GeneratorExit()", ["gather_tg: input 1"])]
    assert log == ["child cancelled", "child gone"]


@pytest.mark.parametrize("limit", [1, 2])
@BESIDE
async def test_limit(beside: int, limit: int) -> None:
    """Never more than `limit` run at the same time, and as many as that do."""
    running = most = 0

    async def child():
        nonlocal running, most
        running += 1
        most = max(most, running)
        await turns(3)
        running -= 1

    await gather_tg(*(child() for _ in range(4 + beside)), limit=limit)
    assert most == limit


@pytest.mark.parametrize("limit", [1, 2])
@BESIDE
async def test_never_started_is_closed(beside: int, limit: int) -> None:
    """A coroutine that is never started is closed, so that nothing says "was never awaited"."""
    unreached = [returns(1) for _ in range(3)]
    with pytest.raises(ExceptionGroup):
        await gather_tg(fails(ValueError(), 0), *others(beside), *unreached, limit=limit)
    assert {inspect.getcoroutinestate(coro) for coro in unreached} == {inspect.CORO_CLOSED}


@BESIDE
async def test_never_awaited_itself(beside: int) -> None:
    """A call that nobody awaits is warned of by its own name, once, and its arguments are closed."""
    aws = [returns(1), returns(2), *others(beside)]
    with pytest.warns(RuntimeWarning) as warned:
        assert repr(gather_tg(*aws)).startswith("<coroutine object gather_tg at")
    assert [str(w.message).splitlines()[0] for w in warned] == ["coroutine 'gather_tg' was never awaited"]
    del warned  # the record of a warning holds what it warns of
    assert {inspect.getcoroutinestate(aw) for aw in aws} == {inspect.CORO_CLOSED}


@BESIDE
async def test_cancelled_before_its_first_step(beside: int) -> None:
    """A call whose Task is cancelled before it has run closes what it was given."""
    aws = [returns(1), returns(2), *others(beside)]
    task = asyncio.create_task(gather_tg(*aws))
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    del task  # its exception holds the frame that never ran
    assert {inspect.getcoroutinestate(aw) for aw in aws} == {inspect.CORO_CLOSED}


@BESIDE
async def test_each_in_a_context_of_its_own(beside: int) -> None:
    """Every coroutine runs in its own copy of the context in which the verb was called."""
    var = ContextVar("var", default="unset")
    var.set("caller")

    async def child(value):
        before = var.get()
        var.set(value)
        await turns(2)
        return before, var.get()

    seen = await gather_tg(child(1), child(2), *others(beside), child(3))
    assert [pair for pair in seen if pair] == [("caller", 1), ("caller", 2), ("caller", 3)]
    assert var.get() == "caller"


async def test_far_more_than_workers() -> None:
    """Order and every value survive in a call that is far larger than the crew of workers."""
    assert await gather_tg(*(returns(x, x % 2) for x in range(2_000))) == list(range(2_000))
    assert await gather_tg(*(returns(x, 0) for x in range(20_000)), limit=10) == list(range(20_000))


async def test_one_of_far_more_is_wrong() -> None:
    """One of tens of thousands that is no awaitable is refused by its number, and every coroutine is closed."""
    aws = [returns(n, 0) for n in range(20_000)]
    aws[18_000].close()
    with pytest.raises(TypeError, match="argument 18000: expected an awaitable, got 3"):
        await gather_tg(*aws[:18_000], 3, *aws[18_001:])
