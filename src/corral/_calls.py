"""`fn`, as a verb calls it for each input."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from corral._failures import own_code
from corral._supervision import NotAwaitable

#: What a verb calls with each input.
Call: TypeAlias = Callable[[Any], Awaitable[Any]]


def timed(fn: Call, timeout: float) -> Call:
    """`fn` with `timeout` seconds for each call, from its start."""

    async def call(item: Any) -> Any:
        async with asyncio.timeout(timeout):
            returned = fn(item)
            if not inspect.isawaitable(returned):
                raise NotAwaitable(returned)
            return await returned

    own_code.add(call.__code__)
    return call
