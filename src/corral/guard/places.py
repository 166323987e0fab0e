"""Where things were made, and where they wait: cheap to note, worked out only when something is to be told."""

from __future__ import annotations

import asyncio
import inspect
import sys
from collections.abc import Iterator
from types import CodeType, FrameType
from typing import Any, Final, NamedTuple, TypeAlias
from weakref import ref

from corral.guard.private import RUN, STEP, THREADSAFE_CALLBACK, awaited_by, children_of, coro_of, is_task
from corral.guard.report import Place, shown

#: Nobody looks for their mistake in these files.
INTERNAL: Final = frozenset(
    str(module.__file__) for name, module in sys.modules.items() if name == "asyncio" or name.startswith("asyncio.")
)


#: A code object and the offset in it: two pointers to note, where a traceback would cost fifty times as much.
Line: TypeAlias = tuple[CodeType, int]


class Threadsafe(NamedTuple):
    """A task that `run_coroutine_threadsafe` made: where that was called, and the future that its caller was given."""

    line: Line | None
    future: ref[Any]


Made: TypeAlias = Line | Threadsafe | None


def outside(frame: FrameType | None, loop: asyncio.AbstractEventLoop) -> Made:
    """The first frame that is not asyncio's; None if the event loop itself made it."""
    while frame is not None and not (frame.f_code is STEP or (frame.f_code is RUN and loop.is_running())):
        code = frame.f_code
        if code.co_filename not in INTERNAL:
            return code, frame.f_lasti
        if code is THREADSAFE_CALLBACK:
            future = frame.f_locals["future"]
            return Threadsafe(future.__dict__.get("corral_made"), ref(future))
        frame = frame.f_back
    return None


def place(made: Made, coro: object = None) -> Place | None:
    """The line, worked out; without one the first line of the coroutine's function."""
    if isinstance(made, Threadsafe):
        made = made.line
    if made is not None:
        code, offset = made
        return Place(code.co_filename, line(code, offset), code.co_qualname)
    begins: Any = code_of(coro)
    return begins and Place(begins.co_filename, begins.co_firstlineno, begins.co_qualname)


def line(code: CodeType, offset: int) -> int:
    """The line that an offset belongs to."""
    numbers = (number for start, end, number in code.co_lines() if start <= offset < end and number is not None)
    return next(numbers, code.co_firstlineno)


def code_of(coro: Any) -> CodeType | None:
    """Of a coroutine, a generator or an async generator; compiled ones may have none."""
    for name in ("cr_code", "gi_code", "ag_code"):
        if isinstance(code := getattr(coro, name, None), CodeType):
            return code
    return None


def name_of(coro: Any) -> str | None:
    """Its qualified name."""
    name = getattr(coro, "__qualname__", None)
    return name if isinstance(name, str) else None


def awaiting(coro: Any) -> Iterator[FrameType]:
    """The frames of a suspended coroutine, from its own to the innermost one that it awaits."""
    seen = 0
    while coro is not None and seen < sys.getrecursionlimit():
        seen += 1
        for kind in ("cr", "gi", "ag"):
            frame = getattr(coro, f"{kind}_frame", None)
            if isinstance(frame, FrameType):
                yield frame
                coro = getattr(coro, "gi_yieldfrom" if kind == "gi" else f"{kind}_await", None)
                break
        else:
            return


def waits_on(task: asyncio.Future[Any]) -> str:
    """What a task that is not done waits on, and the line of somebody's code where it does."""
    coro = coro_of(task)
    frames = list(awaiting(coro))
    own = [frame for frame in frames if frame.f_code.co_filename not in INTERNAL]
    inner = frames[len(own) :] if own == frames[: len(own)] else []
    where = f" at {Place(own[-1].f_code.co_filename, own[-1].f_lineno, own[-1].f_code.co_qualname)}" if own else ""
    waiter = awaited_by(task)
    if inspect.iscoroutine(coro) and inspect.getcoroutinestate(coro) == inspect.CORO_CREATED:
        return "nothing: it has not taken its first step"
    if inner:
        return _asyncio_call(inner[0]) + where
    if waiter is None or waiter.done():
        return "nothing: it was about to go on" + where
    return _future(waiter) + where


def _asyncio_call(frame: FrameType) -> str:
    """`Event.wait() of <Event ...>`, `sleep(3600)`."""
    name = frame.f_code.co_qualname
    local = frame.f_locals
    if name == "sleep":
        return f"sleep({shown(local.get('delay'))})"
    return f"{name}() of {shown(local['self'])}" if "self" in local else f"{name}()"


def _future(future: Any) -> str:
    if is_task(future):
        return f"task {future.get_name()!r}"
    children = children_of(future)
    if children is not None:
        return f"a gather of {len(children)}, {sum(not child.done() for child in children)} of them not done"
    return "a future of its own" if type(future) is asyncio.Future else shown(future)


def described(task: asyncio.Future[Any]) -> str:
    """`task 'Task-7' (Client.listen)`, the way a sentence begins."""
    if is_task(task):
        return f"task {task.get_name()!r} ({name_of(coro_of(task)) or 'of an unknown coroutine'})"
    return f"a {type(task).__name__}"
