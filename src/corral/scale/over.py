"""What the verbs call for `executor=`."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from contextlib import AbstractAsyncContextManager
from typing import Any

from corral.scale.chunks import Chunks
from corral.scale.elsewhere import Elsewhere
from corral.scale.errand import Errand
from corral.scale.lanes import Lanes
from corral.scale.pools import is_live, is_near, lanes_of


def over(
    verb: str,
    fn: Callable[..., Awaitable[Any]],
    executor: Executor,
    limit: int | None,
    lanes: int | None,
    timeout: float | None,
    resource: Callable[[], AbstractAsyncContextManager[Any]] | None,
    *,
    show_items: bool,
) -> Elsewhere:
    """The place of a verb that was given `executor=`. Fails: `TypeError` when `fn` cannot travel."""
    count = lanes_of(executor) if lanes is None else lanes
    count = count if limit is None else min(count, limit)
    errand = Errand(uuid.uuid4().hex, verb, fn, timeout, resource, show_items, _uvloop_here())
    if is_near(executor):
        return Lanes(errand, executor, limit, count, live=is_live(executor))
    return Chunks(errand, executor, limit, count)


def _uvloop_here() -> bool:
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return False
    return type(loop).__module__.partition(".")[0] == "uvloop"
