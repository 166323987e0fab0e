"""Coroutines that nobody awaits: told, and Python's own warning comes as ever."""

from __future__ import annotations

import asyncio
import logging

import pytest

from corral.guard import Report, guard, install
from corral.guard import coroutines as dropped
from corral.guard.coroutines import _one_frame_further
from tests.guard.hazards import tick


def test_coroutines_dropped_where_no_loop_runs_are_told() -> None:
    """A coroutine that is never awaited is told even outside of any loop, and Python's own warning points where it did."""
    with install(policy=lambda _: None) as installed, pytest.warns(RuntimeWarning, match="coroutine 'tick'") as caught:
        tick()
    assert caught[0].filename == __file__
    (report,) = installed.reports
    assert (report.kind, report.coroutine) == ("unawaited", "tick")


async def test_own_failure_about_a_coroutine_is_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Python's own warning of a dropped coroutine comes even if ours fails."""

    def broken(coro: object) -> None:
        raise ValueError("no words")

    with caplog.at_level(logging.ERROR, "corral.guard"):
        async with guard():
            monkeypatch.setattr(dropped, "_tell", broken)
            with pytest.warns(RuntimeWarning, match="never awaited"):
                [tick()].clear()
            monkeypatch.undo()
    assert any("corral.guard failed on" in record.message for record in caplog.records)


def test_others_ways_to_warn_are_called_as_they_are() -> None:
    """Only Python's own function is given a longer way to the line; anything else in its place is called as it is."""
    assert _one_frame_further(len) is len


async def test_coroutine_dropped_in_a_thread_without_a_loop_is_not_the_blocks() -> None:
    """A block answers for its loop: what another thread drops is Python's to tell."""
    found: list[Report] = []
    async with guard(policy=found.append):
        with pytest.warns(RuntimeWarning, match="never awaited"):
            await asyncio.to_thread(lambda: [tick()].clear())
    assert found == []
