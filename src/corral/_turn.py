"""One slice of time a loop iteration, shared by every verb that runs on the loop.

A worker whose inputs never suspend would hold the loop for as long as there are inputs. So all workers of a loop
share one deadline per iteration; past it they step aside. `tick` marks the next iteration: it closes the slice and
lets the runs that asked for it grow. Nothing here schedules itself: without a worker that takes an input there is no tick.
"""

from __future__ import annotations

import asyncio
import threading
from contextvars import Context
from time import monotonic
from typing import Protocol

#: Seconds of inputs that may run in one iteration of the loop before the workers step aside.
SLICE = 0.005
#: Inputs that may start between two looks at the clock, once a slice has shown that they are short.
STRIDE = 8
_SHORT = 512


class Hungry(Protocol):
    """Something that may want more workers."""

    def pump(self) -> None:
        """Starts them, if they are needed."""


class Turn:
    """The slice of one loop."""

    __slots__ = ("_hungry", "context", "deadline", "loop", "open", "stride", "taken")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop: asyncio.AbstractEventLoop = loop
        self.open: bool = False
        self.stride: int = 1
        self.taken: int = 0
        self.deadline: float = 0.0
        self._hungry: list[Hungry] = []
        #: Of nobody: what an input has set must not reach the workers that a tick starts, or that a Task's end does.
        self.context: Context = Context()

    def is_over(self) -> bool:
        """Whether the slice of this iteration is used up; opens one if there is none yet."""
        if self.open:
            return monotonic() >= self.deadline
        self.open = True
        self.deadline = monotonic() + SLICE
        self.loop.call_soon(self._tick, context=self.context)
        return False

    def ask(self, run: Hungry) -> None:
        """Have `run.pump()` called in the next iteration."""
        self._hungry.append(run)
        if not self.open:
            self.is_over()

    def _tick(self) -> None:
        self.open = False
        # Short inputs are not worth a look at the clock each; one slice of long ones brings the look back.
        self.stride = STRIDE if self.taken >= _SHORT else 1
        self.taken = 0
        hungry, self._hungry = self._hungry, []
        for run in hungry:
            run.pump()


class _Here(threading.local):
    turn: Turn | None = None


_here = _Here()


def turn_of(loop: asyncio.AbstractEventLoop) -> Turn:
    """The turn of the loop that runs in this thread.

    Two loops that alternate in one thread get a new one at each change, which costs a slice and nothing else.
    """
    turn = _here.turn
    if turn is None or turn.loop is not loop:
        turn = _here.turn = Turn(loop)
    return turn
