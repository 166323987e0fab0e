"""Something that is cancelled while a thread of it is at work."""

from __future__ import annotations

import asyncio
from threading import Event
from typing import Any

import pytest


async def cancelled_meanwhile(work: asyncio.Future[Any], begun: Event, go_on: Event) -> None:
    """Cancels it once its thread has begun, sees that it waits for that, and lets both end."""
    await asyncio.to_thread(begun.wait, 20)
    work.cancel()
    await asyncio.sleep(0)
    assert not work.done()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await work
