"""The instruments under every published number."""

from __future__ import annotations

import asyncio
import resource
import sys
import time
from pathlib import Path

import pytest

from corral.cli import demo_meter
from corral.cli.demo_meter import Heartbeat, PeakMemory


async def test_heartbeat_sees_a_blocked_loop() -> None:
    """A call that blocks the loop for 80 ms is told as a freeze of about that."""
    async with Heartbeat() as heart:
        await asyncio.sleep(0.01)
        time.sleep(0.08)
        await asyncio.sleep(0.01)
    assert heart.longest_freeze >= 0.07


async def test_heartbeat_counts_what_never_yields() -> None:
    """Code that gives the beat no turn until the very end does not come out as zero."""
    async with Heartbeat() as heart:
        time.sleep(0.08)
    assert heart.longest_freeze >= 0.07


async def test_heartbeat_forgets_on_reset() -> None:
    """What happened before `reset` is not charged to what comes after."""
    async with Heartbeat() as heart:
        time.sleep(0.3)
        heart.reset()
        await asyncio.sleep(0)
    assert heart.longest_freeze < 0.3


async def test_heartbeat_leaves_no_task() -> None:
    """The instrument's own task is gone when the block ends."""
    before = asyncio.all_tasks()
    async with Heartbeat():
        await asyncio.sleep(0.01)
    assert asyncio.all_tasks() == before


def test_peak_memory_sees_what_is_gone_again() -> None:
    """50 MB that were held for a moment are in the peak after they were freed, and not in a later measurement."""
    memory = PeakMemory()
    block = bytearray(50_000_000)
    block[::4096] = b"x" * len(block[::4096])
    del block
    assert 45_000_000 <= memory.above_baseline() <= 80_000_000
    assert PeakMemory().above_baseline() < 45_000_000


def test_memory_where_the_kernel_tells_less(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without `/proc`, or with one that lacks the mark, the peak is that of the whole life of the process, and no error."""
    usage = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    (tmp_path / "status").write_text("Name: python\n")
    monkeypatch.setattr(demo_meter, "_CLEAR_REFS", tmp_path / "no" / "clear_refs")
    for status in ("status", "nothing"):
        monkeypatch.setattr(demo_meter, "_STATUS", tmp_path / status)
        assert demo_meter.peak_bytes() >= usage
        assert 0 <= PeakMemory().above_baseline() < usage
