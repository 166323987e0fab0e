"""What the tests of the scale room run elsewhere."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from pathlib import Path


async def same(item):
    return item


async def dies_at_seven(item):
    """Its process is killed as the kernel kills one that takes too much memory."""
    await asyncio.sleep(0.001)
    if item == 7:
        os.kill(os.getpid(), signal.SIGKILL)
    return item


async def blocks(job):
    """Holds its thread, so that nothing can be told to it."""
    folder, number = job
    Path(folder, f"began-{number}").touch()
    time.sleep(0.3)
    Path(folder, f"ended-{number}").touch()
    return number


async def waits(job):
    """Until it is told to stop, and then cleans up."""
    folder, number = job
    Path(folder, f"began-{number}").touch()
    try:
        await asyncio.Event().wait()
    finally:
        await asyncio.sleep(0.01)
        Path(folder, f"ended-{number}").touch()


async def waits_for_all(job):
    """Until so many have begun."""
    folder, number, count = job
    Path(folder, f"began-{number}").touch()
    while len(os.listdir(folder)) < count:  # noqa: PTH208  # a hundred of them ask again and again
        await asyncio.sleep(0.01)
    return number


async def pid(item):
    await asyncio.sleep(0.01)
    return os.getpid()


async def behaves(how):
    """One input of a random program: what to do, and in what order."""
    for step in how:
        match step:
            case "turn":
                await asyncio.sleep(0)
            case "nap":
                await asyncio.sleep(0.002)
            case "fail":
                raise KeyError(how)
            case "cancel":
                asyncio.current_task().cancel()
            case "cancelled":
                raise asyncio.CancelledError
            case "spin":
                time.sleep(0.002)
            case "child":
                child = asyncio.ensure_future(asyncio.sleep(0.001, "from a child"))
                await child
    return how
