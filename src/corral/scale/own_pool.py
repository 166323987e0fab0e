"""A pool of processes of our own: spawned, deaf to Ctrl-C, and gone when their parent is."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.connection import wait
from typing import Literal


class OwnPool(ProcessPoolExecutor):
    """`ProcessPoolExecutor` for programs that own the machine they run on.

    Args:
        workers: How many processes.
        method: `"spawn"` or `"forkserver"`; a fork would inherit locks that threads of this process hold.
    """

    def __init__(self, workers: int, method: Literal["spawn", "forkserver"] = "spawn") -> None:
        super().__init__(workers, multiprocessing.get_context(method), initializer=_begin)


def _begin() -> None:
    # The terminal sends Ctrl-C to the whole group: what it means is decided by the parent.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None
    threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)  # whatever runs here: a `finally` that hangs must not keep an orphan alive
