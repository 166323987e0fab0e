"""The watch around an async test of the matrix rooms: what may be left when the test function is over. See `tests/conftest.py`."""

from __future__ import annotations

import asyncio
import functools
import gc
from collections.abc import Awaitable, Callable
from typing import Any


def watched(test: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    """The test, which fails where a task is left, or where something reached the loop's exception handler."""
    if hasattr(test, "watched"):  # parametrized tests share one function
        return test

    @functools.wraps(test)
    async def under_watch(*args: Any, **kwargs: Any) -> None:
        loop = asyncio.get_running_loop()
        reports: list[dict[str, Any]] = []

        def report(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
            reports.append(context)

        loop.set_exception_handler(report)
        before = asyncio.all_tasks()
        await test(*args, **kwargs)
        # Before anything else steps: a task that was cancelled but not awaited is still there now, and gone one turn later.
        _no_task_but(before, "was still running when the test ended")
        loop.set_exception_handler(report)
        gc.collect()
        await asyncio.sleep(0)  # the hook that closes a dropped async generator needs one turn to make its task
        _no_task_but(before, "closes an async generator that was dropped without `aclose()`")
        assert not reports, f"reported to the loop's exception handler: {reports}"

    under_watch.watched = True  # type: ignore[attr-defined]  # a mark on a function
    return under_watch


def _no_task_but(before: set[asyncio.Task[Any]], complaint: str) -> None:
    left = asyncio.all_tasks() - before
    assert not left, f"{complaint}: {left}"
