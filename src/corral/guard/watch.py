"""The watch over one event loop: its tasks that are held, what is known of them, and the scopes that answer for them."""

from __future__ import annotations

import asyncio
import os
import threading
from asyncio import AbstractEventLoop, Future
from collections.abc import Callable
from typing import Any, final
from weakref import WeakSet

from corral.guard import gathers, hold
from corral.guard.catalogue import CODE_OF, Kind
from corral.guard.ending import conclude
from corral.guard.failures import Failures
from corral.guard.patches import Patches, shared
from corral.guard.places import Made, name_of, place
from corral.guard.private import coro_of, is_task, tell_no_more
from corral.guard.report import Report
from corral.guard.scope import Scope
from corral.guard.siblings import Siblings
from corral.guard.threads import Threads

#: Every watch that is on, for forks and for the end of the interpreter.
watches: WeakSet[Watch] = WeakSet()
#: What was cancelled by a guard that could not wait for it.
leaving: set[Future[Any]] = set()
# What a fork took over from its parent. Letting go of it would run the parent's `finally` blocks in the child.
_inherited: list[object] = []


@final
class Watch:
    """One loop that is guarded, by one scope or several, the innermost last."""

    def __init__(self, loop: AbstractEventLoop) -> None:
        self.loop = loop
        self.held: dict[Future[Any], Made] = {}
        self.scopes: list[tuple[Scope, WeakSet[Future[Any]]]] = []
        self.live: bool = True
        self.failures: Failures = Failures(self)
        self.siblings: Siblings = Siblings(self)
        self.threads: Threads = Threads(self)
        self.ended: hold.Ended = hold.ended(self)
        self.timer: asyncio.TimerHandle | None = None
        self._patches = Patches()
        self.thread: int = threading.get_ident()

    @classmethod
    def of(cls, loop: AbstractEventLoop) -> Watch:
        """The loop's watch, begun if there is none.

        Fails: `RuntimeError` for a closed loop, `TypeError` for one that takes no attributes.
        """
        watch = found(loop)
        if watch is None:
            if loop.is_closed():
                raise RuntimeError(f"corral.guard: {loop!r} is closed: guard a loop before it is")
            watch = cls(loop)
            watch.begin()
        return watch

    def begin(self) -> None:
        """Replaces what has to be replaced, on this loop alone, and holds what runs already."""
        try:
            self._patches.set(self.loop, gathers.ATTRIBUTE, self)
        except (AttributeError, TypeError) as error:
            kind = type(self.loop).__qualname__
            raise TypeError(
                f"corral.guard: a loop of the class {kind} cannot be guarded: it takes no attributes"
            ) from error
        hold.begin(self, self._patches)
        self.threads.begin(self._patches)
        gathers.replaced.begin()
        with shared:
            watches.add(self)

    def end(self) -> None:
        """Puts the loop back as it was found."""
        if self.live:
            self.live = False
            if self.timer is not None:
                self.timer.cancel()
            self._patches.undo()
            gathers.replaced.end()
            with shared:
                watches.discard(self)

    def when_closed(self, closing: Callable[[Watch], None]) -> None:
        """Has it told when somebody closes the loop, before it is."""
        close, watch = self.loop.close, self

        def guarded_close() -> None:
            if watch.live and not watch.loop.is_running():
                closing(watch)
            close()

        self._patches.set(self.loop, "close", guarded_close)

    def before(self, scope: Scope) -> WeakSet[Future[Any]]:
        """What was there when a scope was opened: it ran, or had failed."""
        nothing: WeakSet[Future[Any]] = WeakSet()
        return next((tasks for opened, tasks in self.scopes if opened is scope), nothing)

    def answers_to(self, scope: Scope) -> bool:
        """Whether the scope is one of those."""
        return any(opened is scope for opened, _ in self.scopes)

    def scope(self) -> Scope | None:
        """The innermost one."""
        return self.scopes[-1][0] if self.scopes else None

    def scope_of(self, task: Future[Any] | None) -> Scope | None:
        """The innermost one that the task was made in; the outermost for one that is older than all of them."""
        if task is None or not self.scopes:
            return self.scope()
        made_in = (scope for scope, before in reversed(self.scopes) if task not in before)
        return next(made_in, self.scopes[0][0])

    def made(self, task: Future[Any]) -> Made:
        """Where a task was made, if that is still known."""
        return self.held.get(task) or self.failures.made(task)

    def report(
        self, kind: Kind, task: Future[Any] | None, what: str, made: Made, *, coroutine: str | None = None, **more: Any
    ) -> None:
        """Hands a report to the scope that answers for the task, and cancels the task if that says so."""
        scope = self.scope_of(task)
        if scope is None or not self.live:
            return
        coro = coro_of(task)
        report = Report(
            kind=kind,
            code=more.pop("code", CODE_OF[kind]),
            what=what,
            task=task.get_name() if is_task(task) else None,
            coroutine=name_of(coro) or coroutine,
            made_at=place(made, coro),
            **more,
        )
        if task is not None:
            tell_no_more(task)
        if scope.deliver(report) and task is not None:
            leaving.add(task)
            task.add_done_callback(leaving.discard)
            task.cancel()

    def open(self, scope: Scope) -> None:
        """Begins to answer to a scope, for what is made from now on."""
        self.scopes.append((scope, WeakSet([*asyncio.all_tasks(self.loop), *self.failures.known()])))

    def close(self, scope: Scope) -> None:
        """Tells what there is to tell when a scope is over, and forgets it; after the last one the loop is as it was found."""
        entry = next((entry for entry in self.scopes if entry[0] is scope), None)
        if entry is None:
            return
        self.scopes.remove(entry)
        self.scopes.append(entry)  # it is the one that is told, even if it was not the innermost
        try:
            if self.live:
                conclude(self, scope.ends, entry[1])
        finally:
            self.scopes.remove(entry)
            if not self.scopes:
                self.end()

    def due(self, task: Future[Any], since: float) -> bool:
        """Whether the grace of the task's scope is over; if that is still to come, it is looked at again then."""
        scope = self.scope_of(task)
        if scope is None or scope.grace is None or self.loop.is_closed():
            return False
        end = since + scope.grace
        if end > self.loop.time():
            self._arm(end)
            return False
        return True

    def _arm(self, time: float) -> None:
        if self.timer is not None:
            if self.timer.when() <= time:
                return
            self.timer.cancel()
        self.timer = self.loop.call_at(time, self._look)

    def _look(self) -> None:
        self.timer = None
        self.siblings.look()
        self.failures.look()

    def forked(self) -> None:
        """In a child process nothing of this is ours: the tasks are the parent's, and so are the reports about them."""
        _inherited.append((self, list(self.held)))
        self.end()


def found(loop: AbstractEventLoop) -> Watch | None:
    """The watch that is on for a loop."""
    watch = getattr(loop, gathers.ATTRIBUTE, None)
    return watch if isinstance(watch, Watch) else None


def _forked() -> None:
    for watch in list(watches):  # the other threads, and what they were doing, are gone
        watch.forked()


os.register_at_fork(after_in_child=_forked)
