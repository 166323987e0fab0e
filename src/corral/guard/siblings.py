"""What `gather` leaves behind: tasks that run on after its first failure, and failures that it marks as seen and drops.

A sibling is judged only when whoever awaited the gather has had a turn to deal with it. One that `gather` made out of a
coroutine is out of everybody's reach from the first failure on. A task that the program made itself is spared if it has been
cancelled, is awaited in some other way, or is given to another gather, as a careful handler does.
"""

from __future__ import annotations

from asyncio import Future
from collections.abc import Iterable
from types import BuiltinMethodType, CodeType
from typing import TYPE_CHECKING, Any, Final, final

from corral.guard import gathers
from corral.guard.catalogue import Kind
from corral.guard.discards import discarded
from corral.guard.places import Made, Threadsafe, awaiting, described, waits_on
from corral.guard.private import (
    WAIT,
    awaited_by,
    callbacks_of,
    children_of,
    coro_of,
    exception_of,
    is_task,
    is_told,
    made_by_gather,
)
from corral.guard.report import shown

if TYPE_CHECKING:
    from corral.guard.gathers import Gathered
    from corral.guard.watch import Watch

_TURNS: Final = 3
_TOLD: Final = 20
_SCANNED: Final = 10_000
_READERS: Final = frozenset({"exception", "result"})


@final
class Failed:
    """A gather after its first failure."""

    def __init__(self, gathered: Gathered, first: Future[Any] | None, error: BaseException) -> None:
        name = f"task {first.get_name()!r}" if is_task(first) else "a future"
        self.first: str = f"{shown(error)} in {name}"
        self.made: Made = gathered.made
        #: Where each of the others was made, by id: it is not known any more when they have ended.
        self.made_of: dict[int, Made] = {}
        self.settled = False
        self.since: float = 0.0
        self.told = 0


