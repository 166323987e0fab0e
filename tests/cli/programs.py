"""Small programs for `corral check` to look at: with a lost task, with none, and with hazards of other rules."""

from __future__ import annotations

LOST = """\
import asyncio


async def main() -> None:
    asyncio.create_task(work())
    await asyncio.sleep(1)
"""
CLEAN = LOST.replace("    asyncio.create", "    await asyncio.create")
DROPPED = """\
import asyncio


def save(loop, data):
    loop.run_in_executor(None, data.save)
"""
PLAIN_GATHER = """\
import asyncio


async def both(a, b):
    return await asyncio.gather(a.read(), b.read())
"""
