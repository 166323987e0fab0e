"""A batch of prompts through an HTTP API that allows so many requests a second, and says 429 to the rest.

corral run examples/llm_batch.py:complete prompts.jsonl --resource examples/llm_batch.py:session \
    --limit 50 --rate 20/s --retries 6 --timeout 120 --out answers.jsonl

A refused call is tried again no sooner than its `Retry-After` asks; `--rate` keeps most of them from being refused. An
answer that was paid for is on the disk at once: the same command after a crash pays for no prompt a second time, but for
those that were in flight. Without arguments, this program serves such an API itself, and runs a batch against it.
"""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypedDict

import aiohttp
from aiohttp import web

from corral.job import arun_job

API = "API_BASE"  # the environment variable that says where; a real one comes with a key


class Prompt(TypedDict):
    id: int
    prompt: str


class Answer(TypedDict):
    id: int
    text: str
    tokens: int


@asynccontextmanager
async def session() -> AsyncGenerator[aiohttp.ClientSession]:
    """One session for all calls."""
    async with aiohttp.ClientSession(os.environ[API], raise_for_status=True) as opened:
        yield opened


async def complete(prompt: Prompt, opened: aiohttp.ClientSession) -> Answer:
    """One call. A 429 is an exception that carries its headers; `--retries` reads `Retry-After` there."""
    async with opened.post("/v1/completions", json={"prompt": prompt["prompt"], "max_tokens": 64}) as response:
        body = await response.json()
    return {"id": prompt["id"], "text": body["choices"][0]["text"], "tokens": body["usage"]["total_tokens"]}


class Api:
    """Such an API, on this machine: `allowed` requests in each fifth of a second, and 429 with `Retry-After` to the others."""

    def __init__(self, allowed: int) -> None:
        self.allowed = allowed
        self.served = self.refused = 0
        self._window, self._taken = 0.0, 0

    async def completions(self, request: web.Request) -> web.Response:
        now = time.monotonic()
        if now >= self._window + 0.2:
            self._window, self._taken = now, 0
        if self._taken >= self.allowed:
            self.refused += 1
            raise web.HTTPTooManyRequests(headers={"Retry-After": f"{self._window + 0.2 - now:.3f}"})
        self._taken += 1
        self.served += 1
        body = await request.json()
        words = body["prompt"].split()
        await asyncio.sleep(0.02)
        return web.json_response(
            {"choices": [{"text": " ".join(reversed(words))}], "usage": {"total_tokens": 2 * len(words)}}
        )

    @asynccontextmanager
    async def serving(self) -> AsyncGenerator[str]:
        """Its address."""
        app = web.Application()
        app.router.add_post("/v1/completions", self.completions)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        try:
            host, port = runner.addresses[0][:2]
            yield f"http://{host}:{port}"
        finally:
            await runner.cleanup()


async def main() -> None:
    prompts = [{"id": number, "prompt": f"say {number} backwards"} for number in range(100)]
    with tempfile.TemporaryDirectory() as name:
        source, out = Path(name, "prompts.jsonl"), Path(name, "answers.jsonl")
        source.write_text("".join(json.dumps(prompt) + "\n" for prompt in prompts))
        async with (api := Api(allowed=20)).serving() as os.environ[API]:
            summary = await arun_job(complete, source, limit=50, retries=10, timeout=120, resource=session, out=out)
        answers = [json.loads(line) for line in out.read_text().splitlines()]
    again = sum(answer["attempts"] - 1 for answer in answers)
    print(f"{summary.ok} answers, {summary.failed} failed; each paid for once: {api.served == len(answers)}")
    print(f"some were refused first: {api.refused > 0}, and each of those was tried again: {again == api.refused}")


if __name__ == "__main__":
    asyncio.run(main())
