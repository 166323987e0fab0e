"""A failure is told once, whoever holds its task for how long, and also if it came at the last moment."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import Callable

import pytest

from corral.guard import Report, failures, guard, install
from corral.guard.watch import Watch
from tests.guard.hazards import fail, turns

Loop = Callable[[], asyncio.AbstractEventLoop]


@pytest.fixture(autouse=True)
def _unlogged(caplog: pytest.LogCaptureFixture) -> None:
    """That nobody retrieved a failure is also said by asyncio itself, as it is without a guard."""
    caplog.set_level(logging.CRITICAL, "asyncio")


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
    for report in on.reports:
        assert report.made_at is not None
        assert report.made_at.function == "sleep"
    for stranger in strangers:
        stranger.cancel()
