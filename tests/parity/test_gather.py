"""The same test for `asyncio.gather`, the blog post's helper over a TaskGroup, and us: what is taken, and what is returned.

Where we differ, an `if` says how: here, and in test_failures.py and test_cancellation.py.
"""

from __future__ import annotations

import asyncio
from contextvars import ContextVar

import pytest

from tests.children import Lazy, leaves, returns, turns
from tests.parity.gathers import GATHERS, failure, mapped, post


@GATHERS
async def test_results_in_order(gather) -> None:
    """A list of the results in the order of the arguments, whichever ends first."""
    results = await gather(returns("a", 5), returns("b", 0), returns("c", 2))
    assert results == ["a", "b", "c"]
    assert type(results) is list


@GATHERS
async def test_nothing(gather) -> None:
    """Of nothing, an empty list."""
    assert await gather() == []


@GATHERS
@pytest.mark.parametrize("count", [1, 2, 4, 5, 50])
async def test_any_number(gather, count: int) -> None:
    """One, a few, many."""
    assert await gather(*(returns(n, n % 3) for n in range(count))) == list(range(count))


@GATHERS
async def test_they_run_at_the_same_time(gather) -> None:
    """Children may wait for each other."""
    first, second = asyncio.Event(), asyncio.Event()

    async def one():
        first.set()
        await second.wait()
        return 1

    async def two():
        await first.wait()
        second.set()
        return 2

    assert await gather(one(), two()) == [1, 2]


@GATHERS
async def test_started_in_order(gather) -> None:
    """They start in the order in which they stand."""
    started = []

    async def child(n):
        started.append(n)
        await turns(1)

    await gather(*map(child, range(20)))
    assert started == list(range(20))


@GATHERS
async def test_tasks_and_futures(gather) -> None:
    """Tasks and Futures are taken, done or pending."""
    loop = asyncio.get_running_loop()
    done, pending = loop.create_future(), loop.create_future()
    done.set_result("done")
    loop.call_soon(pending.set_result, "pending")
    aws = [asyncio.ensure_future(returns("task", 2)), done, pending, asyncio.gather(returns("inner"))]
    if gather is post:  # TaskGroup: "a coroutine was expected"
        error = await failure(gather, *aws)
        assert set(map(type, leaves(error))) == {TypeError}
        await asyncio.gather(*aws)
    else:
        assert await gather(*aws) == ["task", "done", "pending", ["inner"]]


@GATHERS
async def test_objects_with_await(gather) -> None:
    """Objects with `__await__` are taken."""
    lazy = Lazy(returns("lazy"))
    if gather is post:  # TaskGroup: "a coroutine was expected"
        await failure(gather, lazy)
        assert await lazy == "lazy"
    else:
        assert await gather(lazy) == ["lazy"]


@GATHERS
async def test_the_same_twice(gather) -> None:
    """The same coroutine, Task, or Future twice runs once and fills both places."""
    coro = returns("x", 2)
    if gather is post:
        error = await failure(gather, coro, coro)
        assert [str(leaf) for leaf in leaves(error)] == ["cannot reuse already awaited coroutine"]
        return
    if gather is mapped:  # a map calls its function for each input, the same or not
        await failure(gather, coro, coro)
        coro.close()
        return
    assert await gather(coro, returns("y"), coro) == ["x", "y", "x"]
    task = asyncio.ensure_future(returns("z", 2))
    assert await gather(task, task) == ["z", "z"]


@GATHERS
async def test_own_context_each(gather) -> None:
    """Each coroutine runs in its own copy of the caller's context."""
    var = ContextVar("var", default="unset")
    var.set("caller")

    async def child(n):
        before = var.get()
        var.set(n)
        await turns(1)
        return before, var.get()

    assert await gather(child(1), child(2)) == [("caller", 1), ("caller", 2)]
    assert var.get() == "caller"


@GATHERS
async def test_ten_levels_of_itself(gather) -> None:
    """It may be called from ten levels of itself."""

    async def level(n):
        return await gather(level(n - 1), returns(n)) if n else "bottom"

    result = await level(10)
    for n in range(10, 0, -1):
        result, value = result
        assert value == n
    assert result == "bottom"
