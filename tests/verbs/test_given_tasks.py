"""Tasks and Futures that `gather_tg` is given end with it, whether or not their turn had come."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from corral import gather_tg
from tests.children import fails, leaves, notes, others, returns, turns, waits
from tests.verbs.by_name import BESIDE


@pytest.mark.parametrize("limit", [None, 1])
@BESIDE
async def test_given_tasks_end_with_the_verb(beside: int, limit: int | None) -> None:
    """On abort every Task or Future that was given is cancelled and awaited, reached or not."""
    log: list[str] = []
    future = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(waits(log, cleanup=5))
    await turns(1)
    with pytest.raises(ExceptionGroup, match="1 input failed"):
        await gather_tg(fails(ValueError(), 0), *others(beside), task, future, limit=limit)
    assert task.cancelled()
    assert future.cancelled()
    assert log == ["child cancelled", "child gone"]


async def test_unreached_tasks_report_their_failures() -> None:
    """What a given Task raises while it is cancelled unreached belongs to the group, under its own number."""

    async def fails_in_cleanup():
        try:
            await waits([], cleanup=1)
        finally:
            raise KeyError("cleanup")

    task = asyncio.create_task(fails_in_cleanup())
    await turns(1)
    with pytest.raises(ExceptionGroup) as caught:
        await gather_tg(fails(ValueError("first")), returns(1), task, limit=1, show_items=False)
    assert [(repr(e), notes(e)) for e in caught.value.exceptions] == [
        ("ValueError('first')", ["gather_tg: input 0"]),
        ("KeyError('cleanup')", ["gather_tg: input 2"]),
    ]


async def test_unreached_tasks_fail_once() -> None:
    """A caller that is cancelled again while such a Task cleans up hears of its failure once."""

    async def stubborn():
        try:
            await waits([])
        finally:
            with suppress(asyncio.CancelledError):  # it hears of that again, too
                await turns(4)
            raise KeyError("cleanup")

    given = asyncio.ensure_future(stubborn())
    call = asyncio.ensure_future(gather_tg(waits([]), *others(6), given, limit=1))
    await turns(3)
    for _ in range(2):
        call.cancel()
        await turns(2)
    with pytest.raises(asyncio.CancelledError) as caught:
        await call
    assert list(map(repr, leaves(caught.value.__cause__))) == ["KeyError('cleanup')"]


async def test_unreached_failures_are_told() -> None:
    """A given Future that has failed already belongs to the group, though the verb ended before its turn came."""
    failed = asyncio.get_running_loop().create_future()
    failed.set_exception(KeyError("before"))
    with pytest.raises(ExceptionGroup) as caught:
        await gather_tg(fails(ValueError("first")), *others(6), failed, limit=1, show_items=False)
    assert [(repr(e), notes(e)) for e in caught.value.exceptions] == [
        ("ValueError('first')", ["gather_tg: input 0"]),
        ("KeyError('before')", ["gather_tg: input 7"]),
    ]


@pytest.mark.parametrize("limit", [None, 1])
@BESIDE
async def test_given_tasks_are_cancelled_as_often_as_the_caller(beside: int, limit: int | None) -> None:
    """Each `cancel()` of the caller reaches every given Task, those that were not reached yet as well."""
    heard: list[int] = []

    async def stubborn():
        for number in range(2):
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                heard.append(number)

    given = asyncio.ensure_future(stubborn())
    call = asyncio.ensure_future(gather_tg(waits([]), *others(beside), given, limit=limit))
    await turns(3)
    for _ in range(2):
        call.cancel()
        await turns(2)
    with pytest.raises(asyncio.CancelledError):
        await call
    assert heard == [0, 1]
    assert given.done()
