"""Ending early, as far as that can be told without a signal."""

from __future__ import annotations

import asyncio

import pytest

from corral.job.stop import Stop


async def test_asked_before_it_is_armed():
    """A stop that was asked for before there was anything to stop ends it as soon as there is."""
    stop = Stop(grace=1000.0)
    stop.ask("SIGTERM")
    scope = asyncio.timeout(None)
    with pytest.raises(TimeoutError):
        async with scope:
            stop.arm(scope, lambda: True, lambda: None)
            await asyncio.Event().wait()
    assert stop.reason == "SIGTERM"


async def test_first_reason_counts():
    """What is asked for later changes neither the reason nor the grace that is running."""
    stop = Stop(grace=1000.0)
    async with asyncio.timeout(None) as scope:
        stop.arm(scope, lambda: False, lambda: None)
        stop.ask("max-failures")
        until = scope.when()
        stop.ask("SIGINT")
        assert scope.when() == until
        stop.disarm()
        scope.reschedule(None)
    assert stop.reason == "max-failures"


async def test_at_once():
    """A file that can no longer be written ends the run without grace, and where nothing runs it starts nothing."""
    stop = Stop(grace=1000.0)
    stop.at_once()
    assert (stop.asked, stop.reason) == (True, None)
    stop = Stop(grace=1000.0)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(None) as scope:
            stop.arm(scope, lambda: False, lambda: None)
            stop.at_once()
            await asyncio.Event().wait()
