"""The watch over the async tests of the matrix rooms can fail."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from tests.watch import watched


async def leaves_a_task() -> None:
    asyncio.get_running_loop().create_task(asyncio.sleep(3600))


async def cancels_without_waiting() -> None:
    task = asyncio.get_running_loop().create_task(asyncio.sleep(3600))
    await asyncio.sleep(0)
    task.cancel()


async def drops_an_async_generator() -> None:
    async def slow_to_close() -> AsyncIterator[int]:
        try:
            yield 1
        finally:
            await asyncio.sleep(0)

    await anext(slow_to_close())


async def fails_unseen() -> None:
    asyncio.get_running_loop().create_future().set_exception(ValueError("unseen"))


async def is_well_behaved() -> None:
    await asyncio.create_task(asyncio.sleep(0))


@pytest.mark.parametrize(
    ("test", "complaint"),
    [
        (leaves_a_task, "was still running when the test ended: .*sleep"),
        (cancels_without_waiting, "was still running when the test ended: .*sleep"),
        (drops_an_async_generator, "closes an async generator that was dropped without `aclose"),
        (fails_unseen, "reported to the loop's exception handler: .*never retrieved.*unseen"),
    ],
)
def test_it_sees_what_is_left(test: Callable[[], Awaitable[None]], complaint: str) -> None:
    """A test that leaves a task, a dropped async generator or an error that nobody has seen fails, and is told which."""
    with pytest.raises(AssertionError, match=complaint):
        asyncio.run(watched(test)())


def test_it_lets_others_pass() -> None:
    """A test that leaves nothing passes, watched once and not twice."""
    once = watched(is_well_behaved)
    assert watched(once) is once
    asyncio.run(once())
