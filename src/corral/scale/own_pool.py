"""A pool of processes of our own: spawned, deaf to Ctrl-C, and gone when their parent is."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.connection import wait
from multiprocessing.context import SpawnContext, SpawnProcess
from typing import Literal


class _Spawned(SpawnProcess):
    """A process to which Ctrl-C comes no sooner than it is deaf to it: until then it would say so with a traceback."""

    def start(self) -> None:
        """With SIGINT blocked, which the process inherits."""
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            super().start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


class _Spawning(SpawnContext):
    Process = _Spawned


class OwnPool(ProcessPoolExecutor):
    """`ProcessPoolExecutor` for programs that own the machine they run on.

    Args:
        workers: How many processes.
        method: `"spawn"` or `"forkserver"`; a fork would inherit locks that threads of this process hold.
    """

    def __init__(self, workers: int, method: Literal["spawn", "forkserver"] = "spawn") -> None:
        context = _Spawning() if method == "spawn" else multiprocessing.get_context(method)
        super().__init__(workers, context, initializer=_begin)


def _begin() -> None:
    # The terminal sends Ctrl-C to the whole group: what it means is decided by the parent.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    parent = multiprocessing.parent_process()
    assert parent is not None
    threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)  # whatever runs here: a `finally` that hangs must not keep an orphan alive
