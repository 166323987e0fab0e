"""Futures of work that was given to a loop from another thread, or to threads by a loop: dropped, their failures are nobody's."""

from __future__ import annotations

import concurrent.futures
from asyncio import AbstractEventLoop, Future
from collections import deque
from collections.abc import Callable
from types import FunctionType
from typing import TYPE_CHECKING, Any, Final, final
from weakref import WeakKeyDictionary, WeakSet

from corral.guard.patches import Patches
from corral.guard.places import Line, Made, Threadsafe, outside
from corral.guard.private import THREADSAFE_CALLBACK, exception_of, frame_at, running_loop
from corral.guard.report import shown

if TYPE_CHECKING:
    from corral.guard.watch import Watch


_PLAIN: Final[Any] = concurrent.futures.Future


@final
class Given(concurrent.futures.Future[Any]):
    """What `run_coroutine_threadsafe` returns while a guard is on: the same future, which knows whether anybody has looked at it.

    It is made one, by its class, before its caller has it; the class in the library has no memory of who looked.
    """

    corral_made: Made
    corral_owner: Threads
    corral_seen: bool = False

    @staticmethod
    def take(future: Any, made: Made, owner: Threads) -> None:
        """Turns one of the library's own into one of these; anybody else's is left alone."""
        if type(future) is _PLAIN:
            future.__class__ = Given
            future.corral_made = made
            future.corral_owner = owner

    def result(self, timeout: float | None = None) -> Any:
        """As ever."""
        return self._look(super().result, timeout)

    def exception(self, timeout: float | None = None) -> Any:
        """As ever."""
        return self._look(super().exception, timeout)

    def _look(self, look: Callable[[float | None], Any], timeout: float | None) -> Any:
        self.corral_seen = True  # from now on: the loop may fail it, and the guard ask, before this thread wakes up
        try:
            return look(timeout)
        except TimeoutError:
            self.corral_seen = self.done()
            raise

    def __del__(self) -> None:
        if not self.corral_seen and (error := exception_of(self)) is not None:
            self.corral_owner.dropped(self.corral_made, error)


Given.__name__ = Given.__qualname__ = concurrent.futures.Future.__name__  # its `repr` is read by people


@final
class Threads:
    """Such futures of one loop."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._failed: WeakSet[Given] = WeakSet()
        self._dropped: deque[tuple[Made, BaseException]] = deque()
        self._made: WeakKeyDictionary[Future[Any], Line] = WeakKeyDictionary()

    def begin(self, patches: Patches) -> None:
        """Notes the callers of `run_coroutine_threadsafe` and `run_in_executor` on this loop."""
        patches.set(self._watch.loop, "call_soon_threadsafe", self._call_soon_threadsafe(self._watch.loop))
        patches.set(self._watch.loop, "run_in_executor", self._run_in_executor(self._watch.loop))

    def _call_soon_threadsafe(self, loop: AbstractEventLoop) -> Callable[..., object]:
        call = loop.call_soon_threadsafe

        def call_soon_threadsafe(callback: Any, *args: Any, context: Any = None) -> object:
            if (
                isinstance(callback, FunctionType)
                and callback.__code__ is THREADSAFE_CALLBACK
                and callback.__closure__ is not None
            ):
                cells = dict(zip(callback.__code__.co_freevars, callback.__closure__, strict=True))
                future: Any = cells["future"].cell_contents
                Given.take(future, outside(frame_at(1), loop), self)
            return call(callback, *args, context=context)

        return call_soon_threadsafe

    def _run_in_executor(self, loop: AbstractEventLoop) -> Callable[..., Future[Any]]:
        run, made = loop.run_in_executor, self._made

        def run_in_executor(executor: Any, func: Callable[..., Any], *args: Any) -> Future[Any]:
            future = run(executor, func, *args)
            line = outside(frame_at(1), loop)
            if line is not None and not isinstance(line, Threadsafe):
                made[future] = line
            return future

        return run_in_executor

    def handed_over(self, task: Any, made: Threadsafe) -> bool:
        """A task of `run_coroutine_threadsafe` has failed, and its future is told next: whether that is all there is to watch."""
        future = made.future()
        if isinstance(future, Given) and exception_of(task) is not None:
            self._failed.add(future)
        return isinstance(future, Given)

    def dropped(self, made: Made, error: BaseException) -> None:
        """A future of `run_coroutine_threadsafe` died unseen, in whatever thread: told in the loop's."""
        if not self._watch.live:
            return
        self._dropped.append((made, error))
        if running_loop() is self._watch.loop:
            self._tell_dropped()
            return
        try:
            self._watch.loop.call_soon_threadsafe(self._tell_dropped)
        except RuntimeError:  # closed; `flush` tells
            return

    def _tell_dropped(self) -> None:
        while self._dropped:
            self._tell(*self._dropped.popleft(), "failed, and its future was dropped")

    def _tell(self, made: Made, error: BaseException | None, how: str) -> None:
        what = f"work given to the loop by run_coroutine_threadsafe {how}: {shown(error)}"
        self._watch.report("future", None, what, made, exception=error)

    def died(self, future: Any) -> None:
        """A future of asyncio died with an exception that nobody has retrieved."""
        made = self._made.get(future)
        of = "the future of run_in_executor" if made is not None else f"a {type(future).__name__}"
        error = exception_of(future)
        what = f"{of} failed, and nobody can see it any more: {shown(error)}"
        self._watch.report("future", future, what, made, exception=error)

    def flush(self) -> None:
        """At the end of the scope: what nobody has looked at by now."""
        self._tell_dropped()
        for future in list(self._failed):
            if not future.corral_seen:
                future.corral_seen = True
                self._tell(
                    future.corral_made,
                    exception_of(future),
                    "failed; somebody holds its future, and nobody has looked",
                )
        self._failed.clear()
