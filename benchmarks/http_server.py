"""`python -m benchmarks.http_server`: answers GET /<text> with <text>, until its standard input closes."""

from __future__ import annotations

import asyncio
import sys

from aiohttp import web


async def echo(request: web.Request) -> web.Response:
    return web.Response(text=request.match_info["text"])


async def serve() -> None:
    """Print the address, then serve until whoever started this process lets go of it."""
    app = web.Application()
    app.router.add_get("/{text}", echo)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, backlog=1024)
    await site.start()
    print("http://{}:{}".format(*runner.addresses[0][:2]), flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(serve())
