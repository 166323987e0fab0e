"""What executors tell of themselves."""

from __future__ import annotations

import os
from concurrent.futures import Executor
from typing import Any


def lanes_of(executor: Executor) -> int:
    """How many calls an executor runs at the same time: its workers where it tells, else the processors of this machine."""
    told: Any = getattr(executor, "_max_workers", None)
    client: Any = getattr(executor, "_client", None)
    if told is None and client is not None and type(executor).__module__.partition(".")[0] == "distributed":
        told = sum(client.nthreads().values())
    return told if isinstance(told, int) and told > 0 else os.cpu_count() or 1
