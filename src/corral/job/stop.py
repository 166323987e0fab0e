"""Ending early: Ctrl-C and SIGTERM, too many failures, a disk that is full.

The first signal is a wish: nothing new is started, what is running has the grace to finish. The second ends the process as
soon as what has finished is on the disk. A third, or a loop that does not answer the second within a second, ends it there
and then; the file is sound even so, for a torn line is cut off when the job goes on.
"""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, Final, TypeVar

from corral.job.summary import Stopped

T = TypeVar("T")

SIGNALS: Final[dict[int, tuple[Stopped, int]]] = {signal.SIGINT: ("SIGINT", 130), signal.SIGTERM: ("SIGTERM", 143)}


class Stop:
    """Whether, why and until when a run is to end.

    Args:
        grace: How long what is running may go on once a stop was asked for, in seconds.
    """

    def __init__(self, grace: float) -> None:
        self.reason: Stopped | None = None
        self.asked: bool = False
        self._grace = grace
        self.told: Callable[[], None] = lambda: None  # says that the first signal was heard
        self._scope: asyncio.Timeout | None = None
        self._idle: Callable[[], bool] = lambda: False
        self._last_words: Callable[[], None] = lambda: None

    def arm(self, scope: asyncio.Timeout, idle: Callable[[], bool], last_words: Callable[[], None]) -> None:
        """Give it the scope to end, the test whether nothing is in flight, and what to do before the process ends at once."""
        self._scope = scope
        self._idle = idle
        self._last_words = last_words
        if self.asked:
            self._reschedule()

    def disarm(self) -> None:
        """The scope is being left."""
        self._scope = None

    def ask(self, reason: Stopped) -> None:
        """Start nothing new, and end when the grace is over; on the loop's own thread."""
        if not self.asked:
            self.asked = True
            self.reason = reason
            self._reschedule()

    def _heard(self, reason: Stopped) -> None:
        self.ask(reason)
        self.told()

    def at_once(self) -> None:
        """End now, without grace: the file can no longer be written."""
        self.asked = True
        if self._scope is not None:
            self._scope.reschedule(asyncio.get_running_loop().time())

    def _reschedule(self) -> None:
        if self._scope is not None:
            grace = 0.0 if self._idle() else self._grace
            self._scope.reschedule(asyncio.get_running_loop().time() + grace)

    def end_process(self, code: int) -> None:
        """Put what has finished on the disk, and end the process whatever else is running; on the loop's own thread."""
        try:
            self._last_words()
        finally:
            os._exit(code)

    @contextmanager
    def on_signals(self, loop: asyncio.AbstractEventLoop) -> Generator[None]:
        """Ctrl-C and SIGTERM are heard while inside; only the main thread can.

        `signal.signal` and not the loop's own handlers: those would not be heard while `fn` blocks the loop.
        """
        heard = 0

        def handle(number: int, _: FrameType | None) -> None:
            nonlocal heard
            heard += 1
            reason, code = SIGNALS[number]
            if heard == 1:
                loop.call_soon_threadsafe(self._heard, reason)
            elif heard == 2:
                loop.call_soon_threadsafe(self.end_process, code)
                late = threading.Timer(1.0, _exit, (code,))
                late.daemon = True
                late.start()
            else:
                _exit(code)

        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, handle) for number in SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


async def to_its_end(call: Callable[..., T], *args: Any, undo: Callable[[T], object] | None = None) -> T:
    """Run `call` in a thread, and wait for its end also when this is cancelled: what it does must not be left half way.

    Args:
        call: What to run.
        args: With what.
        undo: Lets go, in a thread too, of what `call` has opened for somebody who is cancelled meanwhile and never gets it.
    """
    work = asyncio.ensure_future(asyncio.to_thread(call, *args))
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        await asyncio.wait([work])
        if work.exception() is None and undo is not None:
            await asyncio.to_thread(undo, work.result())
        raise


def _exit(code: int) -> None:
    """End the process although its loop does not answer; what finished in this very turn of the loop runs again."""
    with suppress(OSError):
        os.write(2, b"ended at once; what is recorded stays, and can be gone on with\n")
    os._exit(code)
