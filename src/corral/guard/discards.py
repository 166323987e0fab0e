"""Whether what an `await` gives is thrown away, read off the bytecode of the function that awaits."""

from __future__ import annotations

import dis
import re
from asyncio import Task
from collections.abc import Iterable
from functools import lru_cache
from types import CodeType
from typing import Any, Final, Literal, TypeAlias

from corral.guard.places import awaiting
from corral.guard.private import coro_of, is_task

_Fate: TypeAlias = Literal["dropped", "returned", "used"]

# Between the YIELD_VALUE at which a coroutine is suspended, and what is done with the value that comes.
_OF_AWAIT: Final = frozenset(
    {"YIELD_VALUE", "RESUME", "JUMP_BACKWARD_NO_INTERRUPT", "END_SEND", "SEND", "NOP", "CACHE"}
)


def discarded(callbacks: Iterable[Any]) -> bool:
    """Whether a task that waits for the value throws it away: its function, or those that this returns it to."""
    for callback in callbacks:
        waiter = getattr(callback, "__self__", None)  # a task waits by its own method
        if is_task(waiter):
            return _thrown_away(waiter)
    return False


def _thrown_away(waiter: Task[Any]) -> bool:
    for frame in reversed(list(awaiting(coro_of(waiter)))):
        fate = _fate(frame.f_code, frame.f_lasti)
        if fate != "returned":
            return fate == "dropped"
    return False  # the task's own result: whoever awaits the task has it


@lru_cache(maxsize=1024)
def _fate(code: CodeType, offset: int) -> _Fate:
    """What is done with the value of the `await` at which the code is suspended."""
    rest = [instruction for instruction in dis.get_instructions(code) if instruction.offset >= offset]
    after = next(each for each in rest if each.opname not in _OF_AWAIT)  # all code ends with a return or a raise
    if after.opname == "POP_TOP":
        return "dropped"
    if after.opname == "RETURN_VALUE":
        return "returned"
    if after.opname == "STORE_FAST":
        return "used" if after.argval in _read_names(code) else "dropped"
    return "used"


def _read_names(code: CodeType) -> set[str]:
    """The local names that are read anywhere in the code."""
    names: set[str] = set()
    for instruction in dis.get_instructions(code):
        if "LOAD_FAST" in instruction.opname:  # 3.13 has some that load two names, or store one and load the other
            names.update(re.findall(r"\w+", str(instruction.argval)))
    return names
