"""The end of a scope: what still runs is given a few turns if it is about to end, and told about if it is not."""

from __future__ import annotations

import asyncio
import threading
from asyncio import Future
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakSet

from corral.guard import gathers
from corral.guard.places import described, waits_on
from corral.guard.private import is_task, is_told, running_loop

if TYPE_CHECKING:
    from corral.guard.watch import Watch

_LEAST_TURNS: Final = 10
Tasks = WeakSet[Future[Any]]


def running(watch: Watch, before: Tasks) -> Iterator[Future[Any]]:
    """The tasks made since, that run on and that nobody has cancelled, told about or not."""
    current = asyncio.current_task(watch.loop)
    for task in dict.fromkeys([*watch.held, *asyncio.all_tasks(watch.loop)]):
        asked = is_task(task) and task.cancelling()
        if not task.done() and not asked and task is not current and task not in before:
            yield task


def _unsettled(watch: Watch, before: Tasks) -> bool:
    """Whether a few more turns of the loop may change what there is to tell."""
    held = any(task not in before for task in watch.held)  # running, or done and its callbacks are due
    return bool(watch.failures.boxes) or watch.siblings.settling or held


async def settle(watch: Watch, before: Tasks) -> None:
    """A few turns, in which a task that has been cancelled, or has nothing left to wait for, can end."""
    for _ in range(_LEAST_TURNS):
        if not _unsettled(watch, before):
            break
        await asyncio.sleep(0)


def pump(watch: Watch, before: Tasks) -> None:
    """As `settle`, from outside the loop: in its own thread, and if it is not running."""
    idle = running_loop() is None and not watch.loop.is_running() and not watch.loop.is_closed()
    if watch.live and idle and watch.thread == threading.get_ident() and _unsettled(watch, before):
        watch.loop.run_until_complete(settle(watch, before))


def conclude(watch: Watch, ends: str, before: Tasks) -> None:
    """Tells what there is to tell of everything made since. `ends` completes "was still running when ..."."""
    watch.failures.flush()
    watch.siblings.flush()
    for task in list(running(watch, before)):
        if not is_told(task):
            _tell(watch, task, ends)
    watch.failures.conclude(before)
    watch.threads.flush()


def _tell(watch: Watch, task: Future[Any], ends: str) -> None:
    who, made, waits = described(task), watch.made(task), waits_on(task)
    if (first := watch.siblings.first_failure(task)) is not None:
        what = f"{who} was still running when {ends}, though the gather it was in had failed with {first}"
        watch.report("orphaned", task, what, made, waits_on=waits)
    elif gathers.unawaited(task):
        what = f"{who} was still running when {ends}, in a gather that nobody has awaited"
        watch.report("pending", task, what, made, waits_on=waits, code="TG005")
    else:
        watch.report("pending", task, f"{who} was still running when {ends}", made, waits_on=waits)
