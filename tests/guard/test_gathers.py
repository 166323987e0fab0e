"""What a gather leaves behind: siblings that run on or fail second, outcomes that nobody reads, gathers that nobody awaits."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest

from corral.guard import Report, guard
from tests.guard.hazards import fail, gathered, tick, turns


async def test_siblings_of_a_failed_gather_are_named() -> None:
    """What runs on, and what fails second, is told with its own line, what it waits on, and what the gather had failed with."""
    found: list[Report] = []
    async with guard(policy=found.append):
        with pytest.raises(ValueError, match="first"):
            await asyncio.gather(fail("first"), fail("second"), asyncio.sleep(3600), return_exceptions=False)
        await turns()
    second, runs_on = found
    assert (second.kind, runs_on.kind) == ("swallowed", "orphaned")
    assert "failed, too, in a gather that had failed with ValueError('first')" in second.what
    assert "asyncio drops this one" in second.what
    assert "runs on, though the gather it was in has failed with ValueError('first')" in runs_on.what
    assert runs_on.waits_on == "sleep(3600)"
    assert second.made_at is not None
    assert second.made_at.function == "test_siblings_of_a_failed_gather_are_named"
    for each in asyncio.all_tasks() - {asyncio.current_task()}:
        each.cancel()


async def test_crowds_of_siblings_are_told_in_part() -> None:
    """Of a gather with a thousand siblings twenty are told, and the last says so."""
    async with guard(policy=lambda _: None) as on:
        with pytest.raises(ValueError, match="boom"):
            await asyncio.gather(fail(), *(asyncio.sleep(3600) for _ in range(1000)))
        await turns()
        told = [report for report in on.reports if report.kind == "orphaned"]
        assert len(told) == 20
        assert told[-1].what.endswith("what else there is of this gather is not told")
        for each in asyncio.all_tasks() - {asyncio.current_task()}:
            each.cancel()
        await turns()


async def test_sibling_by_hand_that_ends_within_the_grace_is_told_then() -> None:
    """A task made by hand may still be dealt with; once it has run to its end, it was not."""
    found: list[Report] = []

    async def careless() -> None:
        pair = [asyncio.create_task(fail()), asyncio.create_task(tick(30))]
        with contextlib.suppress(ValueError):
            await asyncio.gather(*pair)
        await turns(60)

    async with guard(policy=found.append):
        await careless()
    assert [(report.kind, "ran on to its end" in report.what) for report in found] == [("orphaned", True)]


@pytest.mark.virtual_time
async def test_sibling_that_is_awaited_within_the_grace_is_not_told() -> None:
    """Whoever awaits the other later, alone or in `asyncio.wait`, has dealt with it."""
    found: list[Report] = []
    for alone in (True, False):
        async with guard(policy=found.append, grace=0.01):
            other = asyncio.create_task(asyncio.sleep(0.05))
            with contextlib.suppress(ValueError):
                await asyncio.gather(fail(), other)
            await turns()
            await (other if alone else asyncio.wait([other]))
    assert found == []


@pytest.mark.parametrize("after", range(3, 8))
@pytest.mark.parametrize("alone", [True, False])
async def test_sibling_that_fails_while_it_is_waited_for_is_not_told(alone: bool, after: int) -> None:
    """Whoever waits for it already, alone or in `asyncio.wait`, has its failure, in whichever turn that comes."""
    found: list[Report] = []

    async def careful(other: asyncio.Task[None]) -> None:
        with contextlib.suppress(ValueError):
            await asyncio.gather(fail("first"), other)
        with contextlib.suppress(ValueError):
            await (other if alone else asyncio.wait([other, asyncio.create_task(tick(20))]))

    async with guard(policy=found.append):
        other = asyncio.create_task(fail("second", after))
        await careful(other)
        assert str(other.exception()) == "second"
    assert found == []


@pytest.mark.parametrize("after", range(3))
async def test_sibling_that_fails_before_it_is_judged_is_told(after: int) -> None:
    """It fails with the first or a turn or two later, and nobody waits for it: told with the line that made it, not the gather's."""
    found: list[Report] = []

    def pair() -> list[asyncio.Task[None]]:
        return [asyncio.create_task(fail("first")), asyncio.create_task(fail("second", after))]

    async def careless() -> None:
        with contextlib.suppress(ValueError):
            await asyncio.gather(*pair())
        await turns()

    async with guard(policy=found.append):
        await careless()
    (report,) = found
    assert (report.kind, str(report.exception)) == ("swallowed", "second")
    assert report.made_at is not None
    assert report.made_at.function.endswith("pair")


@pytest.mark.virtual_time
async def test_after_the_grace_only_those_are_told_that_were_not() -> None:
    """The sibling that the gather had made is told at once, the one made by hand after the grace; each is told once."""
    found: list[Report] = []
    async with guard(policy=found.append, grace=0.01):
        by_hand = asyncio.create_task(asyncio.sleep(1, "hand"))
        with contextlib.suppress(ValueError):
            await asyncio.gather(fail(), asyncio.sleep(1, "gather"), by_hand)
        await asyncio.sleep(0.5)
    assert [report.kind for report in found] == ["orphaned", "orphaned"]
    assert len({report.task for report in found}) == 2
    by_hand.cancel()


async def test_future_that_fails_second_is_told_as_what_it_is() -> None:
    """A sibling need not be a task."""
    found: list[Report] = []
    async with guard(policy=found.append):
        future = asyncio.get_running_loop().create_future()
        gathered = asyncio.gather(fail(), future)
        await turns(1)
        future.set_exception(ValueError("second"))
        with contextlib.suppress(ValueError):
            await gathered
        await turns()
    assert [(report.kind, report.what.split(",")[0]) for report in found] == [("swallowed", "a Future failed")]


async def test_gather_that_fails_in_the_last_moment_is_judged() -> None:
    """A block that ends right behind the failed gather tells of the sibling, too."""
    found: list[Report] = []
    other = None
    with guard(policy=found.append):
        other = asyncio.create_task(asyncio.sleep(3600))
        with contextlib.suppress(ValueError):
            await asyncio.gather(fail(), other)
    assert [report.code for report in found] == ["TG002"]
    other.cancel()


@pytest.mark.virtual_time
async def test_sibling_has_the_whole_grace() -> None:
    """A sibling may go unattended for as long as the grace says, whenever another's ran out; and it is looked at then."""
    found: list[Report] = []
    async with guard(policy=found.append, grace=10):
        for name in ("first", "second"):
            asyncio.create_task(careless(name))
            await asyncio.sleep(7)
        assert [(report.kind, report.task) for report in found] == [("orphaned", "first")]
        await asyncio.sleep(7)
        assert [(report.kind, report.task) for report in found] == [("orphaned", "first"), ("orphaned", "second")]
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()


async def careless(name: str) -> None:
    """Leaves a task of its own running when the gather has failed."""
    other = asyncio.create_task(asyncio.sleep(3600), name=name)
    with contextlib.suppress(ValueError):
        await gathered(fail(), other)
    await asyncio.sleep(3600)


async def test_outcomes_of_tasks_that_are_asked_one_by_one_are_not_discarded() -> None:
    """Whoever made the tasks, threw away what the gather returned and then asks each of them has lost nothing."""
    found: list[Report] = []
    async with guard(policy=found.append):
        pair = [asyncio.create_task(fail()), asyncio.create_task(tick())]
        await asyncio.gather(*pair, return_exceptions=True)
        assert [type(task.exception()) for task in pair] == [ValueError, type(None)]
    assert found == []


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
