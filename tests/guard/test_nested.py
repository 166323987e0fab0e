"""Blocks inside blocks: each answers for what was made in it, by its own grace, and what one has told no other tells again."""

from __future__ import annotations

import asyncio
import gc

import pytest

from corral.guard import Guard, guard
from tests.guard.hazards import fail, turns


def quiet(grace: float | None = 1.0) -> Guard:
    """A guard that only notes."""
    return guard(policy=lambda _: None, grace=grace)


def told(on: Guard) -> list[tuple[str, str | None]]:
    return [(report.kind, report.task) for report in on.reports]


async def test_what_had_failed_when_a_block_began_is_not_its_business() -> None:
    """A failure that nobody has looked at is told by the block that the task was made in, also if another begins and ends meanwhile."""
    async with quiet() as outer:
        kept = [asyncio.create_task(fail(), name=name) for name in ("long ago", "just now")]
        await asyncio.wait(kept[:1])
        async with quiet() as inner:
            await turns()
        assert told(inner) == told(outer) == []
    assert told(outer) == [("failed", "long ago"), ("failed", "just now")]
    assert all(task.done() for task in kept)


async def test_what_fails_and_is_dropped_in_an_inner_block_is_told_by_its_own() -> None:
    """It matters where a task was made, not where it is lost sight of."""
    async with quiet() as outer:
        asyncio.create_task(fail(after=5), name="outer")
        async with quiet() as inner:
            asyncio.create_task(fail(after=5), name="inner")
            await turns()
    assert told(inner) == [("failed", "inner")]
    assert told(outer) == [("failed", "outer")]


async def test_what_is_older_than_all_blocks_is_told_by_the_outermost() -> None:
    """Its failure is seen only because of the guards; the first that came answers for it."""
    asyncio.create_task(fail(after=5), name="older")
    async with quiet() as outer, quiet() as inner:
        await turns()
    assert told(inner) == []
    assert told(outer) == [("failed", "older")]


@pytest.mark.virtual_time
@pytest.mark.parametrize(("outside", "inside"), [(10, None), (None, 10), (10, 50), (50, 10)])
async def test_each_block_has_its_own_grace(outside: float | None, inside: float | None) -> None:
    """A failure is told when the grace of its own block is over: at the block's end for None, whatever the other says."""
    async with quiet(outside) as outer:
        first = asyncio.create_task(fail(), name="first")
        await turns()
        async with quiet(inside) as inner:
            second = asyncio.create_task(fail(), name="second")
            await asyncio.sleep(30)
            assert told(outer) == ([("failed", "first")] if outside == 10 else [])
            assert told(inner) == ([("failed", "second")] if inside == 10 else [])
        assert told(inner) == [("failed", "second")]
        await asyncio.sleep(30)
        assert told(outer) == ([] if outside is None else [("failed", "first")])
    assert told(outer) == [("failed", "first")]
    assert first.done() and second.done()  # noqa: PT018  both are held until here


@pytest.mark.parametrize("holder", ["somebody", "nobody", "itself"])
async def test_task_told_as_pending_is_not_told_again_when_it_fails(holder: str) -> None:
    """The block around it has nothing to add: that the task outlives its block is what is wrong, whoever holds it then."""
    async with quiet() as outer:
        async with quiet() as inner:
            kept: list[object] = [asyncio.create_task(until(failing := asyncio.Event()), name="left")]
            await turns()
        failing.set()
        if holder == "itself":
            kept.append(kept)
        if holder != "somebody":
            del kept
        await turns()
        gc.collect()
        await turns()
    assert told(inner) == [("pending", "left")]
    assert told(outer) == []


async def until(failing: asyncio.Event) -> None:
    await failing.wait()
    raise ValueError


def test_task_told_as_pending_is_not_told_again_when_it_is_lost() -> None:
    """What a block has told, the one around it does not tell again when the loop lets go of it in the end."""
    outer, inner = quiet(), quiet()

    async def main() -> None:
        outer.__enter__()
        with inner:
            asyncio.Task(asyncio.sleep(0), name="bypass")

    loop = asyncio.new_event_loop()
    loop.run_until_complete(main())
    loop.close()
    outer.__exit__(None, None, None)
    assert told(inner) == [("pending", "bypass")]
    assert told(outer) == []
