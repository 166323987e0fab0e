"""How the tasks of a loop are held, and seen to end: what is replaced on the loop, and nowhere else.

**Holding costs a dictionary entry and one callback a task.** The loop's own `create_task` is replaced on the instance, not
the task factory: whatever factory there is, or is set later (eager, uvloop's, a tracer's), is called as if nobody were here,
`get_task_factory` tells the truth, and the task keeps its name on 3.13.0, which renames what comes out of a factory to
"None". All that is noted of where a task was made is a code object and an offset. One function is the done callback
of all tasks; it is the first of each, so those who wait for a task see it only after the guard let go of it.

**When is a failure unseen?** The task itself remembers whether its exception was retrieved. When it ends its waiters are called
in the same turn of the loop; in the next one the guard looks, lets go of the task, and if nobody else holds it, then it is
gone at that very moment: asyncio says so to `loop.call_exception_handler`, which the guard has replaced on the instance, too
(so that it does not matter which exception handler a program sets). See `failures.py`. What `gather` hides is in `gathers.py`.

Not done: a Task subclass or a wrapper around each coroutine (both change what a program sees of its tasks), a sweep over all
tasks instead of callbacks (it keeps results alive, and comes late).
"""

from __future__ import annotations

import asyncio
import sys
from asyncio import Future
from collections.abc import Callable, Coroutine
from types import FrameType
from typing import TYPE_CHECKING, Any, Final

from corral.guard.patches import Patches
from corral.guard.places import INTERNAL, name_of, outside
from corral.guard.private import CREATE_TASK, exception_of, frame_at, is_unread
from corral.guard.scope import logger

if TYPE_CHECKING:
    from corral.guard.watch import Watch

_ABSENT: Final = object()
Ended = Callable[[Future[Any]], None]


def begin(watch: Watch, patches: Patches) -> None:
    """Holds what runs already, and from now on all that is made."""
    patches.set(watch.loop, "create_task", _create_task(watch))
    patches.set(watch.loop, "call_exception_handler", _call_exception_handler(watch))
    for task in asyncio.all_tasks(watch.loop):
        watch.held[task] = None
        task.add_done_callback(watch.ended)


def ended(watch: Watch) -> Ended:
    """The done callback of every task of a loop."""
    let_go, failed = watch.held.pop, watch.failures.ended

    def guard_ended(task: Any) -> None:
        made = let_go(task, None)
        try:
            if task._log_traceback:
                failed(task, made)
        except AttributeError:  # somebody's own kind of future
            return

    return guard_ended


def _create_task(watch: Watch) -> Callable[..., Future[Any]]:
    create: Callable[..., Future[Any]] = watch.loop.create_task
    held, ended, loop = watch.held, watch.ended, watch.loop

    def create_task(coro: Coroutine[Any, Any, Any], *, name: Any = _ABSENT, context: Any = None, **more: Any) -> Any:
        if context is None and not more and (name is None or name is _ABSENT):
            task = create(coro)
        else:
            task = create(coro, **_given(more, name, context))
        frame = _caller()
        if not watch.live or task.done():  # done: it was started eagerly
            return _begun(watch, task, coro, frame)
        code = frame.f_code
        held[task] = outside(frame, loop) if code.co_filename in INTERNAL else (code, frame.f_lasti)
        task.add_done_callback(ended)
        return task

    return create_task


def _caller() -> FrameType:
    """Who called the replaced `create_task`; the next one if that was `asyncio.create_task`."""
    try:
        frame = frame_at(2)
    except ValueError:  # pragma: no cover - called from C by nobody in Python: in a thread that nothing traces
        return frame_at(1)
    return frame.f_back or frame if frame.f_code is CREATE_TASK else frame


def _begun(watch: Watch, task: Any, coro: object, frame: FrameType) -> Any:
    """A task that was done when it was made needs no holding; only its failure is of interest."""
    if watch.live and is_unread(task):
        watch.failures.ended(task, outside(frame, watch.loop), name_of(coro))
        watch.loop.call_soon(_let_go, exception_of(task))
    return task


def _let_go(error: BaseException | None) -> None:
    """What fails while it is made keeps itself alive: its traceback leads back to the frames that made it, which had it in a local.

    Those of asyncio and ours are done with it; those of somebody's task factory, which may be between them, are left alone.
    """
    frame = error.__traceback__.tb_frame.f_back if error is not None and error.__traceback__ is not None else None
    ours = False
    while frame is not None:
        file = frame.f_code.co_filename
        ours = ours or file == __file__
        if file == __file__ or file in INTERNAL:
            try:
                frame.clear()
            except RuntimeError:  # still running
                return
        elif ours:
            return
        frame = frame.f_back


def _given(more: dict[str, Any], name: Any, context: Any) -> dict[str, Any]:
    if name is not _ABSENT:
        more["name"] = name
    if context is not None:
        more["context"] = context
    return more


def _call_exception_handler(watch: Watch) -> Callable[[dict[str, Any]], None]:
    handle, finalizing = watch.loop.call_exception_handler, sys.is_finalizing

    def call_exception_handler(context: dict[str, Any]) -> None:
        if watch.live and not finalizing():
            try:
                watch.failures.told(context)
            except Exception:
                logger.exception("corral.guard failed on %r", context)
        handle(context)

    return call_exception_handler
