"""Async functions that the tests of the job run, in this process and by `path/functions.py:name` in others."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import functools
import os
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


async def takes_its_time(item):
    """Four seconds; its start and its end are lines in the files `begun` and `ended` of the working directory."""
    for name in ("begun", "ended"):
        with Path(name).open("a") as log:
            log.write(f"{item}\n")
        if name == "begun":
            await asyncio.sleep(4)
    return item


_running = 0


async def tells_how_many_run(item):
    global _running  # noqa: PLW0603  # counted over all calls
    _running += 1
    try:
        await asyncio.sleep(0.005)
        return _running
    finally:
        _running -= 1


_met = 0


async def meets_the_others(item):
    """Ends when thirty of it have begun."""
    global _met  # noqa: PLW0603  # counted over all calls
    _met += 1
    while _met % 30:
        await asyncio.sleep(0.001)
    return item


async def early_ones_are_slow(item):
    await asyncio.sleep(0.02 if int(item) % 10 == 0 else 0)
    return item


async def first_fails_others_nap(item):
    if item == 0:
        await asyncio.sleep(0.05)
        raise ValueError("the first")
    await asyncio.sleep(0.3)
    return item


class Refused(Exception):
    retry_after = 0.1


_refused: collections.Counter = collections.Counter()


async def refused_twice(item):
    _refused[item] += 1
    if _refused[item] % 3:
        raise Refused("come back later")
    return item


async def tells_its_loop(item):
    return type(asyncio.get_running_loop()).__module__


async def logs_start_and_end(item):
    """A line in the file `begun`, and one in `ended`."""
    with Path("begun").open("a") as log:
        log.write(f"{item}\n")
    await asyncio.sleep(0.02)
    with Path("ended").open("a") as log:
        log.write(f"{item}\n")
    return item


async def first_ten_are_quick(item):
    await asyncio.sleep(0 if item < 10 else 1000)
    return item


async def some_are_stubborn(item):
    if item % 2:
        await stubborn(item)
    return item


async def blocks_after_ten(item):
    if item >= 10:
        await asyncio.sleep(0.05)
        time.sleep(1000)
    return item


async def prints(item):
    await asyncio.sleep(0.05)
    print(f"hello {item}", flush=True)
    return item


async def stubborn(item):
    """Does not let itself be cancelled."""
    while True:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(1000)


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


_noted = False


async def tells_its_process(item):
    """Comes back once it runs in two processes: one that starts slowly must not find everything done."""
    global _noted  # noqa: PLW0603  # once in a process
    if not _noted:
        _noted = True
        with Path("processes").open("a") as log:
            log.write(f"{os.getpid()}\n")
    while len(Path("processes").read_text().split()) < 2:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.005)
    return os.getpid()


async def tells_its_process_or_fails(item):
    if item % 2:
        raise ValueError(f"{item} is odd")
    return await tells_its_process(item)


async def each_its_own_way(item):
    """Of four inputs one is well, one fails, one takes too long, one is well the second time."""
    if item % 4 == 1:
        raise ValueError(f"{item} is no good")
    if item % 4 == 2:
        await asyncio.sleep(1000)
    _refused[item] += 1
    if item % 4 == 3 and _refused[item] == 1:
        raise Refused("come back later")
    return item


async def cleans_up_after_ten(item):
    if item < 10:
        return item
    with Path("waiting").open("a") as log:
        log.write(f"{item}\n")
    try:
        await asyncio.sleep(1000)
    finally:
        await asyncio.sleep(0.01)
        with Path("cleaned").open("a") as log:
            log.write(f"{item}\n")


@contextlib.asynccontextmanager
async def own_resource():
    with Path("entered").open("a") as log:
        log.write(f"{os.getpid()}\n")
    yield os.getpid()
    with Path("left").open("a") as log:
        log.write(f"{os.getpid()}\n")


async def with_own_resource(item, resource):
    assert resource == os.getpid()
    return await tells_its_process(item)


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


def not_a_context_manager():
    return 3


async def tells_where_it_runs(item):
    await asyncio.sleep(0.005)
    if item % 2:
        raise ValueError(f"{item} is odd")
    return os.getpid()
