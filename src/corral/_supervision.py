"""What a running verb knows of its tasks: who they are, what they raised, and when nothing of it runs any more.

The verb's coroutine waits on one future of its own and on nothing else. A failure cancels the tasks, never the caller.
"""

from __future__ import annotations

import asyncio
import inspect
from abc import ABC, abstractmethod
from asyncio import CancelledError, Future, Task, current_task
from collections.abc import Callable, Coroutine, Iterable
from contextvars import Context, copy_context
from typing import Any, Final

from corral._failures import Failures, own_code, show, strip
from corral._turn import Turn, turn_of
from corral.outcome import Err

#: Stands for what `fn` returned when it did not return.
NOTHING: Final = object()

# Runs in progress. What stands here keeps its tasks and its caller, which the loop itself holds only weakly (gh-91887).
anchored: set[Supervision] = set()

# 3.14: lets `python -m asyncio pstree` show the workers under the task that waits for them.
awaited_by: Callable[..., None] | None = getattr(asyncio, "future_add_to_awaited_by", None)
not_awaited_by: Callable[..., None] | None = getattr(asyncio, "future_discard_from_awaited_by", None)


class NotAwaitable(TypeError):
    """What `fn` returned cannot be awaited."""

    def __init__(self, returned: object) -> None:
        super().__init__()
        self.returned = returned


class Supervision(ABC):
    """One run of a verb, as far as its end goes."""

    __slots__ = (
        "aborting", "collect", "failures", "loop", "over", "owner", "started", "waiter",
    )  # fmt: skip

    def __init__(self, loop: asyncio.AbstractEventLoop, failures: Failures) -> None:
        self.loop: asyncio.AbstractEventLoop = loop
        self.failures: Failures = failures
        self.collect: bool = failures.on_error == "collect"
        self.owner: Task[Any] | None = current_task(loop)
        self.waiter: Future[None] | None = None
        self.started: int = 0
        self.aborting: bool = False
        self.over: bool = False
        anchored.add(self)

    @abstractmethod
    def put(self, index: int, outcome: Any) -> None:
        """Keeps the outcome of an input."""

    @abstractmethod
    def cancel_running(self, *, first: bool) -> None:
        """Cancels all that has not ended, but not the task that this is called from; for the `first` time, or again."""

    @abstractmethod
    def close_source(self) -> None:
        """Closes what inputs come from, once nothing runs."""

    @abstractmethod
    def settle(self) -> None:
        """Ends the run when nothing of it is left."""

    @abstractmethod
    def shut(self) -> None:
        """Nothing more is taken."""

    def let_go(self) -> None:
        """It is over, and need not be held any more."""
        self.over = True
        self.owner = None  # where the verb's error ends that task, its frames would lead back to it
        anchored.discard(self)

    def wake(self) -> None:
        """Lets the verb have a look."""
        waiter = self.waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def abort(self) -> None:
        """Starts nothing new and cancels what runs; called again, it cancels again, as each `cancel()` of the caller does."""
        first = not self.aborting
        self.aborting = True
        self.shut()
        if self.loop.is_closed():
            return
        self.cancel_running(first=first)
        self.settle()

    def fail(self) -> None:
        """A failure ends the run, once: a second one must not disturb the others' cleanup."""
        if not self.aborting:
            self.abort()

    def bug(self, error: BaseException) -> None:
        """Something that is not an input has failed: the end."""
        self.failures.of_code(error)
        self.fail()

    def caught(self, index: int, item: object, returned: object, error: BaseException) -> bool:
        """Takes down what an input raised. True if it has to leave through the loop."""
        strip(error)
        if isinstance(error, CancelledError):
            if self.aborting:
                return False
            error = self.failures.cancelled(index, item, error)
        elif isinstance(error, KeyboardInterrupt | SystemExit):
            self.failures.leaving(error)
            self.fail()
            return True
        elif isinstance(error, TypeError) and (bug := self.not_awaitable(index, item, returned, error)):
            self.bug(bug)
            return False
        if self.collect and isinstance(error, Exception):
            self.put(index, Err(index, item, error))
            return False
        self.failures.of_input(index, item, error)
        self.fail()
        return isinstance(error, GeneratorExit)

    def not_awaitable(self, index: int, item: object, returned: object, error: TypeError) -> TypeError | None:
        """The error to raise for a `fn` that returned nothing to await, if that is what happened."""
        if isinstance(error, NotAwaitable):
            returned = error.returned
        elif error.__traceback__ is not None or returned is NOTHING or inspect.isawaitable(returned):
            return None
        verb = self.failures.verb
        return TypeError(
            f"{verb}: fn must return an awaitable, but for {self.failures.where(index, item)} it returned "
            f"{show(returned)} ({type(returned).__name__}).\n"
            "Is it a plain function? Write `async def`, or have it run in threads:\n"
            f"  {verb}(functools.partial(asyncio.to_thread, fn), ...)"
        )

    async def wait(self) -> None:
        """Until nothing runs any more. The caller's cancellation is kept for `verdict`."""
        try:
            while not self.over:
                self.waiter = self.loop.create_future()
                try:
                    await self.waiter
                except CancelledError as exc:
                    if self.failures.interrupted is None:
                        self.failures.interrupted = exc
                    self.abort()
        except GeneratorExit:
            # The caller's coroutine was closed: there is nobody left to wait.
            self.abort()
            raise
        finally:
            self.waiter = None

    def raise_verdict(self) -> None:
        """Raises what the verb has to raise, if anything, once it is over."""
        error = self.failures.verdict(self.loop)
        if error is not None:
            try:
                raise error
            finally:
                del error, self  # a frame in the traceback must not lead back to the exception


