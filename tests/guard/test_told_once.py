"""A failure is told once, whoever holds its task for how long, and also if it came at the last moment."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import sys
import warnings
from collections.abc import Callable
from typing import Any

import pytest

from corral.guard import Report, failures, guard, install
from corral.guard.watch import Watch
from tests.guard.hazards import fail, tick, turns

Loop = Callable[[], asyncio.AbstractEventLoop]


def told(reports: list[Report]) -> list[str]:
    return [report.kind for report in reports if report.kind == "failed"]


@pytest.mark.parametrize("how", ["dropped", "collected"])
def test_failure_told_when_its_loop_ended_is_not_told_again_while_that_is_closed(how: str, loop_factory: Loop) -> None:
    """`asyncio.run` runs the loop once more to close it: a task that was held until then dies there, and has been told of.

    Any other thread may be the holder: `asyncio.all_tasks` takes hold of the tasks of all loops, for a moment.
    """
    found: list[Report] = []
    holders: list[list[object]] = []

    async def let_go() -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            holders.clear()
            gc.collect()

    async def main() -> None:
        holder: list[object] = [asyncio.create_task(fail(after=1))]
        if how == "collected":
            holder.append(holder)  # no weak reference to what is in a cycle lives to see asyncio told of its death
        holders.append(holder)
        del holder
        await turns()
        asyncio.create_task(let_go())
        await asyncio.sleep(0)

    with install(policy=found.append), asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(main())
    assert told(found) == ["failed"]
    assert not holders


async def test_failure_told_by_one_guard_is_not_told_again_by_the_next() -> None:
    """A block answers for what fails in it, not for a task of an earlier block that was told there and dies here."""
    async with guard(policy=lambda _: None) as first:
        task = asyncio.create_task(fail(after=1))
        await turns()
    async with guard(policy=lambda _: None) as second:
        del task
        await turns()
    assert told(first.reports) == ["failed"]
    assert second.reports == []


@pytest.mark.parametrize("after", range(4))
async def test_failure_at_the_last_moment_is_told(after: int) -> None:
    """In whatever turn of the loop a task fails while the block is left, also in the one before its callbacks are called."""
    async with guard(policy=lambda _: None) as on:
        task = asyncio.create_task(fail(after=after))
    assert told(on.reports) == ["failed"]
    assert task.done()


async def test_task_that_dies_in_another_thread_meanwhile_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """While the guard counts the failed tasks it knows of, any of them may die: that one is told, and the others are still known."""
    count = failures._PURGE
    tasks: list[asyncio.Task[None]] = []
    told_to_loop: list[object] = []
    is_unread = failures.is_unread
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: told_to_loop.append(type(context["exception"])))

    async with guard(policy=lambda _: None, grace=None) as on:
        known = Watch.of(loop).failures._unread

        def and_one_dies(task: object) -> bool:
            if len(known) == count:
                tasks.pop(0)
            return is_unread(task)

        monkeypatch.setattr(failures, "is_unread", and_one_dies)
        tasks += [asyncio.create_task(fail(after=1)) for _ in range(count)]
        await turns()
        assert told(on.reports) == ["failed"]
        assert told_to_loop == [ValueError]
    assert len(told(on.reports)) == count
    assert len({report.task for report in on.reports}) == count


async def test_place_of_a_task_is_not_that_of_one_that_had_its_id_before() -> None:
    """What is known of a failed task is forgotten with it: another one at the same address was made somewhere else."""
    async with guard(policy=lambda _: None) as on:
        before = asyncio.create_task(fail(after=1))
        await turns()
        before.exception()
        last, strangers = id(before), []
        del before
        for _ in range(1000):
            strangers.append(asyncio.Task(asyncio.sleep(3600)))  # made by hand: the guard is not told
            if id(strangers[-1]) == last:
                break
        assert id(strangers[-1]) == last
    assert [report.made_at and report.made_at.function for report in on.reports] == ["sleep"] * len(strangers)
    for stranger in strangers:
        stranger.cancel()


@pytest.mark.parametrize(("after", "told"), [(0, ["pending"]), (1, []), (2, ["failed"]), (3, ["failed"])])
async def test_failure_is_told_at_most_once_whichever_turn_the_block_ends_in(after: int, told: list[str]) -> None:
    """The block may end before the task fails, in that turn (then it is asyncio's to tell), or before its waiters had theirs."""
    found: list[Report] = []
    with guard(policy=found.append):
        task = asyncio.create_task(fail())
        await turns(after)
    await turns()
    assert [report.kind for report in found] == told
    assert isinstance(task.exception(), ValueError)


async def test_what_is_reported_after_the_end_is_not() -> None:
    """A failure that comes to light when the block is over is asyncio's to tell."""
    found: list[Report] = []
    with warnings.catch_warnings(), guard(policy=found.append):
        task = asyncio.create_task(fail(after=5))
        await asyncio.sleep(0)
    assert [report.kind for report in found] == ["pending"]
    with contextlib.suppress(ValueError):
        await task
    assert len(found) == 1


async def test_future_that_fails_when_the_block_is_over_is_not_told() -> None:
    """Its task was told as pending; its failure comes after."""
    found: list[Report] = []
    loop = asyncio.get_running_loop()
    with guard(policy=found.append):
        future = asyncio.run_coroutine_threadsafe(fail(after=5), loop)
        await turns(2)
    assert [report.kind for report in found] == ["pending"]
    await turns()
    assert future.done()
    del future
    assert len(found) == 1


def test_future_that_is_dropped_when_its_loop_is_closed_is_told_at_the_end() -> None:
    """There is no turn of the loop left to tell it in."""
    found: list[Report] = []
    kept: list[Any] = []
    on = guard(policy=found.append)

    async def main() -> None:
        on.__enter__()
        kept.append(asyncio.run_coroutine_threadsafe(fail(), asyncio.get_running_loop()))
        await turns()

    loop = asyncio.new_event_loop()
    loop.run_until_complete(main())
    loop.close()
    kept.clear()
    assert found == []
    on.__exit__(None, None, None)
    assert [report.kind for report in found] == ["future"]


async def test_failures_that_were_seen_after_all_are_forgotten() -> None:
    """A program that keeps its failed tasks, and looks at each a moment later, does not fill the guard's memory."""
    found: list[Report] = []
    async with guard(policy=found.append):
        watch = Watch.of(asyncio.get_running_loop())
        kept: list[asyncio.Task[None]] = []
        for _ in range(5):
            more = [asyncio.create_task(fail()) for _ in range(50)]
            await turns(3)
            assert all(task.exception() for task in more)
            kept += more
        assert len(watch.failures._unread) < 200
    assert found == []


async def test_nothing_is_told_while_the_interpreter_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """What dies then has always been lost: neither a coroutine nor a task is told of, and both are asyncio's and Python's again."""
    found: list[Report] = []
    got: list[object] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: got.append(context["message"]))
    with monkeypatch.context() as patch:
        patch.setattr(sys, "is_finalizing", lambda: True)
        async with guard(policy=found.append):
            with pytest.warns(RuntimeWarning, match="never awaited"):
                [tick()].clear()
            loop.call_exception_handler({"message": "Task was destroyed but it is pending!"})
    assert got == ["Task was destroyed but it is pending!"]
    assert found == []


