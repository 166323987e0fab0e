"""What `spawn` and `drain` refuse, and the corrected line."""

from __future__ import annotations

import asyncio
import inspect
import threading
from typing import Any

import pytest

from corral import drain, spawn


async def fetch(url: str) -> str:
    return url


@pytest.mark.parametrize(
    ("thing", "text"),
    [
        (42, "spawn: expected a coroutine, got 42 (int)"),
        (fetch, "(function): the function itself.\nInstead, with the call:\n  spawn(fetch(...))"),
    ],
)
async def test_spawn_takes_coroutines(thing: Any, text: str) -> None:
    """Only a coroutine can be spawned; the error shows the call that was forgotten."""
    with pytest.raises(TypeError) as caught:
        spawn(thing)
    assert str(caught.value).endswith(text)


async def test_spawn_of_a_task() -> None:
    """A Task has been started already, and is left alone."""
    task = asyncio.create_task(fetch("url"))
    with pytest.raises(TypeError, match=r"it has been started already\. Give spawn the coroutine itself"):
        spawn(task)
    assert await task == "url"


def test_spawn_without_a_loop() -> None:
    """With no running loop: a `RuntimeError` that says so, and the coroutine is closed."""
    coro = fetch("url")
    with pytest.raises(
        RuntimeError, match=r"^spawn: no event loop runs in this thread, so <coroutine object fetch"
    ) as caught:
        spawn(coro)
    assert "loop.call_soon_threadsafe(lambda: spawn(f()))" in str(caught.value)
    assert inspect.getcoroutinestate(coro) == inspect.CORO_CLOSED


async def test_spawn_from_another_thread() -> None:
    """From a thread that runs no loop it is the same `RuntimeError`, whatever runs elsewhere."""
    coro, errors = fetch("url"), []

    def elsewhere():
        try:
            spawn(coro)
        except RuntimeError as exc:
            errors.append(str(exc))

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    (error,) = errors
    assert error.startswith("spawn: no event loop runs in this thread")
    assert inspect.getcoroutinestate(coro) == inspect.CORO_CLOSED


async def test_drain_timeout() -> None:
    """`drain` refuses what is no number above zero, like every `timeout`."""
    with pytest.raises(ValueError, match=r"^drain: timeout: expected more than 0 seconds, or None; got 0$"):
        await drain(0)
