"""What happens at once under `asyncio.eager_task_factory`, where a Task takes its first step inside `create_task`.

That everything else is as elsewhere is said by the other tests of this folder, which run on that loop too.
"""

from __future__ import annotations

import asyncio
import inspect
import sys

import pytest

from corral import gather_tg, join_tg, map_tg
from tests.children import fails, leaves, returns, turns, waits

pytestmark = [
    pytest.mark.skipif(sys.version_info < (3, 12), reason="the eager factory came with 3.12"),
    pytest.mark.asyncio(loop_factories=["eager"]),
]
BESIDE = pytest.mark.parametrize("beside", [0, 1, 6])


@BESIDE
@pytest.mark.parametrize("place", [0, 1, -1])
@pytest.mark.parametrize("verb", [gather_tg, join_tg])
async def test_a_failure_at_once(verb, beside: int, place: int) -> None:
    """A child that fails without suspending is one failure, and no other error; the rest is closed (gh-128550, gh-128588)."""
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


async def test_a_child_that_starts_a_failing_verb() -> None:
    """A child whose own verb fails at once cancels its siblings, those that had started before it included (gh-155418)."""
    log: list[str] = []
    with pytest.raises(ExceptionGroup) as caught:
        await gather_tg(waits(log, cleanup=2), gather_tg(fails(ValueError("bad"), 0)), *(returns(1) for _ in range(6)))
    assert list(map(repr, leaves(caught.value))) == ["ValueError('bad')"]
    assert log == ["child cancelled", "child gone"]


async def test_tasks_made_eagerly() -> None:
    """Tasks that had ended before the verb saw them are taken like others."""
    ended = asyncio.ensure_future(returns("ended", 0))
    assert ended.done()
    assert await gather_tg(ended, returns("other")) == ["ended", "other"]
