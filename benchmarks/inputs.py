"""What is done with each input: the functions under every contender, and what comes back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

Work = Callable[[int], Awaitable[int]]

SLEEP_S = 0.05
SPIN_S = 0.001
HTTP_CONNECTIONS = 200


async def at_once(item: int) -> int:
    """Return without ever suspending."""
    return item


async def suspend_once(item: int) -> int:
    """Give the loop one turn."""
    await asyncio.sleep(0)
    return item


async def sleep_50ms(item: int) -> int:
    """Wait on a timer, as on a fast network."""
    await asyncio.sleep(SLEEP_S)
    return item


async def sleep_2s(item: int) -> int:
    """Wait long enough to see who spins."""
    await asyncio.sleep(2.0)
    return item


async def spin_1ms(item: int) -> int:
    """Keep the processor busy, by its own clock."""
    end = time.thread_time() + SPIN_S
    while time.thread_time() < end:
        pass
    return item


@asynccontextmanager
async def http_get(url: str) -> AsyncIterator[Work]:
    """A real GET over loopback, on one session with as many connections for every contender."""
    import aiohttp  # only the cells that speak HTTP pay for it in memory

    connector = aiohttp.TCPConnector(limit=HTTP_CONNECTIONS)
    async with aiohttp.ClientSession(connector=connector) as session:

        async def get(item: int) -> int:
            async with session.get(f"{url}/{item}") as response:
                return int(await response.read())

        yield get


WORK: dict[str, Work] = {
    "at_once": at_once,
    "sleep(0)": suspend_once,
    "sleep(0.05)": sleep_50ms,
    "sleep(2)": sleep_2s,
    "spin(1ms)": spin_1ms,
}


def check_results(results: Sequence[int], n: int) -> None:
    """A contender that loses, doubles or shuffles results gets no number."""
    if len(results) != n or any(value != index for index, value in enumerate(results)):
        raise AssertionError(f"wrong results: {len(results)} of {n}, beginning {list(results[:5])}")


@asynccontextmanager
async def open_work(name: str, url: str | None) -> AsyncIterator[Work]:
    """The function called `name`; `http` needs the `url` of a running `benchmarks.http_server`."""
    if name != "http":
        yield WORK[name]
        return
    if url is None:
        raise ValueError("the http input needs the url of a running benchmarks.http_server")
    async with http_get(url) as work:
        yield work
