"""A worker of the engine: one Task that serves many inputs, and nobody can tell.

**As if each input had a Task of its own.** Reuse must not be observable, so after each input the worker looks for traces:
somebody keeps its Task or its context (`getrefcount`) or watches it (`getweakrefcount`), a cancellation was counted, or what the Task and
its context refer to has changed: a callback, an attribute, a name, the context's variables. `gc.get_referents` shows all
of those in one call, by identity; comparing contexts with `==` would fall back to the values' own `__eq__`. A worker that
is not as it was leaves, and a fresh one takes its place.

What a clean worker is like is looked at once, before the first input of all, and holds for the workers after it: those that
get a single input are then never looked at. Whoever leaves for a trace may have been unlike it, so the next one looks anew.
The counts are taken at the very place where they are checked, since on 3.14 they depend on where in a function they are taken.
An eagerly started worker suspends once before that, so that its counts, too, are those of a Task that its loop runs.
Where these counts mean nothing (free threading, other implementations), every worker leaves after one input. So it does
in a call of a few awaitables, and in the reference of the differential test in `tests/property`.
"""

from __future__ import annotations

import sys
import sysconfig
from asyncio import Task, current_task
from contextvars import Context
from gc import get_referents
from sys import getrefcount
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from weakref import getweakrefcount

from corral._failures import own_code
from corral._supervision import NOTHING

if TYPE_CHECKING:
    from corral._engine import Run

#: Whether reference counts say what is said of them here.
counts_tell: Final = sys.implementation.name == "cpython" and not sysconfig.get_config_var("Py_GIL_DISABLED")
#: Whether a worker may serve more than one input. The differential test switches it off to get its reference.
reuse = counts_tell
#: What a worker is like that bears no traces: the counts, how many things it refers to, and which stands where.
Clean: TypeAlias = tuple[int, int, int, int, Any, int]
UNKNOWN: Final[Clean] = (0, 0, 0, 0, None, 0)
# Before 3.13 `uncancel` left standing what was requested and not yet delivered (gh-117407).
_UNCANCEL_FORGETS: Final = sys.version_info >= (3, 13)
_TELLS_CONTEXT: Final = sys.version_info >= (3, 12)


def _context_of(task: Task[None]) -> Context | None:  # pragma: no cover - called before 3.12 only
    """The very context that a Task runs in, where it does not tell: before 3.12."""
    if type(task) is Task:
        for thing in get_referents(task):
            if type(thing) is Context:
                return thing
    return None


def _baseline(run: Run, task: Task[None], context: Context | None, traces: list[Any], name: str, count: int) -> Clean:
    """What a worker is like that had no input yet; a count of -1 if it shall not have a second one."""
    size, at = len(traces), run.named_at  # it stands where that of the last one stood
    if at >= size or traces[at] is not name:
        at = run.named_at = next((at for at, thing in enumerate(traces) if thing is name), 0)
        if traces[at] is not name:
            return -1, 0, 0, 0, None, 0
    run.least = min(run.least, count)
    strong = run.least if run.reuse and context is not None else -1
    # The last by its number: `traces[-1]` would cost an input that returns at once three percent more.
    return strong, getweakrefcount(task), size, size - 1, traces[-1], at


async def work(run: Run) -> None:
    """Takes inputs as long as its Task is like new. `run.fn(item)` is awaited in this very frame."""
    task: Any = current_task(run.loop)  # Any: `_must_cancel` is not in the stubs, and has no public twin
    name = await run.begin_late(task) if run.starting else run.begin(task)
    fn, pull, results, keep = run.fn, run.pull, run.results, run.keep
    context, traces = task.get_context() if _TELLS_CONTEXT else _context_of(task), None
    strong, weak, size, last, root, at = run.clean
    item, value, returned = None, None, NOTHING
    try:
        while True:
            if run.started < run.gate or (strong and (run.look() or await run.may_take())):
                index = run.started
                try:
                    item = pull()
                    run.started = index + 1
                    value = await (returned := fn(item))
                except BaseException as exc:
                    if run.threw(task, index, item, returned, exc):
                        raise
                    strong = -1 if task.cancelling() or task._must_cancel else strong
                else:
                    if task.cancelling() or (not _UNCANCEL_FORGETS and task._must_cancel):
                        strong = -1
                        run.recalled(index, item, value, heard=not task._must_cancel)
                    elif results is not None:
                        results[index] = value
                    else:
                        keep(index, item, value)
                item, value, returned = None, None, NOTHING
            if run.closed:
                return run.leave(task)
            traces = get_referents(task, context)
            count = getrefcount(task) + getrefcount(context)
            if (count != strong or getweakrefcount(task) != weak or len(traces) != size
                    or traces[last] is not root or traces[at] is not name):  # fmt: skip
                if strong:
                    return run.retire(task)
                strong, weak, size, last, root, at = run.clean = _baseline(run, task, context, traces, name, count)
            traces = None  # the next worker's list takes its place in the processor's cache
    finally:
        run.left(task)


own_code.add(work.__code__)
