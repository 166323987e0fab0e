"""What a guard puts something of its own in the place of, for tests that want it back."""

from __future__ import annotations

import asyncio
import warnings
from asyncio import runners, tasks
from typing import Any


def on_loop(loop: asyncio.AbstractEventLoop) -> dict[str, Any]:
    """What stands on the loop itself, of what is replaced there."""
    names = (
        "create_task",
        "call_exception_handler",
        "call_soon_threadsafe",
        "run_in_executor",
        "close",
        "_corral_guard",
    )
    return {name: vars(loop)[name] for name in names if name in vars(loop)}


def by_a_block() -> list[object]:
    """What is replaced in the library while any loop is guarded."""
    return [tasks._GatheringFuture, warnings._warn_unawaited_coroutine]  # type: ignore[attr-defined]  # both are private


def by_an_installation() -> list[object]:
    """What starts and closes loops, for as long as it is installed."""
    return [
        asyncio.BaseEventLoop.run_forever,
        runners.Runner.close,
        vars(asyncio.AbstractEventLoop).get("__init_subclass__"),
    ]
