"""What a gather leaves behind when it has failed: siblings that run on, and failures that come second."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from corral.guard import Report, guard, siblings
from corral.guard.watch import Watch
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


async def test_whoever_hears_of_it_at_second_hand_has_a_turn_to_deal_with_it() -> None:
    """Even where no grace is given: the gather may have been awaited by a task that the handler awaits."""
    found: list[Report] = []
    async with guard(policy=found.append, grace=0):
        pair = [asyncio.create_task(fail()), asyncio.create_task(asyncio.sleep(3600))]
        try:
            await asyncio.create_task(gathered(*pair))
        except ValueError:
            pair[1].cancel()
        await turns()
    assert found == []


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


@pytest.mark.parametrize("after", range(4))
async def test_sibling_that_failed_and_is_gathered_again_is_not_told(after: int) -> None:
    """The handler gives all its tasks to another gather, which has the second failure, too."""
    found: list[Report] = []

    async def careful() -> list[object]:
        pair = [asyncio.create_task(fail("first")), asyncio.create_task(fail("second", after))]
        try:
            return await asyncio.gather(*pair)
        except ValueError:
            return await asyncio.gather(*pair, return_exceptions=True)

    async with guard(policy=found.append):
        assert [str(each) for each in await careful()] == ["first", "second"]
        await turns()
    assert found == []


async def test_sibling_that_another_gather_waits_for_is_not_told() -> None:
    """It was given to two: the one that goes on answers for it."""
    found: list[Report] = []
    async with guard(policy=found.append):
        other = asyncio.create_task(tick(20))
        goes_on = asyncio.create_task(gathered(other, tick(30)))
        await turns(1)
        with contextlib.suppress(ValueError):
            await gathered(fail(), other)
        assert await goes_on == [1, 1]
    assert found == []


@pytest.mark.parametrize("by_hand", [True, False])
async def test_crowd_of_siblings_that_end_at_once_costs_each_a_look_or_two(
    by_hand: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who waits for them is not looked up for each: a gather of thousands would freeze the loop when its first fails."""
    looks: list[object] = []
    awaiting = siblings.awaiting

    def noted(coro: object) -> object:
        looks.append(None)
        return awaiting(coro)

    monkeypatch.setattr(siblings, "awaiting", noted)
    async with guard(policy=lambda _: None):
        crowd = [tick(after) if after % 2 else fail(after=after) for after in range(1, 11) for _ in range(50)]
        others = [asyncio.create_task(each) for each in crowd] if by_hand else crowd
        with contextlib.suppress(ValueError):
            await gathered(fail(), *others)
        await turns()
    assert len(looks) <= 10 * len(crowd)


async def test_set_that_lets_go_of_its_tasks_does_not_wait_for_them() -> None:
    """To keep a task until it ends, as the documentation of asyncio has it, is not to look at what it comes to."""
    found: list[Report] = []
    background: set[asyncio.Task[int]] = set()
    async with guard(policy=found.append):
        other = asyncio.create_task(tick(20))
        background.add(other)
        other.add_done_callback(background.discard)
        with contextlib.suppress(ValueError):
            await gathered(fail(), other)
        await turns()
    assert not background
    assert [report.kind for report in found] == ["orphaned"]


async def test_sibling_that_is_cancelled_from_inside_has_not_run_on() -> None:
    """It ended because of something that it waited for, and did no more work."""
    found: list[Report] = []
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def waits() -> None:
        await future

    async with guard(policy=found.append):
        other = asyncio.create_task(waits())
        with contextlib.suppress(ValueError):
            await gathered(fail(), other)
        await turns()
        future.cancel()
        await turns()
    assert other.cancelled()
    assert found == []


@pytest.mark.virtual_time
@pytest.mark.parametrize("grace", [10, 1000])
async def test_sibling_that_was_asked_to_stop_may_take_its_time(grace: float) -> None:
    """Whoever cancels a sibling has dealt with it, though it finishes what it does, within the grace or beyond it."""
    found: list[Report] = []

    async def finishes() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(3600)
        await asyncio.sleep(60)

    async with guard(policy=found.append, grace=grace):
        other = asyncio.create_task(finishes())
        with contextlib.suppress(ValueError):
            await gathered(fail(), other)
        await turns()
        other.cancel()
        await asyncio.sleep(90)
    assert other.done()
    assert not other.cancelled()
    assert found == []


async def test_sibling_is_not_looked_at_before_the_handler_had_its_turn() -> None:
    """The grace of others may be over in the very turn in which a gather fails."""
    found: list[Report] = []
    async with guard(policy=found.append, grace=0):
        watch = Watch.of(asyncio.get_running_loop())
        other = asyncio.create_task(asyncio.sleep(3600))
        gathering = asyncio.gather(fail(), other)
        gathering.add_done_callback(lambda _: watch.siblings.look())
        with contextlib.suppress(ValueError):
            await gathering
        other.cancel()
        await turns()
    assert found == []


async def test_siblings_that_nobody_has_are_told_though_others_are_asked_one_by_one() -> None:
    """A function that looks at its own tasks cannot look at those that the gather made of its coroutines."""
    found: list[Report] = []

    async def asks() -> None:
        mine = asyncio.create_task(fail("mine", after=1))
        with contextlib.suppress(ValueError):
            await asyncio.gather(fail("first"), mine, fail("second"))
        assert mine.exception()

    async with guard(policy=found.append):
        await asks()
        await turns()
    assert [(report.kind, str(report.exception)) for report in found] == [("swallowed", "second")]


async def test_siblings_of_a_gather_in_a_gather_are_told_once() -> None:
    """A failure goes out through both: each has its own siblings to tell of."""
    found: list[Report] = []
    async with guard(policy=found.append):
        inner = asyncio.gather(fail(), asyncio.sleep(3600, "inner"))
        with contextlib.suppress(ValueError):
            await asyncio.gather(asyncio.sleep(3600, "outer"), inner)
        await turns()
        for each in asyncio.all_tasks() - {asyncio.current_task()}:
            each.cancel()
    assert [report.kind for report in found] == ["orphaned", "orphaned"]
    assert len({report.task for report in found}) == 2
    assert sum("in task 'Task-" in report.what for report in found) == 1
    assert sum("in a future" in report.what for report in found) == 1


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
