"""Two instruments: how long an event loop was not answering, and how much memory a process needed at its highest."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path
from typing import Self

_KIB = 1024
_STATUS = Path("/proc/self/status")
_CLEAR_REFS = Path("/proc/self/clear_refs")
_RESET_PEAK = "5"


class Heartbeat:
    """The longest time for which the running event loop answered nobody.

    A task that sleeps for `interval` seconds again and again, and looks at the clock each time it gets its turn: what a turn
    came later than asked for is time in which no other callback, connection or timer of that loop was served either.

    Use it as an async context manager around what is measured::

        async with Heartbeat() as heart:
            await asyncio.gather(*[work(i) for i in range(1_000_000)])
        print(heart.longest_freeze)

    Args:
        interval: Seconds between two beats.
    """

    def __init__(self, interval: float = 0.002) -> None:
        self._interval = interval
        self._longest = 0.0
        self._expected = 0.0
        self._task: asyncio.Task[None] | None = None

    @property
    def longest_freeze(self) -> float:
        """Seconds of the longest freeze since the start or the last `reset`."""
        return self._longest

    def reset(self) -> None:
        """Forget what was measured until now."""
        self._longest = 0.0
        self._expected = time.perf_counter() + self._interval

    def _note_turn(self) -> None:
        self._longest = max(self._longest, time.perf_counter() - self._expected)
        self._expected = time.perf_counter() + self._interval

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self._interval)
            self._note_turn()

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._beat())
        await asyncio.sleep(0)
        self.reset()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        # What never yielded to the loop gave the beat no turn at all: the freeze that is still going on counts too.
        self._note_turn()
        assert self._task is not None, "entered before"
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


def _status_bytes(field: str) -> int | None:
    try:
        lines = _STATUS.read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    for line in lines:
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * _KIB
    return None


def peak_bytes() -> int:
    """The highest that the resident memory of this process has been, in bytes."""
    peak = _status_bytes("VmHWM")
    if peak is not None:
        return peak
    import resource  # Unix only: on Windows the caller gets the ImportError that says so

    rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return rss if sys.platform == "darwin" else rss * _KIB


class PeakMemory:
    """Resident memory of this process at its highest, above what it held when this object was made.

    On Linux the kernel's own high-water mark is reset first, so that what importing needed does not hide what the measured
    code needs. Elsewhere the mark of the whole life of the process is the baseline: measure in a fresh process.
    """

    def __init__(self) -> None:
        try:
            _CLEAR_REFS.write_text(_RESET_PEAK, encoding="ascii")
        except OSError:
            self._baseline = peak_bytes()
        else:
            self._baseline = _status_bytes("VmRSS") or peak_bytes()

    def above_baseline(self) -> int:
        """Bytes."""
        return max(0, peak_bytes() - self._baseline)
