"""What executors tell of themselves."""

from __future__ import annotations

import os
import socket
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any


def _libraries(executor: Executor) -> set[str]:
    return {kind.__module__.partition(".")[0] for kind in type(executor).__mro__}


def is_live(executor: Executor) -> bool:
    """Whether it runs calls in this process and this interpreter."""
    return isinstance(executor, ThreadPoolExecutor) and type(executor).__name__ != "InterpreterPoolExecutor"


def is_near(executor: Executor) -> bool:
    """Whether its workers are on this machine for certain, and their end is known at once."""
    here = isinstance(executor, ThreadPoolExecutor | ProcessPoolExecutor) or "loky" in _libraries(executor)
    return here and hasattr(socket, "AF_UNIX")


def lanes_of(executor: Executor) -> int:
    """How many calls it runs at the same time: its workers where it tells, else the processors of this machine."""
    told: Any = getattr(executor, "_max_workers", None)
    client: Any = getattr(executor, "_client", None)
    if told is None and client is not None and "distributed" in _libraries(executor):
        told = sum(client.nthreads().values())
    return told if isinstance(told, int) and told > 0 else os.cpu_count() or 1


def can_take_back(executor: Executor) -> bool:
    """Whether a call that `cancel()` says is cancelled has not begun. On Dask it may run on."""
    return "distributed" not in _libraries(executor)


def others_wait(executor: Executor, ours: int, at_work: int) -> bool:
    """Whether calls of others wait for a worker, where so many calls are ours, and so many of them have one.

    Where nobody can tell, nobody waits.
    """
    pending: Any = getattr(executor, "_pending_work_items", None)
    if pending is not None:  # of a pool of processes: all its calls
        return len(pending) - ours > lanes_of(executor) - at_work
    queue: Any = getattr(executor, "_work_queue", None)
    return queue is not None and bool(queue.qsize() > ours - at_work)
