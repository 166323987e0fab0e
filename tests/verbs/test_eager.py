"""Under `asyncio.eager_task_factory`, where a Task takes its first step inside `create_task`, everything is as elsewhere."""

from __future__ import annotations

import asyncio
import inspect
import itertools
import sys
from contextvars import ContextVar

import pytest

from corral import gather_tg, join_tg, map_tg, stream_tg
from tests.children import Crowd, fails, leaves, returns, turns, waits

pytestmark = [
    pytest.mark.skipif(sys.version_info < (3, 12), reason="the eager factory came with 3.12"),
    pytest.mark.asyncio(loop_factories=["eager"]),
]
BESIDE = pytest.mark.parametrize("beside", [0, 1, 6])


@BESIDE
@pytest.mark.parametrize("place", [0, 1, -1])
@pytest.mark.parametrize("verb", [gather_tg, join_tg])
async def test_a_failure_at_once(verb, beside: int, place: int) -> None:
    """A child that fails without suspending is one failure, and no other error; the rest is closed or cancelled, none leaked."""
    rest = [returns(n) for n in range(1 + beside)]
    aws = [*rest]
    aws.insert(place if place >= 0 else len(aws), fails(ValueError("bad"), 0))
    with pytest.raises(ExceptionGroup) as caught:
        await verb(*aws)
    assert list(map(repr, leaves(caught.value))) == ["ValueError('bad')"]
    assert {inspect.getcoroutinestate(coro) for coro in rest} == {inspect.CORO_CLOSED}
    assert asyncio.current_task().cancelling() == 0
    await turns(3)


@BESIDE
async def test_all_at_once(beside: int) -> None:
    """Children that all return without suspending give their values in order."""
    assert await gather_tg(*(returns(n, 0) for n in range(1 + beside))) == list(range(1 + beside))
    assert await map_tg(lambda n: returns(n, 0), range(100), limit=10) == list(range(100))


@pytest.mark.parametrize("limit", [1, 7, None])
@pytest.mark.parametrize("after", [0, 1, 2])
async def test_order_and_limit(limit: int | None, after: int) -> None:
    """Inputs start in order, within the limit."""
    crowd = Crowd(after)
    assert await map_tg(crowd, range(100), limit=limit) == list(range(100))
    assert crowd.started == list(range(100))
    assert limit is None or crowd.most <= limit


async def test_context() -> None:
    """An eagerly started input has its own copy of the context too: the caller sees nothing of it."""
    var = ContextVar("var", default="unset")

    async def child(n):
        before = var.get()
        var.set(n)
        return before

    assert await gather_tg(child(1), child(2), child(3)) == ["unset"] * 3
    assert await map_tg(child, range(10), limit=5) == ["unset"] * 10
    assert var.get() == "unset"


async def test_current_task() -> None:
    """Code that runs at once runs in its own Task, not in the caller's."""
    caller = asyncio.current_task()

    async def child(_=None):
        return asyncio.current_task() is caller

    assert await gather_tg(child(), child()) == [False, False]
    assert await map_tg(child, range(5), limit=5) == [False] * 5
    assert asyncio.current_task() is caller


async def test_a_child_that_starts_a_failing_verb() -> None:
    """A child whose own verb fails at once cancels its siblings, those that had started before it included."""
    log: list[str] = []
    with pytest.raises(ExceptionGroup) as caught:
        await gather_tg(waits(log, cleanup=2), gather_tg(fails(ValueError("bad"), 0)), *(returns(1) for _ in range(6)))
    assert list(map(repr, leaves(caught.value))) == ["ValueError('bad')"]
    assert log in ([], ["child cancelled", "child gone"])


async def test_streams() -> None:
    """Streams too: in order, early leaving, failure at once."""
    async with stream_tg(lambda n: returns(n, n % 2), itertools.count(), limit=5) as results:
        values = []
        async for outcome in results:
            values.append(outcome.value)
            if outcome.value == 30:
                break
    assert values == list(range(31))
    with pytest.raises(ExceptionGroup):
        async with stream_tg(lambda n: fails(ValueError(n), 0), range(5), limit=2) as results:
            await anext(results)


async def test_tasks_made_eagerly() -> None:
    """Tasks that had ended before the verb saw them are taken like others."""
    ended = asyncio.ensure_future(returns("ended", 0))
    assert ended.done()
    assert await gather_tg(ended, returns("other")) == ["ended", "other"]
