"""Async functions that the tests of the job run, in this process and by `path/functions.py:name` in others."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import sys
import time
from pathlib import Path


async def same(item):
    return item


async def nap(item):
    await asyncio.sleep(0.005)
    return item


async def nap_long(item):
    await asyncio.sleep(0.2)
    return item


async def odd_fails(item):
    if int(item) % 2:
        raise ValueError(f"{item} is odd")
    return item


async def fails_until_healed(item):
    """Odd inputs fail until the file `healed` exists in the working directory."""
    if int(item) % 2 and not Path("healed").exists():
        raise ConnectionError("not yet")
    return f"{item} is well"


async def logs_calls(item):
    """Each call is a line in the file `calls` of the working directory."""
    with Path("calls").open("a") as log:
        log.write(f"{item}\n")
    await asyncio.sleep(0)
    return item


async def stubborn(item):
    """Does not let itself be cancelled."""
    while True:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(1000)


async def blocks_the_loop(item):
    time.sleep(1000)


async def exits(item):
    if int(item) == 50:
        sys.exit(3)
    await asyncio.sleep(0.001)
    return item


async def changes_its_input(item):
    item["seen"] = True
    return item


async def awaits_cancelled(item):
    future = asyncio.get_running_loop().create_future()
    future.cancel()
    await future


async def cancels_itself(item):
    asyncio.current_task().cancel()
    await asyncio.sleep(1)


async def with_resource(item, resource):
    return f"{resource}:{item}"


def plain(item):
    return item


async def no_argument():
    return None


async def two_arguments(a, b):
    return a, b


async def generator(item):
    yield item


class AsyncCallable:
    async def __call__(self, item):
        return item


instance = AsyncCallable()
part = functools.partial(two_arguments, 1)
NUMBER = 3


def decorator(function):
    @functools.wraps(function)
    def wrapper(*args):
        return function(*args)

    return wrapper


@decorator
async def decorated(item):
    return item
