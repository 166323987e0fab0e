"""What the standard library keeps to itself and the guard reads, in one place: a test says on each Python that it is there."""

from __future__ import annotations

import asyncio
import sys
from asyncio import AbstractEventLoop, Future, Task, events, runners, tasks
from collections.abc import Callable
from contextlib import suppress
from types import CodeType, FrameType
from typing import TYPE_CHECKING, Any, Final, TypeGuard, cast

_sys: Any = sys
_asyncio: Any = asyncio
_tasks: Any = tasks
_events: Any = events

frame_at: Final[Callable[[int], FrameType]] = _sys._getframe
running_loop: Final[Callable[[], AbstractEventLoop | None]] = _asyncio._get_running_loop


if TYPE_CHECKING:

    class GatheringFuture(Future[Any]):
        """What `gather` returns."""

        def __init__(self, children: list[Future[Any]], *, loop: AbstractEventLoop) -> None: ...

else:
    GatheringFuture = _tasks._GatheringFuture


def _inner(function: Any, name: str) -> CodeType:
    """The code of a function defined in another."""
    consts = function.__code__.co_consts
    return next(const for const in consts if isinstance(const, CodeType) and const.co_name == name)


#: The callback that `gather` adds to each of its children.
GATHER_CALLBACK: Final = _inner(tasks.gather, "_done_callback")
#: The function in `run_coroutine_threadsafe` that makes the task, in the loop's own thread.
THREADSAFE_CALLBACK: Final = _inner(tasks.run_coroutine_threadsafe, "callback")
CREATE_TASK: Final = asyncio.create_task.__code__
WAIT: Final[CodeType] = _tasks._wait.__code__
STEP: Final[CodeType] = _events.Handle._run.__code__
RUN: Final = runners.Runner.run.__code__


def is_task(future: object) -> TypeGuard[Task[Any]]:
    """Not some other future."""
    return isinstance(future, Task)


def coro_of(task: Any) -> Any:
    """What a task runs; None for what has finished eagerly. Its `get_coro()` crashes the interpreter then, on 3.12.1."""
    return getattr(task, "_coro", None)


def exception_of(future: Any) -> Exception | None:
    """What a future failed with, without marking it as retrieved; None for what is cancelled, and for `SystemExit` and the like."""
    error = None if future.cancelled() else getattr(future, "_exception", None)
    return error if isinstance(error, Exception) else None


def is_unread(future: Any) -> bool:
    """Whether it failed, and nobody has asked it how."""
    return bool(getattr(future, "_log_traceback", False))


def tell_no_more(future: Any) -> None:
    """Notes on the task itself that it has been told of.

    The task outlives the watch that told, and is asked once more when the collector takes it, when no weak reference knows it.
    """
    with suppress(AttributeError):  # somebody's own kind of future, which takes no attributes
        future._corral_told = True


def is_told(future: object) -> bool:
    """Whether this, or an earlier watch over the same loop, has told of it."""
    return hasattr(future, "_corral_told")


def children_of(future: Any) -> list[Future[Any]] | None:
    """Those of a gather; None for any other future."""
    children: Any = getattr(future, "_children", None)
    return cast(list[Future[Any]], children) if isinstance(children, list) else None


def callbacks_of(future: Any) -> list[Any]:
    """Those who are called when it is done."""
    return [callback for callback, _ in getattr(future, "_callbacks", None) or ()]


def awaited_by(task: Any) -> Any:
    """The future that a task is suspended on."""
    return getattr(task, "_fut_waiter", None)


def made_by_gather(future: Any) -> bool:
    """Whether `gather` made the task, out of a coroutine: nobody else has it. `gather` marks them, so nobody is told of their death."""
    return is_task(future) and not getattr(future, "_log_destroy_pending", True)
