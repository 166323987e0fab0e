"""Verbs called by their names, so that one test is for several of them; and the ways in which all are called."""

from __future__ import annotations

from typing import Any

import pytest

from corral import gather_tg, map_tg, stream_tg

VERBS = pytest.mark.parametrize("verb", ["map_tg", "stream_tg"])
POLICIES = pytest.mark.parametrize("on_error", ["group", "first", "collect"])
# A few awaitables and many go two ways through the code.
BESIDE = pytest.mark.parametrize("beside", [0, 6], ids=["few", "many"])


async def run(verb: str, fn: Any, items: Any, **kwargs: Any) -> list[Any]:
    """What the verb gives: the list of `map_tg` or `gather_tg`, or all outcomes of `stream_tg`."""
    if verb == "map_tg":
        return await map_tg(fn, items, **kwargs)
    if verb == "gather_tg":
        return await gather_tg(*map(fn, items), **kwargs)
    async with stream_tg(fn, items, **kwargs) as results:
        return [outcome async for outcome in results]


async def values(verb: str, fn: Any, items: Any, **kwargs: Any) -> list[Any]:
    """The values, by any of the three."""
    results = await run(verb, fn, items, **kwargs)
    return [outcome.value for outcome in results] if verb == "stream_tg" else results
