"""Failures that nobody has seen: noticed when the task ends, told when nobody can see them any more."""

from __future__ import annotations

import asyncio
from asyncio import Future
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, final
from weakref import WeakSet, ref

from corral.guard.places import Made, Threadsafe, name_of
from corral.guard.private import (
    children_of,
    coro_of,
    exception_of,
    is_task,
    is_told,
    is_unread,
)
from corral.guard.report import shown

if TYPE_CHECKING:
    from corral.guard.watch import Watch

_NEVER: Final = "exception was never retrieved"
_DESTROYED: Final = "Task was destroyed but it is pending"
_PURGE: Final = 64

# The only strong reference to a task that ended and is to be looked at, with where it was made; emptied by who looks.
Box = list[Any]


@final
@dataclass(slots=True)
class Unread:
    """A failed task that somebody holds, who has not looked at its exception so far."""

    task: ref[Future[Any]]
    made: Made
    coroutine: str | None
    since: float


@final
class Failures:
    """The failed tasks of one loop."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self.boxes: dict[int, Box] = {}
        # By id and not weakly by key: in a collected cycle the weak references die before asyncio tells of the task.
        self._unread: dict[int, Unread] = {}
        self._purge_at = _PURGE

    def ended(self, task: Future[Any], made: Made, coroutine: str | None = None) -> None:
        """The first callback of a task that failed: its waiters are called next, in this same turn of the loop.

        What has finished eagerly does not know its coroutine any more, so that comes along.
        """
        if isinstance(made, Threadsafe) and self._watch.threads.handed_over(task, made):
            return
        box: Box = [task, made, coroutine]
        self.boxes[id(task)] = box
        self._watch.loop.call_soon(self.judge, id(task), box)

    def judge(self, key: int, box: Box) -> None:
        """One turn later: whoever waited has it. If nobody has, and nobody can, then letting go of the task tells asyncio."""
        if not box:
            return
        self.boxes.pop(key, None)
        task, made, coroutine = box
        box.clear()
        if not is_unread(task) or exception_of(task) is None:
            return
        kept = Unread(ref(task), made, coroutine, self._watch.loop.time())
        self._unread[key] = kept
        del task
        if (held := kept.task()) is not None:
            self._purge()
            self._look_at(held, kept)

    def flush(self) -> None:
        """Looks at once at what waits for the next turn."""
        for key, box in list(self.boxes.items()):
            self.judge(key, box)

    def made(self, task: Future[Any]) -> Made:
        """Where a task that failed was made."""
        box = self.boxes.get(id(task))
        if box:
            made: Made = box[1]
            return made
        kept = self._unread.get(id(task))
        if kept is None or kept.task() is not task:  # it is of one that had this id before
            return None
        return kept.made

    def known(self) -> list[Future[Any]]:
        """What has failed so far, and is held by somebody who has not looked."""
        kept = [box[0] for box in self.boxes.values()]
        return [*kept, *(task for task, _ in self._unseen())]

    def look(self) -> None:
        """Tells of every task that nobody has looked at while its grace lasted."""
        for task, kept in self._unseen():
            self._look_at(task, kept)

    def conclude(self, before: WeakSet[Future[Any]]) -> None:
        """Tells of every task made since that nobody has looked at."""
        for task, kept in self._unseen():
            if task not in before:
                self._tell(task, kept, "failed; somebody holds it, and by now nobody has looked")

    def _unseen(self) -> Iterator[tuple[Future[Any], Unread]]:
        for kept in list(self._unread.values()):
            task = kept.task()
            if task is not None and is_unread(task) and not is_told(task):
                yield task, kept

    def _look_at(self, task: Future[Any], kept: Unread) -> None:
        if self._watch.due(task, kept.since):
            age = self._watch.loop.time() - kept.since
            self._tell(task, kept, f"failed; somebody holds it, and {age:.1f} s later nobody has looked")

    def told(self, context: dict[str, Any]) -> None:
        """What asyncio tells the loop's exception handler."""
        message = str(context.get("message"))
        if message.startswith(_DESTROYED):
            task = context.get("task")
            if is_task(task) and not is_told(task):
                what = (
                    f"task {task.get_name()!r} was taken by the collector while it was running: it bypassed the guard"
                )
                self._watch.report("lost", task, what, self._watch.made(task))
            return
        future = context.get("future")
        if message.endswith(_NEVER) and asyncio.isfuture(future):
            kept = self._unread.pop(id(future), None)
            if not is_told(future):
                self._dropped(future, kept)

    def _dropped(self, future: Future[Any], kept: Unread | None) -> None:
        """Nobody holds it any more."""
        if is_task(future):
            self._tell(future, kept, "failed, and nobody can see it any more")
        elif (children := children_of(future)) is not None:
            error = exception_of(future)
            if error is not None:  # else its children were cancelled, and told about if need be
                what = f"a gather of {len(children)} failed, and nobody has awaited it"
                self._watch.report("unawaited", future, what, getattr(future, "made", None), exception=error)
        else:
            self._watch.threads.died(future)

    def _tell(self, task: Any, kept: Unread | None, what: str) -> None:
        error = exception_of(task)
        made, coroutine = (kept.made, kept.coroutine) if kept is not None else (None, None)
        who = f"task {task.get_name()!r} ({name_of(coro_of(task)) or coroutine or 'of an unknown coroutine'})"
        what = f"{who} {what}: {shown(error)}"
        self._watch.report("failed", task, what, made, coroutine=coroutine, exception=error)

    def _purge(self) -> None:
        """Forgets tasks that were seen after all, whenever the number of those that are kept has doubled."""
        if len(self._unread) >= self._purge_at:
            for key, kept in list(self._unread.items()):  # a copy: a task may die in another thread meanwhile
                if not is_unread(kept.task()):
                    self._unread.pop(key, None)
            self._purge_at = max(_PURGE, 2 * len(self._unread))
