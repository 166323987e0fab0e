"""The kinds of event loop that the verbs are tested on, and a clock that jumps.

`LOOPS` maps a kind's name to its factory, ready for `asyncio.Runner(loop_factory=LOOPS[kind])`:

    stock    the selector loop of the standard library
    uvloop   libuv's loop
    eager    the stock loop with `asyncio.eager_task_factory` (Python 3.12 and later)
    debug    the stock loop in debug mode, whatever its runner says

`VIRTUAL_LOOPS` are the same kinds, uvloop apart, on a clock that jumps: when nothing is ready, time goes straight to the
next timer. `sleep(3600)` takes no time and the order of events is the true one. Tests that use threads or processes want the
real clock: a jumping one fires their timeouts.

uvloop with the eager factory is left out: uvloop 0.23 passes `eager_start=None` to every task factory, which fails on
Python 3.13.0 for any library.
"""

from __future__ import annotations

import asyncio
import selectors
import sys
from collections.abc import Callable

import uvloop

DEADLOCK_SECONDS = 10.0


class Deadlock(Exception):
    """No timer is set and nothing is ready: with a virtual clock nothing can ever happen again."""


class _DebugLoop(asyncio.SelectorEventLoop):
    def set_debug(self, enabled: bool) -> None:
        super().set_debug(True)  # a Runner that was given no opinion says False


class _JumpingSelector(selectors.DefaultSelector):
    """Instead of waiting, moves the clock on."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if timeout is not None:
            self.now += max(timeout, 0.0)
            return ready
        # Only another thread or a socket can wake us: wait for it in real time, but not for ever.
        ready = super().select(DEADLOCK_SECONDS)
        if not ready:
            raise Deadlock(f"nothing is scheduled, and nothing came within {DEADLOCK_SECONDS:g} s")
        return ready


class _VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)
        # A timer counts as due within one clock resolution; a jump adds rounding, never more than that.
        self._clock_resolution = 1e-9

    def time(self) -> float:
        return self._jumping.now


class _VirtualDebugLoop(_VirtualLoop, _DebugLoop):
    pass


def _eager(make: Callable[[], asyncio.AbstractEventLoop]) -> Callable[[], asyncio.AbstractEventLoop]:
    def make_eager() -> asyncio.AbstractEventLoop:
        loop = make()
        loop.set_task_factory(asyncio.eager_task_factory)
        return loop

    return make_eager


LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "stock": asyncio.SelectorEventLoop,
    "uvloop": uvloop.new_event_loop,
    "debug": _DebugLoop,
}
VIRTUAL_LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {"stock": _VirtualLoop, "debug": _VirtualDebugLoop}
if sys.version_info >= (3, 12):
    LOOPS["eager"] = _eager(asyncio.SelectorEventLoop)
    VIRTUAL_LOOPS["eager"] = _eager(_VirtualLoop)
