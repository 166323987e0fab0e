"""Futures of work that was given to a loop from another thread, or to threads by a loop: dropped, their failures are nobody's."""

from __future__ import annotations

from asyncio import AbstractEventLoop, Future
from collections.abc import Callable
from types import FunctionType
from typing import TYPE_CHECKING, Any, final
from weakref import WeakKeyDictionary, ref

from corral.guard.patches import Patches
from corral.guard.places import Line, Threadsafe, outside
from corral.guard.private import THREADSAFE_CALLBACK, exception_of, frame_at, is_watched
from corral.guard.report import shown

if TYPE_CHECKING:
    from corral.guard.watch import Watch

_READERS = ("result", "exception")


@final
class Unread:
    """The failed result of `run_coroutine_threadsafe`, which has no memory of whether it was looked at.

    Its `result` and `exception` are replaced on the instance until the first call of either; when it dies before that, it is told.
    """

    def __init__(self, future: Any, owner: Threads, made: Threadsafe, error: BaseException) -> None:
        self.made = made
        self.error = error
        self._owner = owner
        self._future = ref(future, self._gone)
        for name in _READERS:
            future.__dict__[name] = self._reader(name)

    def _reader(self, name: str) -> Callable[..., Any]:
        def read(*args: Any, **kwargs: Any) -> Any:
            self.seen()
            return getattr(self._future(), name)(*args, **kwargs)

        return read

    def _gone(self, _: object) -> None:
        self._owner.tell(self, "failed, and its future was dropped")

    def seen(self) -> None:
        """Somebody has looked, or nobody wants to know any more: the future is again as it was."""
        self._owner.unread.discard(self)
        future = self._future()
        for name in _READERS if future is not None else ():
            future.__dict__.pop(name, None)


@final
class Threads:
    """Such futures of one loop."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self.unread: set[Unread] = set()
        self._made: WeakKeyDictionary[Future[Any], Line] = WeakKeyDictionary()

    def begin(self, patches: Patches) -> None:
        """Notes the callers of `run_coroutine_threadsafe` and `run_in_executor` on this loop."""
        patches.set(self._watch.loop, "call_soon_threadsafe", self._call_soon_threadsafe(self._watch.loop))
        patches.set(self._watch.loop, "run_in_executor", self._run_in_executor(self._watch.loop))

    @staticmethod
    def _call_soon_threadsafe(loop: AbstractEventLoop) -> Callable[..., object]:
        call = loop.call_soon_threadsafe

        def call_soon_threadsafe(callback: Any, *args: Any, context: Any = None) -> object:
            if (
                isinstance(callback, FunctionType)
                and callback.__code__ is THREADSAFE_CALLBACK
                and callback.__closure__ is not None
            ):
                cells = dict(zip(callback.__code__.co_freevars, callback.__closure__, strict=True))
                made = outside(frame_at(1), loop)
                cells["future"].cell_contents.__dict__["_corral_made"] = made
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
        error = exception_of(task)
        if future is None or error is None:
            return future is not None
        if not is_watched(future):
            self.unread.add(Unread(future, self, made, error))
        return True

    def tell(self, unread: Unread, how: str) -> None:
        """Reports it, unless somebody has looked."""
        if unread in self.unread:
            self.unread.discard(unread)
            what = f"work given to the loop by run_coroutine_threadsafe {how}: {shown(unread.error)}"
            self._watch.report("future", None, what, unread.made, exception=unread.error)

    def dropped(self, future: Any) -> None:
        """A plain future died with an exception that nobody has retrieved."""
        made = self._made.get(future)
        of = "the future of run_in_executor" if made is not None else f"a {type(future).__name__}"
        error = exception_of(future)
        what = f"{of} failed, and nobody can see it any more: {shown(error)}"
        self._watch.report("future", future, what, made, exception=error)

    def flush(self) -> None:
        """At the end of the scope: what nobody has looked at by now."""
        for unread in list(self.unread):
            self.tell(unread, "failed; somebody holds its future, and nobody has looked")
            unread.seen()