@pytest.mark.parametrize("after", range(1, 6))
def test_failure_is_told_when_its_loop_is_closed_by_hand(after: int) -> None:
    """In whatever turn the loop stops: the end of the block comes when no turn is left, and no timer can be set."""
    found: list[Report] = []
    kept: list[asyncio.Task[None]] = []
    on = guard(policy=found.append)

    async def main() -> None:
        on.__enter__()
        kept.append(asyncio.create_task(fail()))
        await turns(after)

    loop = asyncio.new_event_loop()
    loop.run_until_complete(main())
    loop.close()
    on.__exit__(None, None, None)
    assert told(found) == ["failed"]
    assert kept[0].exception()


def test_exit_out_of_a_task_is_no_failure() -> None:
    """`SystemExit` leaves through the loop at once: nobody has to look for it at the task."""
    found: list[Report] = []

    async def leaves() -> None:
        raise SystemExit(3)

    async def main() -> None:
        async with guard(policy=found.append):
            tasks = [asyncio.create_task(leaves())]
            await asyncio.sleep(3600)
            del tasks

    with pytest.raises(SystemExit):
        asyncio.run(main())
    assert found == []


async def test_failures_are_not_counted_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is known of failed tasks is looked through when it has doubled: a crowd of them costs each a look or two."""
    looks: list[object] = []
    is_unread = failures.is_unread

    def noted(task: object) -> bool:
        looks.append(None)
        return is_unread(task)

    async with guard(policy=lambda _: None):
        monkeypatch.setattr(failures, "is_unread", noted)
        tasks = [asyncio.create_task(fail()) for _ in range(500)]
        await turns()
        assert 500 <= len(looks) <= 1500
        assert all(task.exception() for task in tasks)
