"""What the killed runs run. Each call leaves a line in the file `calls` of the working directory, before anything else."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

_calls = os.open("calls", os.O_WRONLY | os.O_CREAT | os.O_APPEND)


def _called(item):
    os.write(_calls, b"%d\n" % item)
    return {"number": item, "text": "é" * (item % 40)}


async def at_once(item):
    return _called(item)


async def suspends(item):
    result = _called(item)
    await asyncio.sleep(0)
    return result


async def naps(item):
    result = _called(item)
    await asyncio.sleep(0.001 * (item % 5))
    return result


async def third_fails(item):
    """A third of the inputs fail, until the file `healed` is there."""
    result = _called(item)
    await asyncio.sleep(0)
    if item % 3 == 0 and not Path("healed").exists():
        raise ConnectionError(f"not yet {item}")
    return result
