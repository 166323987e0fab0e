"""`join_tg`: a tuple, exact by position; for the rest it is `gather_tg`."""

from __future__ import annotations

import asyncio
import inspect

import pytest

from corral import join_tg
from tests.children import Lazy, fails, notes, others, returns, turns, waits
from tests.verbs.by_name import BESIDE


@BESIDE
async def test_result_is_a_tuple(beside: int) -> None:
    """It returns a `tuple`, at run time too, in the order of the arguments."""
    results = await join_tg(returns("a", 3), returns(2, 0), *others(beside))
    assert type(results) is tuple
    assert results[:2] == ("a", 2)


async def test_nothing_to_join() -> None:
    """No arguments: an empty tuple."""
    assert await join_tg() == ()


@BESIDE
async def test_every_kind_of_awaitable_once(beside: int) -> None:
    """Tasks, Futures and objects are taken; what is given twice runs once and fills both places."""
    task = asyncio.create_task(returns("task"))
    future = asyncio.get_running_loop().create_future()
    future.set_result("future")
    coro = returns("coroutine")
    joined = await join_tg(task, coro, future, Lazy(returns("lazy")), coro, *others(beside))
    assert joined[:5] == ("task", "coroutine", "future", "lazy", "coroutine")


@BESIDE
async def test_group(beside: int) -> None:
    """The first failure cancels and awaits the others; a group holds every failure, each with its number."""
    log = []
    with pytest.raises(ExceptionGroup, match="join_tg: 1 input failed") as caught:
        await join_tg(waits(log, cleanup=3), fails(ValueError("bad")), *others(beside), show_items=False)
    assert log == ["child cancelled", "child gone"]
    assert notes(caught.value.exceptions[0]) == ["join_tg: input 1"]


@BESIDE
async def test_first(beside: int) -> None:
    """`on_error="first"`: the failure comes bare, after the others have stopped."""
    log = []
    with pytest.raises(ValueError, match="bad"):
        await join_tg(waits(log, cleanup=3), fails(ValueError("bad")), *others(beside), on_error="first")
    assert log == ["child cancelled", "child gone"]


async def test_there_is_no_collect() -> None:
    """A tuple of outcomes would have no exact type: `collect` is refused, with what there is."""
    coro = returns(1)
    with pytest.raises(ValueError, match=r"^join_tg: on_error: expected 'group' or 'first'; got 'collect' \(str\)$"):
        await join_tg(coro, on_error="collect")
    assert inspect.getcoroutinestate(coro) == inspect.CORO_CLOSED


@BESIDE
async def test_cancelled(beside: int) -> None:
    """Its caller's cancellation cancels and awaits what it was given, and leaves it."""
    log = []
    joining = asyncio.create_task(join_tg(waits(log, 1, cleanup=2), waits(log, 2), *others(beside)))
    await turns(4)
    joining.cancel()
    with pytest.raises(asyncio.CancelledError):
        await joining
    assert sorted(log) == ["1 cancelled", "1 gone", "2 cancelled", "2 gone"]


async def test_its_name() -> None:
    """Its coroutine is called what the user has written."""
    with pytest.warns(RuntimeWarning, match="coroutine 'join_tg' was never awaited"):
        assert repr(join_tg()).startswith("<coroutine object join_tg at")
