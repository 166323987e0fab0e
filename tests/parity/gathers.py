"""What `gather_tg` is measured against, and `gather_tg` itself: all are called in the same way, and some leave tasks behind."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable
from typing import Any

import pytest

from corral import gather_tg, map_tg
from tests.children import end_of, others


async def post(*aws: Any) -> list[Any]:
    """The helper of the blog post that this project began with."""
    async with asyncio.TaskGroup() as tg:
        tasks = [tg.create_task(aw) for aw in aws]
    return [task.result() for task in tasks]


async def tg(*aws: Awaitable[Any]) -> list[Any]:
    """`gather_tg` as it is: a few awaitables."""
    return await gather_tg(*aws)


async def tg_many(*aws: Awaitable[Any]) -> list[Any]:
    """`gather_tg` of many: others beside the awaitables of the test, so that the engine's workers run them."""
    return (await gather_tg(*aws, *others(6)))[: len(aws)]


async def tg_first(*aws: Awaitable[Any]) -> list[Any]:
    """`gather_tg` under `first`: errors come bare, as from `asyncio.gather`."""
    return await gather_tg(*aws, on_error="first")


async def mapped(*aws: Awaitable[Any]) -> list[Any]:
    """`map_tg` over the awaitables. Those that a map has not reached are its caller's."""
    try:
        return await map_tg(lambda aw: aw, aws, limit=None)
    finally:
        for aw in aws:
            if inspect.iscoroutine(aw) and inspect.getcoroutinestate(aw) == inspect.CORO_CREATED:
                aw.close()


THEIRS = (asyncio.gather, post)
OURS = (tg, tg_many, tg_first, mapped)

GATHERS = pytest.mark.parametrize("gather", [*THEIRS, *OURS], ids=lambda gather: gather.__name__)
#: Errors come bare out of these, and in a group out of the others.
BARE = (asyncio.gather, tg_first)


async def failure(gather: Any, *aws: Any) -> BaseException:
    """What a call raises, which is a group where a group is due."""
    with pytest.raises(BaseException) as caught:  # which one is what the tests ask
        await gather(*aws)
    if gather not in BARE:
        assert isinstance(caught.value, BaseExceptionGroup)
    return caught.value


async def settled() -> None:
    """Ends what somebody has left running."""
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    for task in left:
        await end_of(task)
