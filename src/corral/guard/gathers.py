"""Sees every `asyncio.gather`, whoever imported it from wherever: the future that it makes is looked up in its module."""

from __future__ import annotations

from asyncio import Future, tasks
from collections.abc import Generator
from types import FunctionType
from typing import TYPE_CHECKING, Any, Final, final
from weakref import ref

from corral.guard.patches import Counted, Patches
from corral.guard.places import INTERNAL, Made
from corral.guard.private import (
    GATHER_CALLBACK,
    GatheringFuture,
    callbacks_of,
    children_of,
    exception_of,
    frame_at,
    is_told,
    is_unread,
)

if TYPE_CHECKING:
    from corral.guard.watch import Watch

#: Where a loop that is guarded keeps its watch.
ATTRIBUTE: Final = "_corral_guard"


@final
class Gathered(GatheringFuture):
    """What `gather` returns while a guard is on: the same future, which notes who made it and whether anybody has awaited it."""

    def __init__(self, children: list[Future[Any]], *, loop: Any) -> None:
        super().__init__(children, loop=loop)
        self.awaited: bool = False
        self.made: Made = None
        #: Children whose failure somebody had seen before they came here.
        self.known: set[Future[Any]] = {child for child in children if child.done() and not is_unread(child)}
        self.watch: Watch | None = getattr(loop, ATTRIBUTE, None)
        if self.watch is not None:
            caller = frame_at(2)
            if caller.f_code.co_filename not in INTERNAL:  # asyncio.run cancels what is left by way of a gather
                self.made = caller.f_code, caller.f_lasti
            if self.watch.siblings.of:
                self.watch.siblings.gathered_again(children)

    def __await__(self) -> Generator[Any, None, Any]:
        self.awaited = True
        return super().__await__()

    __iter__ = __await__

    def add_done_callback(self, *args: Any, **kwargs: Any) -> None:
        """Somebody waits for it: a task, `wait_for`, another gather."""
        self.awaited = True
        super().add_done_callback(*args, **kwargs)

    def result(self) -> Any:
        """Somebody has the results."""
        self.awaited = True
        return super().result()

    def exception(self) -> BaseException | None:
        """Somebody has looked."""
        self.awaited = True
        return super().exception()

    def set_exception(self, exception: Any) -> None:
        """The first failure: called by `gather` before anybody hears of it."""
        super().set_exception(exception)
        if self.watch is not None and self.watch.live and self.made is not None:
            self.watch.siblings.failed(self, exception)

    def set_result(self, result: Any) -> None:
        """All are done; with `return_exceptions=True` perhaps in vain."""
        children = dict.fromkeys(children_of(self) or ())
        failed = [child for child in children if exception_of(child) is not None and child not in self.known]
        if failed and self.watch is not None and self.watch.live and self.made is not None:
            self.watch.siblings.collected(self, failed)
        super().set_result(result)
        self._look_later()

    def _look_later(self) -> None:
        watch = self.watch
        if (
            watch is not None
            and watch.live
            and not self.awaited
            and self.made is not None
            and not watch.loop.is_closed()
        ):
            watch.loop.call_soon(_look, watch, [self])


Gathered.__name__ = Gathered.__qualname__ = GatheringFuture.__qualname__  # its `repr` is read by people


def _look(watch: Watch, box: list[Any]) -> None:
    """One turn after the end of a gather that nobody has awaited: can anybody still?"""
    gathered = box.pop()
    gone, made, count = ref(gathered), gathered.made, len(children_of(gathered) or ())
    if gathered.awaited or is_told(gathered):
        return
    del gathered
    if gone() is None:
        watch.report("unawaited", None, f"a gather of {count} was never awaited", made)


def unawaited(task: Any) -> bool:
    """Whether the task is in a gather that nobody has awaited so far."""
    return any(
        isinstance(outer := outer_of(callback), Gathered) and not outer.awaited for callback in callbacks_of(task)
    )


def outer_of(callback: Any) -> Any:
    """The gather whose callback this is."""
    if isinstance(callback, FunctionType) and callback.__code__ is GATHER_CALLBACK and callback.__closure__ is not None:
        cells = dict(zip(callback.__code__.co_freevars, callback.__closure__, strict=True))
        return cells["outer"].cell_contents
    return None


def _replace(patches: Patches) -> None:
    patches.set(tasks, "_GatheringFuture", Gathered)


#: Once for every loop that is watched.
replaced: Final = Counted(_replace)
