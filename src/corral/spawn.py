"""`spawn` and `drain`: fire and forget, without the forgetting."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Coroutine
from functools import partial
from types import FrameType
from typing import Any

from corral._arguments import check_timeout, close
from corral._failures import show

# What has been spawned and has not ended. The loop itself holds its tasks only weakly (gh-91887).
_spawned: set[asyncio.Task[object]] = set()


def spawn(coro: Coroutine[Any, Any, object], /, *, name: str | None = None) -> None:
    """Starts a coroutine that nobody waits for, and keeps it until it ends.

    **The promise of the other verbs does not cover it**: it runs on after `spawn` has returned. Use it only for what may do so,
    and `await drain()` before the program ends.

    It equals the pattern of the asyncio docs, `task = asyncio.create_task(coro); background.add(task);
    task.add_done_callback(background.discard)`, and a callback that reports a failure. It may be called from a plain `def`.

    Args:
        coro: The coroutine to run, in a copy of the current context.
        name: The name of its Task.

    Fails: A failure goes to the loop's exception handler when it happens, with the file and line of this call. Not a coroutine:
    `TypeError`. No running loop in this thread: `RuntimeError`, and the coroutine is closed.

    Cancellation: Nobody's cancellation reaches it but that of its own Task and the end of `asyncio.run`.

    Cost: A Task and an entry in a set.

    After the note on references at `asyncio.create_task`; gh-91887.
    """
    if not asyncio.iscoroutine(coro):
        raise TypeError(_not_a_coroutine(coro))
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        close(coro)
        raise RuntimeError(
            f"spawn: no event loop runs in this thread, so {show(coro)} cannot start; it has been closed.\n"
            "Call spawn from code that the loop runs, or from another thread:\n"
            "  loop.call_soon_threadsafe(lambda: spawn(f()))"
        ) from None
    place = _place(inspect.currentframe())
    try:
        task = loop.create_task(coro)
    except BaseException:
        close(coro)
        raise
    if name is not None:
        task.set_name(name)  # not given to create_task: task factories of two arguments would break
    _spawned.add(task)
    task.add_done_callback(partial(_ended, place))


def _place(frame: FrameType | None) -> str:
    caller = frame and frame.f_back
    return f"{caller.f_code.co_filename}:{caller.f_lineno}" if caller else "an unknown place"


def _ended(place: str, task: asyncio.Task[object]) -> None:
    _spawned.discard(task)
    if task.cancelled():
        return
    error = task.exception()
    # The other two have left through the loop already.
    if error is not None and not isinstance(error, KeyboardInterrupt | SystemExit):
        task.get_loop().call_exception_handler(
            {"message": f"spawn: {task.get_name()}, spawned at {place}, failed", "exception": error, "task": task}
        )


def _not_a_coroutine(thing: object) -> str:
    text = f"spawn: expected a coroutine, got {show(thing)} ({type(thing).__name__})"
    if inspect.iscoroutinefunction(thing):
        return f"{text}: the function itself.\nInstead, with the call:\n  spawn({getattr(thing, '__name__', 'f')}(...))"
    if asyncio.isfuture(thing):
        return f"{text}: it has been started already. Give spawn the coroutine itself."
    return text


async def drain(timeout: float | None = None) -> None:
    """Waits for all that `spawn` has started on this loop, and for what those spawn meanwhile.

    It equals `await asyncio.wait(spawned)`, repeated until there is nothing left.

    Args:
        timeout: Seconds to wait at most; None for ever.

    Fails: `TimeoutError` when the time is over. Failures of the spawned are not raised: they have been reported.

    Cancellation: Stops the waiting; it cancels nothing.

    Cost: A look at every spawned task. Called from a spawned task, it does not wait for that one; two that drain at
    the same time wait for each other.
    """
    check_timeout("drain", timeout)
    loop, myself = asyncio.get_running_loop(), asyncio.current_task()
    async with asyncio.timeout(timeout):
        while pending := [task for task in _spawned if task is not myself and task.get_loop() is loop]:
            await asyncio.wait(pending)
