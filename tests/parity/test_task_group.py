"""Where `asyncio.TaskGroup` errs on some version, or by design, we do not, on any version.

Each case runs on the blog post's helper too, which tells on which versions the TaskGroup errs: a fix in CPython shows here.
What only we are asked is in tests/verbs: exits and Ctrl-C in test_exits.py, failures at once in test_eager.py.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import weakref

import pytest

from tests.children import end_of, fails, turns, waits
from tests.parity.gathers import post, settled, tg, tg_many

VERSION = sys.version_info
BEFORE_3_13 = VERSION < (3, 13)
GROUPS = pytest.mark.parametrize("gather", [post, tg, tg_many], ids=lambda gather: gather.__name__)


@GROUPS
@pytest.mark.parametrize("after", range(2, 9))
async def test_cancel_near_a_child_error(gather, after: int) -> None:
    """Whenever an outer cancellation comes, around the moment of a failure: it is never swallowed while the verb runs."""
    inside = True

    async def parent():
        nonlocal inside
        try:
            await gather(fails(ValueError("bad"), 3), waits([], cleanup=2))
        except* ValueError:
            pass
        inside = False
        await turns(50)

    task = asyncio.ensure_future(parent())
    await turns(after)
    was_inside = inside
    task.cancel()
    await end_of(task)
    if gather is not post or not BEFORE_3_13 or not was_inside:
        assert task.cancelled()


@GROUPS
async def test_the_count_of_cancellations(gather) -> None:
    """After a caught failure `cancelling()` is 0: else a later Ctrl-C would arrive as `CancelledError` (gh-116720)."""
    with pytest.raises(ExceptionGroup):
        await gather(fails(ValueError(), 2), waits([]))
    left = asyncio.current_task().cancelling()
    assert left == (1 if gather is post and BEFORE_3_13 else 0)
    while asyncio.current_task().cancelling():
        asyncio.current_task().uncancel()


@GROUPS
async def test_nested_simultaneous_errors(gather) -> None:
    """Two nested verbs that fail in the same iteration: both are heard, and the outer body is cancelled (gh-116720)."""
    heard = []

    async def body():
        try:
            await gather(fails(ValueError("inner"), 3))
        except* ValueError:
            heard.append("inner")
        await turns(20)
        heard.append("body was not cancelled")

    async def parent():
        try:
            await gather(body(), fails(KeyError("outer"), 3))
        except* KeyError:
            heard.append("outer")

    await parent()
    assert heard[-1] == "outer"
    assert "body was not cancelled" not in heard or (gather is post and BEFORE_3_13)


@GROUPS
async def test_closed_from_outside(gather) -> None:
    """When the parent's coroutine is closed, its children are cancelled; a TaskGroup lets them run on (gh-95571)."""
    log: list[str] = []
    task = asyncio.ensure_future(gather(waits(log, 1), waits(log, 2)))
    await turns(4)
    task.get_coro().close()
    await turns(4)
    if gather is post:
        assert log == []
    else:
        assert sorted(log) == ["1 cancelled", "1 gone", "2 cancelled", "2 gone"]
        assert asyncio.all_tasks() == {asyncio.current_task(), task}
    await settled()


class Big:
    """Something that a child's frame holds."""


@pytest.mark.parametrize("after", [0, 1])
@GROUPS
async def test_errors_are_freed_at_once(gather, after: int, loop_kind: str) -> None:
    """A failed verb's exceptions, frames and locals are freed without the cyclic collector (gh-124958, gh-128552)."""
    alive: list[weakref.ref] = []

    async def child():
        big = Big()
        alive.append(weakref.ref(big))
        await turns(after)
        raise ValueError

    async def caught() -> None:
        try:
            await gather(child(), child())
        except* ValueError:
            pass

    if gather is post and loop_kind == "eager":
        return  # errs in other ways first, on 3.12 and 3.13.0
    gc.collect()
    gc.disable()
    try:
        await caught()
        await turns(2)
        freed = all(ref() is None for ref in alive)
    finally:
        gc.enable()
    while asyncio.current_task().cancelling():
        asyncio.current_task().uncancel()
    if gather is not post:
        assert freed
    elif VERSION < (3, 12):
        assert not freed  # and never will on 3.11, which gets security fixes only
