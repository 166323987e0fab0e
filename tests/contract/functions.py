"""What the contract's tests run: at the top of a module, so that every executor finds it."""

from __future__ import annotations

import asyncio
import contextvars
import os
import signal
import threading
import time
from contextlib import asynccontextmanager
from pathlib import Path

seen = contextvars.ContextVar("seen", default=0)


def _refuse(*_):
    raise ValueError("I stay where I am")


def _homesick(pid, item):
    if os.getpid() != pid:
        _refuse()
    return Homesick(item)


class Strange(Exception):
    """Pickles, and does not unpickle: its constructor wants more than its args."""

    def __init__(self, one, two):
        super().__init__(f"{one} and {two}")


class Wrapped(Exception):
    """Does not even pickle."""

    def __init__(self, what):
        super().__init__(what)
        self.lock = threading.Lock()


class Disguised(Exception):
    """Pickle makes another one of it."""

    def __reduce__(self):
        return ValueError, self.args


class Homesick(Exception):
    """Unpickles in the process that it comes from, and in no other."""

    def __reduce__(self):
        return _homesick, (os.getpid(), *self.args)


class Silent(Exception):
    """Has no words, and notes that are none."""

    __notes__ = property(_refuse)

    def __str__(self):
        return _refuse()


async def same(item):
    return item


async def double(item):
    await asyncio.sleep(0)
    return item * 2


async def later_first(item):
    """The later an input, the sooner it is done."""
    await asyncio.sleep(0.02 / (item + 1))
    return item


async def odd_fails(item):
    await asyncio.sleep(0)
    if item % 2:
        error = ValueError(f"{item} is odd")
        error.add_note("a note of its own")
        raise error
    return item


async def seven_fails(item):
    await asyncio.sleep(0.001)
    if item == 7:
        raise LookupError("seven")
    return item


def noted(error):
    error.add_note("a note of its own")
    return error


async def strange(item):
    raise noted(Strange(item, "more"))


async def wrapped(item):
    raise noted(Wrapped(item))


async def disguised(item):
    raise noted(Disguised(item))


async def homesick(item):
    raise noted(Homesick(item))


async def silent(item):
    raise Silent(item)


def stops(item):
    """Raises what ends an iteration before there is anything to await."""
    raise StopIteration(item)


async def unloadable(item):
    return Unloadable() if item == 1 else item


async def lock(item):
    return threading.Lock() if item == 1 else item


async def interval(item):
    """When it ran, by the clock that all processes share."""
    start = time.monotonic()
    await asyncio.sleep(0.005)
    return start, time.monotonic()


async def sleeps(seconds):
    await asyncio.sleep(seconds)
    return seconds


async def cancels_itself(item):
    if item == 3:
        asyncio.current_task().cancel()
        await asyncio.sleep(0)
    return item


async def sets_and_tells(item):
    """What the input before has set must not be seen."""
    before = seen.get()
    seen.set(item + 1)
    await asyncio.sleep(0)
    return before


def plain(item):
    return item


async def leaves(item):
    """The third, while others are at work."""
    if item == 2:
        raise SystemExit(3)
    await asyncio.sleep(0.05)


async def marks(job):
    """Says in a folder that it began and that it ended, however it ended; the first fails once `count` have begun."""
    folder, number, count = job
    Path(folder, f"began-{number}").touch()
    try:
        if number == 0:
            while len(list(Path(folder).glob("began-*"))) < count:
                await asyncio.sleep(0.002)
            raise LookupError("the first")
        await asyncio.sleep(0.2)
    finally:
        Path(folder, f"ended-{number}").touch()


async def waits_for_file(job):
    """Input 5 waits for a file; nobody else does."""
    path, number = job
    while number == 5 and not Path(path).exists():
        await asyncio.sleep(0.005)
    return number


async def with_resource(item, resource):
    await asyncio.sleep(0.001)
    return item, resource, os.getpid()


@asynccontextmanager
async def opened(folder):
    """Leaves a file for each time it is entered, and one for each time it is left."""
    mark = f"{os.getpid()}-{threading.get_ident()}-{time.monotonic_ns()}"
    Path(folder, f"entered-{mark}").touch()
    try:
        yield mark
    finally:
        await asyncio.sleep(0)
        Path(folder, f"left-{mark}").touch()


@asynccontextmanager
async def cannot_open():
    raise ConnectionRefusedError("nobody there")
    yield


async def dies_once(job):
    """The first time, its process is killed; the file remembers."""
    path, number = job
    await asyncio.sleep(0.001)
    if number == 7 and not Path(path).exists():
        Path(path).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number


class Unloadable:
    """Pickles, and does not unpickle."""

    def __reduce__(self):
        return _refuse, ()


class UnloadableFunction(Unloadable):
    """An `fn` that does so."""

    async def __call__(self, item):
        return item


async def kind_of_loop(item):
    return type(asyncio.get_running_loop()).__module__.partition(".")[0]