class TaskSupervision(Supervision):
    """Supervises tasks of its own making."""

    __slots__ = ("closed", "context", "gate", "on_end", "owed", "starting", "tasks", "turn")

    #: States of a task: a worker, one that leaves with nothing to say, one whose exit is told and leaves through the loop, and
    #: the one that feeds. Below zero: made together, and not yet run.
    OURS, GONE, TOLD, FEEDER = range(4)

    def __init__(self, loop: asyncio.AbstractEventLoop, failures: Failures) -> None:
        super().__init__(loop, failures)
        self.closed: bool = False
        # The index from which a worker has to stop and think before it takes an input; see the engine's essay.
        self.gate: int = 0
        self.owed: int = 0
        self.context: Context = copy_context()
        self.tasks: dict[Task[None], int] = {}
        self.starting: bool = False
        self.turn: Turn = turn_of(loop)
        # One for all tasks, in one context: a worker's checks touch both, and a thousand of each push other things out of the cache.
        self.on_end: Callable[[Task[None]], None] | None = self._done

    @abstractmethod
    def lost(self, state: int) -> None:
        """A task ended without a word: it was cancelled by a stranger while it held no input."""

    def employ(self, coros: Iterable[Coroutine[Any, Any, None]], state: int) -> None:
        """Runs coroutines of ours in Tasks, up to the first that the loop will not have, which is the end."""
        self.starting = True
        try:
            self.context.run(self._make_tasks, coros, state)
        except BaseException as exc:
            self.bug(exc)
            if isinstance(exc, KeyboardInterrupt | SystemExit):
                raise
        finally:
            self.starting = False

    def _make_tasks(self, coros: Iterable[Coroutine[Any, Any, None]], state: int) -> None:
        for coro in coros:
            try:
                # In the context this is called in: `context=` would break task factories of two arguments.
                task = self.loop.create_task(coro)
            except BaseException:
                coro.close()
                raise
            self.tasks[task] = state
            if awaited_by is not None:  # pragma: no cover - 3.14 and later only
                awaited_by(task, self.owner)

    def watch(self, task: Task[None]) -> None:
        """Has its end told."""
        assert self.on_end is not None
        task.add_done_callback(self.on_end, context=self.turn.context)

    def left(self, task: Task[None]) -> None:
        """A task is over with this step."""
        if self.tasks[task] != self.GONE:
            self.watch(task)
            return
        del self.tasks[task]
        if not_awaited_by is not None:  # pragma: no cover - 3.14 and later only
            not_awaited_by(task, self.owner)
        if not self.tasks:
            # An iteration later, as if a callback had told it: what its input has called soon comes first.
            self.loop.call_soon(self._emptied, context=self.turn.context)

    def _done(self, task: Task[None]) -> None:
        state = self.tasks.pop(task)
        if not_awaited_by is not None:  # pragma: no cover - 3.14 and later only
            not_awaited_by(task, self.owner)
        # Asked for even where `caught` has told it, so that asyncio does not call it "never retrieved".
        error = None if task.cancelled() else task.exception()
        if state != self.TOLD:
            if error is not None:
                self.bug(error)
            self.lost(state)
        self._emptied()

    def _emptied(self) -> None:
        self.settle()
        if self.over:
            self.on_end = None  # which is a cycle

    def settle(self) -> None:
        """Ends the run when nothing of it is left."""
        if self.closed and not self.over and not self.owed and not self.tasks:
            self.let_go()
            try:
                self.close_source()
            finally:
                self.wake()

    def shut(self) -> None:
        """Nothing more is taken."""
        self.closed = True
        self.gate = 0

    def cancel_running(self, *, first: bool) -> None:  # noqa: ARG002 - what was cancelled once is cancelled again
        """Cancels the tasks, but not the one that this is called from."""
        myself = current_task(self.loop)
        for task, state in tuple(self.tasks.items()):
            # A fresh one finds out by itself: cancelled before its first step, it could not say that it is gone.
            if task is not myself and state >= 0:
                task.cancel()


own_code.update({Supervision.wait.__code__, Supervision.raise_verdict.__code__})
