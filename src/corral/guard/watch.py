"""What the guard does to one event loop: it holds the loop's tasks, and sees them end.

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
import os
import sys
import threading
from asyncio import AbstractEventLoop, Future
from collections.abc import Callable, Coroutine, Iterator
from types import FrameType
from typing import Any, Final, final
from weakref import WeakSet

from corral.guard import gathers
from corral.guard.catalogue import CODE_OF, Kind
from corral.guard.failures import Failures
from corral.guard.patches import Patches
from corral.guard.places import INTERNAL, Made, described, name_of, outside, place, waits_on
from corral.guard.private import CREATE_TASK, frame_at, is_task, is_unread, running_loop
from corral.guard.report import Report
from corral.guard.scope import Scope, logger
from corral.guard.siblings import Siblings
from corral.guard.threads import Threads

_LEAST_TURNS: Final = 10
_ABSENT: Final = object()

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
        self.reported: WeakSet[Future[Any]] = WeakSet()
        self.live = True
        self.failures = Failures(self)
        self.siblings = Siblings(self)
        self.threads = Threads(self)
        self.timer: asyncio.TimerHandle | None = None
        self._patches = Patches()
        self.pid = os.getpid()
        self.thread = threading.get_ident()

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
        self._patches.set(self.loop, "create_task", self._create_task())
        self._patches.set(self.loop, "call_exception_handler", self._call_exception_handler())
        self.threads.begin(self._patches)
        gathers.begin()
        watches.add(self)
        for task in asyncio.all_tasks(self.loop):
            self.held[task] = None
            task.add_done_callback(self.ended)

    def end(self) -> None:
        """Puts the loop back as it was found."""
        if self.live:
            self.live = False
            if self.timer is not None:
                self.timer.cancel()
            self._patches.undo()
            gathers.end()
            watches.discard(self)

    def _create_task(self) -> Callable[..., Future[Any]]:
        create: Callable[..., Future[Any]] = self.loop.create_task
        held, ended, loop, watch = self.held, self._ended(), self.loop, self
        self.ended = ended

        def create_task(
            coro: Coroutine[Any, Any, Any], *, name: Any = _ABSENT, context: Any = None, **more: Any
        ) -> Any:
            # asyncio's own callers say `name=None` from 3.12 on: then the frame that matters is one further up.
            if context is None and not more and (name is None or name is _ABSENT):
                task = create(coro)
            else:
                task = create(coro, **_given(more, name, context))
            if not watch.live or task.done():  # done: it was started eagerly
                return watch.begun(task, frame_at(1))
            try:
                frame = frame_at(2 if name is None else 1)
            except ValueError:  # called from C, by nobody in Python
                frame = frame_at(0)
            if frame.f_code is CREATE_TASK:  # up to 3.11 it does not say `name=None`
                frame = frame.f_back or frame
            code = frame.f_code
            held[task] = outside(frame, loop) if code.co_filename in INTERNAL else (code, frame.f_lasti)
            task.add_done_callback(ended)
            return task

        return create_task

    def begun(self, task: Any, frame: FrameType) -> Any:
        """A task that was done when it was made needs no holding; only its failure is of interest."""
        if self.live and is_unread(task):
            self.failures.ended(task, outside(frame, self.loop))
        return task

    def _ended(self) -> Callable[[Future[Any]], None]:
        let_go, failed = self.held.pop, self.failures.ended

        def guard_ended(task: Any) -> None:
            made = let_go(task, None)
            try:
                if task._log_traceback:
                    failed(task, made)
            except AttributeError:  # somebody's own kind of future
                return

        return guard_ended

    def _call_exception_handler(self) -> Callable[[dict[str, Any]], None]:
        handle, watch, finalizing = self.loop.call_exception_handler, self, sys.is_finalizing

        def call_exception_handler(context: dict[str, Any]) -> None:
            if watch.live and not finalizing():
                try:
                    watch.failures.told(context)
                except Exception:
                    logger.exception("corral.guard failed on %r", context)
            handle(context)

        return call_exception_handler

    def when_closed(self, closing: Callable[[Watch], None]) -> None:
        """Has it told when somebody closes the loop, before it is."""
        close, watch = self.loop.close, self

        def guarded_close() -> None:
            if watch.live and not watch.loop.is_running():
                closing(watch)
            close()

        self._patches.set(self.loop, "close", guarded_close)

    def before(self, scope: Scope) -> WeakSet[Future[Any]]:
        """What was running when a scope was opened."""
        nothing: WeakSet[Future[Any]] = WeakSet()
        return next((tasks for opened, tasks in self.scopes if opened is scope), nothing)

    def scope(self) -> Scope | None:
        """The innermost one."""
        return self.scopes[-1][0] if self.scopes else None

    def made(self, task: Future[Any]) -> Made:
        """Where a task was made, if that is still known."""
        return self.held.get(task) or self.failures.made(task)

    def report(self, kind: Kind, task: Future[Any] | None, what: str, made: Made, **more: Any) -> None:
        """Hands a report to the innermost scope, and cancels the task if that says so."""
        scope = self.scope()
        if scope is None or not self.live or self.pid != os.getpid():
            return
        coro = task.get_coro() if is_task(task) else None
        report = Report(
            kind=kind,
            code=more.pop("code", CODE_OF[kind]),
            what=what,
            task=task.get_name() if is_task(task) else None,
            coroutine=name_of(coro),
            made_at=place(made, coro),
            **more,
        )
        if task is not None:
            self.reported.add(task)
        if scope.deliver(report) and task is not None:
            leaving.add(task)
            task.add_done_callback(leaving.discard)
            task.cancel()

    def running(self, before: WeakSet[Future[Any]]) -> Iterator[Future[Any]]:
        """The tasks made since, that run on and that nobody has cancelled, told about or not."""
        current = asyncio.current_task(self.loop)
        for task in dict.fromkeys([*self.held, *asyncio.all_tasks(self.loop)]):
            asked = is_task(task) and task.cancelling()
            if not task.done() and not asked and task is not current and task not in before:
                yield task

    def unsettled(self, before: WeakSet[Future[Any]]) -> bool:
        """Whether a few more turns of the loop may change what there is to tell."""
        cancelled = (task for task in self.held if not task.done() and task not in before)
        return bool(self.failures.boxes) or self.siblings.settling or any(cancelled)

    async def settle(self, before: WeakSet[Future[Any]]) -> None:
        """A few turns, in which a task that has been cancelled, or has nothing left to wait for, can end."""
        for _ in range(_LEAST_TURNS):
            if not self.unsettled(before):
                break
            await asyncio.sleep(0)

    def pump(self, before: WeakSet[Future[Any]]) -> None:
        """As `settle`, from outside the loop: in its own thread, and if it is not running."""
        idle = running_loop() is None and not self.loop.is_running() and not self.loop.is_closed()
        if self.live and idle and self.thread == threading.get_ident() and self.unsettled(before):
            self.loop.run_until_complete(self.settle(before))

    def open(self, scope: Scope) -> None:
        """Begins to answer to a scope, for what is made from now on."""
        self.scopes.append((scope, WeakSet(asyncio.all_tasks(self.loop))))

    def close(self, scope: Scope) -> None:
        """Tells what there is to tell when a scope is over, and forgets it; after the last one the loop is as it was found."""
        entry = next((entry for entry in self.scopes if entry[0] is scope), None)
        if entry is None:
            return
        self.scopes.remove(entry)
        self.scopes.append(entry)  # it is the one that is told, even if it was not the innermost
        try:
            if self.live:
                self.conclude(scope.ends, entry[1])
        finally:
            self.scopes.remove(entry)
            if not self.scopes:
                self.end()

    def conclude(self, ends: str, before: WeakSet[Future[Any]]) -> None:
        """Tells what there is to tell of everything made since."""
        self.failures.flush()
        self.siblings.flush()
        for task in list(self.running(before)):
            if task not in self.reported:
                self._report_running(task, ends)
        self.failures.look(None, before)
        self.threads.flush()

    def _report_running(self, task: Future[Any], ends: str) -> None:
        who = described(task)
        if (first := self.siblings.first_failure(task)) is not None:
            what = f"{who} was still running when {ends}, though the gather it was in had failed with {first}"
            self.report("orphaned", task, what, self.made(task), waits_on=waits_on(task))
        elif gathers.unawaited(task):
            what = f"{who} was still running when {ends}, in a gather that nobody has awaited"
            self.report("pending", task, what, self.made(task), waits_on=waits_on(task), code="TG005")
        else:
            self.report(
                "pending", task, f"{who} was still running when {ends}", self.made(task), waits_on=waits_on(task)
            )

    def arm(self) -> None:
        """Looks again when the grace of the innermost scope is over."""
        scope = self.scope()
        if scope is not None and scope.grace is not None and self.timer is None and not self.loop.is_closed():
            self.timer = self.loop.call_later(scope.grace, self._look)

    def _look(self) -> None:
        self.timer = None
        scope = self.scope()
        if self.live and scope is not None and scope.grace is not None:
            self.siblings.look()
            if self.failures.look(scope.grace, WeakSet()):
                self.arm()

    def forked(self) -> None:
        """In a child process nothing of this is ours: the tasks are the parent's, and so are the reports about them."""
        _inherited.append((self, list(self.held)))
        self.end()


def _given(more: dict[str, Any], name: Any, context: Any) -> dict[str, Any]:
    if name is not _ABSENT:
        more["name"] = name
    if context is not None:
        more["context"] = context
    return more


def found(loop: AbstractEventLoop) -> Watch | None:
    """The watch that is on for a loop."""
    watch = getattr(loop, gathers.ATTRIBUTE, None)
    return watch if isinstance(watch, Watch) else None


def _forked() -> None:
    for watch in list(watches):
        watch.forked()


os.register_at_fork(after_in_child=_forked)