@final
class Siblings:
    """The failed gathers of one loop, and those of their children that are not accounted for."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        #: The siblings that somebody may still deal with; also what failed in the same turn, until it is judged.
        self.of: dict[Future[Any], Failed] = {}
        self._unsettled: list[tuple[Failed, list[Future[Any]]]] = []
        # Those that had ended when it was last looked up what every task waits for, and what that was: by id, to hold nothing.
        self._ended_by_then: set[int] = set()
        self._waited_for: set[int] = set()

    @property
    def settling(self) -> bool:
        """Whether whoever awaited a failed gather has not had a turn yet."""
        return bool(self._unsettled)

    def failed(self, gathered: Gathered, error: BaseException) -> None:
        """The first failure of a gather."""
        children = list(_leaves(gathered))
        first = next((child for child in children if child.done() and exception_of(child) is error), None)
        failure = Failed(gathered, first, error)
        rest = [
            child for child in children if child is not first and (not child.done() or exception_of(child) is not None)
        ]
        if not rest:
            return
        for child in rest:
            self.of[child] = failure
            self._ended_by_then.discard(id(child))  # that was one that had this id before
            failure.made_of[id(child)] = self._watch.made(child)
            if not child.done():
                child.add_done_callback(self._ended)
        self._unsettled.append((failure, rest))
        self._watch.loop.call_soon(self._turn, failure, rest, _TURNS)

    def _turn(self, failure: Failed, rest: list[Future[Any]], turns: int) -> None:
        if failure.settled or not self._watch.live:
            return
        if turns:
            self._watch.loop.call_soon(self._turn, failure, rest, turns - 1)
        else:
            self._settle(failure, rest)

    def _settle(self, failure: Failed, rest: list[Future[Any]]) -> None:
        failure.settled = True
        failure.since = self._watch.loop.time()
        self._ended_by_then.clear()  # somebody may wait by now for more than one that has not ended
        self._unsettled = [entry for entry in self._unsettled if entry[0] is not failure]
        for child in rest:
            if self.of.get(child) is not failure:
                continue
            if child.done():
                self._judge_done(child, failure, late=False)
            elif _asked(child) or self._awaited(child):
                del self.of[child]
            elif made_by_gather(child) or self._watch.due(child, failure.since):
                self._tell_orphan(child, failure)

    def _ended(self, child: Future[Any]) -> None:
        """A sibling has ended. What `gather` itself does on that, it has done just now."""
        failure = self.of.get(child)
        if failure is None or not self._watch.live:
            return
        if failure.settled:
            self._judge_done(child, failure, late=True)
        # Asked now: whoever waits for it has it next, and then nothing tells that they did.
        elif not made_by_gather(child) and self._awaited(child):
            del self.of[child]

    def _judge_done(self, child: Future[Any], failure: Failed, *, late: bool) -> None:
        del self.of[child]
        if child.cancelled() or (not made_by_gather(child) and (self._awaited(child) or _reads(failure.made))):
            return
        error = exception_of(child)
        if error is not None:
            what = f"{described(child)} failed, too, in a gather that had failed with {failure.first}: asyncio drops this one"
            self._tell("swallowed", child, failure, what, exception=error)
        elif late and not _asked(child) and not is_told(child):
            what = f"{described(child)} ran on to its end, though the gather it was in had failed with {failure.first}"
            self._tell("orphaned", child, failure, what)

    def _tell_orphan(self, child: Future[Any], failure: Failed) -> None:
        what = f"{described(child)} runs on, though the gather it was in has failed with {failure.first}"
        self._tell("orphaned", child, failure, what, waits_on=waits_on(child))

    def _tell(self, kind: Kind, child: Future[Any], failure: Failed, what: str, **more: Any) -> None:
        failure.told += 1
        if failure.told > _TOLD:
            return
        if failure.told == _TOLD:
            what += "; what else there is of this gather is not told"
        self._watch.report(kind, child, what, failure.made_of[id(child)] or failure.made, **more)

    def gathered_again(self, children: Iterable[Future[Any]]) -> None:
        """A handler has given them to another gather: that one answers for them now."""
        for child in children:
            self.of.pop(child, None)

    def first_failure(self, task: Future[Any]) -> str | None:
        """What the gather had failed with, whose sibling this is."""
        failure = self.of.get(task)
        return failure.first if failure is not None else None

    def flush(self) -> None:
        """Judges at once what waits for its turn."""
        for failure, rest in self._unsettled[:]:
            self._settle(failure, rest)

    def look(self) -> None:
        """After the grace: what nobody has dealt with by now is left to itself."""
        for child, failure in list(self.of.items()):
            if is_told(child) or not failure.settled or child.done():
                continue
            if not self._watch.due(child, failure.since):
                continue
            if _asked(child) or self._awaited(child):
                del self.of[child]
            else:
                self._tell_orphan(child, failure)

    def collected(self, gathered: Gathered, failed: list[Future[Any]]) -> None:
        """`return_exceptions=True`, and some did fail: does anybody look?"""
        if not discarded(callbacks_of(gathered)):
            return
        for told, child in enumerate(failed):
            if told == _TOLD:
                break
            if made_by_gather(child) or not _reads(gathered.made):
                what = f"{described(child)} failed, and the results of the gather it was in are thrown away"
                made = self._watch.made(child) or gathered.made
                self._watch.report("discarded", child, what, made, exception=exception_of(child))

    def _awaited(self, child: Future[Any]) -> bool:
        """Whether anybody else waits for it now."""
        ours = (self._watch.ended, self._ended)
        for callback in callbacks_of(child):
            if callback in ours or _lets_go(callback):
                continue
            outer = gathers.outer_of(callback)
            if outer is None or (not outer.done() and self._awaited(outer)):
                return True
        return child.done() and self._heard(child)

    def _heard(self, child: Future[Any]) -> bool:
        """Whether a task is about to hear that it has ended. One look serves all that have: nobody begins to wait for those."""
        if id(child) not in self._ended_by_then:
            self._ended_by_then = {id(child), *(id(each) for each in self.of if each.done())}
            self._waited_for = {id(each) for task in list(self._watch.held)[:_SCANNED] for each in _awaits(task)}
        return id(child) in self._waited_for


def _leaves(gathered: Any) -> Iterable[Future[Any]]:
    """Its children, those of the gathers among them instead of these."""
    for child in dict.fromkeys(children_of(gathered) or ()):
        if children_of(child) is not None and not child.done():
            yield from _leaves(child)
        else:
            yield child


def _asked(future: Future[Any]) -> bool:
    return is_task(future) and future.cancelling() > 0


def _lets_go(callback: object) -> bool:
    """`set.discard` and the like: they do not look at what the task came to."""
    return isinstance(callback, BuiltinMethodType) and callback.__name__ in {"discard", "remove", "append", "add"}


def _awaits(task: Any) -> Iterable[Future[Any]]:
    """What the task waits for: directly, and in `asyncio.wait`."""
    yield awaited_by(task)
    for frame in awaiting(coro_of(task)):
        if frame.f_code is WAIT:
            yield from frame.f_locals["fs"]
            return


def _reads(made: Made) -> bool:
    """Whether the function that called `gather` looks at its tasks one by one: then what `gather` drops is not dropped."""
    line = made.line if isinstance(made, Threadsafe) else made
    return line is not None and _names(line[0])


def _names(code: CodeType) -> bool:
    inner = (const for const in code.co_consts if isinstance(const, CodeType))
    return not _READERS.isdisjoint(code.co_names) or any(_names(each) for each in inner)
