"""A crawler: each URL of a list is fetched once, whatever happens in between.

corral run examples/crawler.py:fetch urls.txt --resource examples/crawler.py:session --limit 100 --timeout 30 --out pages.jsonl

Ctrl-C, a crash, a reboot: the same command goes on. `--retry-failed` fetches again what failed. Without arguments, this
program crawls a small site that it serves itself.
"""

from __future__ import annotations

import asyncio
import re
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypedDict
from urllib.parse import urljoin

import aiohttp
from aiohttp import web

from corral.job import arun_job


class Page(TypedDict):
    status: int
    title: str
    links: list[str]


@asynccontextmanager
async def session() -> AsyncGenerator[aiohttp.ClientSession]:
    """One session for all calls: it keeps connections open, and at most ten to the same host."""
    connector = aiohttp.TCPConnector(limit=0, limit_per_host=10)
    async with aiohttp.ClientSession(connector=connector, headers={"User-Agent": "crawler of examples/"}) as opened:
        yield opened


async def fetch(url: str, opened: aiohttp.ClientSession) -> Page:
    """What a page is called, and where it leads. What it raises is the record of that URL, and no other's."""
    async with opened.get(url) as response:
        response.raise_for_status()
        text = await response.text()
    title = re.search(r"<title>(.*?)</title>", text, re.DOTALL)
    links = re.findall(r'href="([^"#]+)"', text)
    return {"status": response.status, "title": title[1] if title else "", "links": [urljoin(url, to) for to in links]}


@asynccontextmanager
async def small_site(pages: int) -> AsyncGenerator[str]:
    """A site of our own, on this machine: every seventh page is gone, each page links to the next one."""

    async def page(request: web.Request) -> web.Response:
        number = int(request.match_info["number"])
        if number % 7 == 6:
            raise web.HTTPNotFound
        text = f'<title>Page {number}</title><a href="{(number + 1) % pages}">next</a>'
        return web.Response(text=text, content_type="text/html")

    app = web.Application()
    app.router.add_get("/{number}", page)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        host, port = runner.addresses[0][:2]
        yield f"http://{host}:{port}/"
    finally:
        await runner.cleanup()


async def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with small_site(70) as root:
            (folder / "urls.txt").write_text("".join(f"{root}{number}\n" for number in range(70)))
            summary = await arun_job(
                fetch, folder / "urls.txt", limit=20, timeout=30, resource=session, out=folder / "pages.jsonl"
            )
    print(f"{summary.ok} pages, {summary.failed} failed: {summary.failures[0].type}")
    # 60 pages, 10 failed: aiohttp.client_exceptions.ClientResponseError


if __name__ == "__main__":
    asyncio.run(main())
