"""What the cells of `corral run` run."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

_noted = False


def _note_the_first() -> None:
    global _noted  # noqa: PLW0603  # once in a process
    if not _noted:
        _noted = True
        if path := os.environ.get("FIRST_CALL"):
            Path(path).write_text(repr(time.time()), encoding="ascii")


async def at_once(item: int) -> int:
    if not _noted:
        _note_the_first()
    return item


async def suspends(item: int) -> int:
    if not _noted:
        _note_the_first()
    await asyncio.sleep(0)
    return item
