"""Real HTTP requests over loopback: `python -m corral.cli.demo_http` is the server, `fetch_all` the client."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

import aiohttp
from aiohttp import web

from corral import Err, stream_tg
from corral.cli.demo_meter import Heartbeat
from corral.cli.demo_race import end_with_parent
from corral.cli.demo_show import Bar

LIMIT = 200
STALL_S = 60.0

FINE = "200 OK"
MISSING = "404 Not Found"
BROKEN = "500 Internal Server Error"
DROPPED = "connection dropped"
STALLED = "timed out"


def fate(number: int) -> str:
    """What the server does with request `number`: known beforehand, so that the outcomes can be checked."""
    match number % 100:
        case 17:
            return MISSING
        case 43:
            return BROKEN
        case 71:
            return DROPPED
        case 89:
            return STALLED
        case _:
            return FINE


async def answer(request: web.Request) -> web.Response:
    """One answer according to `fate`."""
    number = request.match_info["number"]
    what = fate(int(number))
    if what == MISSING:
        raise web.HTTPNotFound
    if what == BROKEN:
        raise web.HTTPInternalServerError
    if what == STALLED:
        await asyncio.sleep(STALL_S)
    if what == DROPPED and request.transport is not None:
        request.transport.abort()
    return web.Response(text=number)


async def serve() -> None:
    """Print the address and serve until the process ends, or this is cancelled."""
    app = web.Application()
    app.router.add_get("/{number:[0-9]+}", answer)
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024).start()
        host, port = runner.addresses[0][:2]
        print(f"http://{host}:{port}", flush=True)
        await asyncio.Event().wait()
    finally:
        await runner.cleanup()


@contextmanager
def server() -> Generator[str]:
    """The address of the server, which runs in a process of its own until the block ends."""
    command = [sys.executable, "-m", "corral.cli.demo_http"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            if not url:
                raise RuntimeError("the demo's HTTP server did not start; what it wrote stands above")
            yield url
        finally:
            process.kill()


def kind(error: BaseException) -> str:
    """The line of the table an error belongs to."""
    match error:
        case aiohttp.ClientResponseError():
            return f"{error.status} {error.message}"
        case TimeoutError():
            return STALLED
        case aiohttp.ClientConnectionError():
            return DROPPED
        case _:
            return type(error).__name__


@dataclass(frozen=True)
class Fetched:
    """The outcomes of all requests.

    Args:
        requests: How many were made.
        seconds: For all of them.
        freeze_seconds: The longest freeze of the client's loop.
        kinds: Outcomes by kind.
        as_served: Whether that is what the server did, request by request.
        still_running: Tasks left when the stream was closed.
    """

    requests: int
    seconds: float
    freeze_seconds: float
    kinds: dict[str, int]
    as_served: bool
    still_running: int


async def fetch_all(url: str, requests: int, timeout: float, bar: Bar) -> Fetched:
    """GET every number through `stream_tg`, 200 at a time, and count the outcomes as they come."""
    kinds: Counter[str] = Counter()
    as_served = True
    connector = aiohttp.TCPConnector(limit=LIMIT)
    async with aiohttp.ClientSession(connector=connector, raise_for_status=True) as session, Heartbeat() as heart:

        async def fetch(number: int) -> str:
            async with session.get(f"{url}/{number}") as response:
                return await response.text()

        before = asyncio.all_tasks()
        began = time.perf_counter()
        async with stream_tg(
            fetch, range(requests), limit=LIMIT, timeout=timeout, ordered=False, on_error="collect", progress=bar
        ) as outcomes:
            async for outcome in outcomes:
                what = kind(outcome.error) if isinstance(outcome, Err) else FINE
                kinds[what] += 1
                as_served &= what == fate(outcome.index)
        seconds = time.perf_counter() - began
        left = len(asyncio.all_tasks() - before)
    return Fetched(requests, seconds, heart.longest_freeze, dict(kinds.most_common()), as_served, left)


if __name__ == "__main__":
    end_with_parent()
    asyncio.run(serve())
