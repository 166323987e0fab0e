"""What a gather gives: outcomes that nobody reads, and gathers that nobody awaits."""

from __future__ import annotations

import asyncio
import sys
from types import FrameType
from typing import Any

from corral.guard import Report, gathers, guard
from tests.guard.hazards import fail, tick, turns


async def test_outcomes_of_tasks_that_are_asked_one_by_one_are_not_discarded() -> None:
    """Whoever made the tasks, threw away what the gather returned and then asks each of them has lost nothing."""
    found: list[Report] = []
    async with guard(policy=found.append):
        pair = [asyncio.create_task(fail()), asyncio.create_task(tick())]
        await asyncio.gather(*pair, return_exceptions=True)
        assert [type(task.exception()) for task in pair] == [ValueError, type(None)]
    assert found == []


async def test_outcomes_of_tasks_that_nobody_asks_are_discarded() -> None:
    """To have made the tasks by hand is not to look at them: told with the line that made each."""
    found: list[Report] = []

    def made() -> list[asyncio.Task[Any]]:
        return [asyncio.create_task(fail()), asyncio.create_task(fail(after=20)), asyncio.create_task(tick(10))]

    async def careless() -> None:
        await asyncio.gather(*made(), return_exceptions=True)

    async with guard(policy=found.append):
        await careless()
    assert [report.kind for report in found] == ["discarded", "discarded"]
    assert all(report.made_at is not None and report.made_at.function.endswith("made") for report in found)


async def test_outcomes_of_coroutines_are_discarded_though_others_are_asked_one_by_one() -> None:
    """A function that looks at its own tasks cannot look at those that the gather made of its coroutines."""
    found: list[Report] = []

    async def asks() -> None:
        mine = asyncio.create_task(fail("mine"))
        await asyncio.gather(mine, fail("lost"), return_exceptions=True)
        assert mine.exception()

    async with guard(policy=found.append):
        await asks()
    assert [(report.kind, str(report.exception)) for report in found] == [("discarded", "lost")]


async def test_crowd_of_discarded_outcomes_costs_each_a_look_or_two() -> None:
    """The outcomes are not compared with one another: that would freeze the loop for seconds."""
    calls = 0

    def noted(frame: FrameType, event: str, _: object) -> None:
        nonlocal calls
        calls += event == "call" and frame.f_code.co_filename == gathers.__file__

    async with guard(policy=lambda _: None):
        coros = [fail() for _ in range(500)]
        sys.setprofile(noted)
        try:
            await asyncio.gather(*coros, return_exceptions=True)
        finally:
            sys.setprofile(None)
    assert 0 < calls < 500


async def test_of_very_many_discarded_outcomes_the_first_are_told() -> None:
    """A gather of a hundred failures that nobody reads is no hundred reports."""
    found: list[Report] = []
    async with guard(policy=found.append):
        await asyncio.gather(*[fail() for _ in range(100)], return_exceptions=True)
    assert {report.kind for report in found} == {"discarded"}
    assert len(found) == 20


async def test_outcomes_that_are_used_in_place_are_not_discarded() -> None:
    """What is done with them is anything but a dropped value: indexed, returned through a task, given to a callback."""
    found: list[Report] = []

    async def both() -> list[Any]:
        return await asyncio.gather(tick(), fail(), return_exceptions=True)

    async with guard(policy=found.append):
        assert isinstance((await asyncio.gather(tick(), fail(), return_exceptions=True))[1], ValueError)
        assert len(await asyncio.create_task(both())) == 2
        gathered = asyncio.gather(tick(), fail(), return_exceptions=True)
        seen: list[Any] = []
        gathered.add_done_callback(seen.append)
        await turns()
        assert len(seen) == 1
        gathered.result()
    assert found == []


async def test_gather_that_dies_as_the_block_ends_is_not_told() -> None:
    """It could only be told by a scope that is over."""
    found: list[Report] = []
    with guard(policy=found.append):
        asyncio.gather(tick(0))
        await turns(2)
    before = list(found)
    await turns()
    assert found == before


async def test_gather_that_is_awaited_the_turn_after_its_end_is_not_told() -> None:
    """Done and not awaited yet is not the same as never awaited; nor is done and kept."""
    found: list[Report] = []
    async with guard(policy=found.append):
        for late in range(6):
            gathered = asyncio.gather(tick(0))
            await turns(late)
            assert await gathered == [1]
        kept = asyncio.gather(tick(0))
        await turns()
        kept.cancel()
    assert found == []
