"""What is open: threads that read pipes, and descriptors."""

from __future__ import annotations

import threading
from pathlib import Path


def readers() -> set[threading.Thread]:
    """The threads that read pipes."""
    return {thread for thread in threading.enumerate() if thread.name == "corral-input"}


def descriptors() -> int:
    """How many are open, once the readers of earlier tests have closed theirs."""
    for thread in readers():
        thread.join(20)
    return len(list(Path("/dev/fd").iterdir()))
