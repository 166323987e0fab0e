"""`timeout=` is for each input, from its start; `asyncio.timeout` around a verb is for the whole."""

from __future__ import annotations

import asyncio

import pytest

from corral import gather_tg, join_tg, map_tg, stream_tg
from tests.children import Crowd, end_of, notes, turns, waits
from tests.verbs.by_name import VERBS, run


async def sleeps(seconds):
    await asyncio.sleep(seconds)
    return seconds


@VERBS
@pytest.mark.virtual_time
async def test_for_each_input(verb: str) -> None:
    """An input that takes longer fails with `TimeoutError`; those that take less do not, however long all take together."""
    loop = asyncio.get_running_loop()
    begun = loop.time()
    outcomes = await run(verb, sleeps, [3, 4, 6, 4, 99, 3], limit=1, timeout=5, on_error="collect")
    assert [type(outcome).__name__ for outcome in outcomes] == ["Ok", "Ok", "Err", "Ok", "Err", "Ok"]
    assert {type(outcomes[2].error), type(outcomes[4].error)} == {TimeoutError}
    assert loop.time() - begun == pytest.approx(3 + 4 + 5 + 4 + 5 + 3)


@VERBS
@pytest.mark.virtual_time
async def test_from_its_start(verb: str) -> None:
    """The time that an input waits for its place does not count."""
    outcomes = await run(verb, sleeps, [4] * 10, limit=2, timeout=5.0, on_error="collect")
    assert [outcome.value for outcome in outcomes] == [4] * 10


@pytest.mark.virtual_time
async def test_it_is_a_failure_like_others() -> None:
    """Under `first` and `group` a timeout ends the verb, with the note that names the input."""
    with pytest.raises(TimeoutError) as caught:
        await map_tg(sleeps, [1, 9], limit=2, timeout=5, on_error="first")
    assert notes(caught.value) == ["map_tg: input 1: 9"]
    with pytest.raises(ExceptionGroup) as group:
        await map_tg(sleeps, [1, 9], limit=2, timeout=5)
    assert list(map(type, group.value.exceptions)) == [TimeoutError]


@pytest.mark.virtual_time
async def test_cleanup_is_waited_for() -> None:
    """An input that cleans up after its time is waited for."""
    log: list[str] = []
    await map_tg(lambda item: waits(log, item, cleanup=5), range(2), limit=2, timeout=1, on_error="collect")
    assert sorted(log) == ["0 cancelled", "0 gone", "1 cancelled", "1 gone"]


@pytest.mark.virtual_time
async def test_its_own_timeout_is_its_own() -> None:
    """`asyncio.timeout` inside an input, shorter or longer than the verb's, does what it does anywhere."""

    async def fn(item):
        try:
            async with asyncio.timeout(item):
                await asyncio.sleep(10)
        except TimeoutError:
            return "mine"

    outcomes = await map_tg(fn, [1, 3, 8], limit=1, timeout=5, on_error="collect")
    assert [getattr(outcome, "value", None) for outcome in outcomes] == ["mine", "mine", None]


@pytest.mark.virtual_time
async def test_cancelling_is_no_timeout() -> None:
    """An outer cancellation while a timed input runs is a cancellation."""
    task = asyncio.ensure_future(map_tg(sleeps, [100], limit=1, timeout=1000))
    await asyncio.sleep(5)
    task.cancel()
    assert type(await end_of(task)) is asyncio.CancelledError


@pytest.mark.virtual_time
async def test_a_far_timeout_leaves_nothing_behind() -> None:
    """A timeout that did not strike leaves no timer: the loop is idle when the verb is over."""
    loop = asyncio.get_running_loop()
    await map_tg(Crowd(), range(50), limit=5, timeout=3600)
    assert [timer for timer in loop._scheduled if not timer.cancelled()] == []


@pytest.mark.virtual_time
@pytest.mark.parametrize("verb", ["map_tg", "stream_tg", "gather_tg", "gather_tg of many", "join_tg"])
async def test_around_a_verb(verb: str) -> None:
    """`asyncio.timeout` around any verb: everything is cancelled and awaited, then `TimeoutError`."""
    log: list[str] = []

    async def run():
        match verb:
            case "map_tg":
                await map_tg(lambda item: waits(log, item, cleanup=3), range(2), limit=2)
            case "gather_tg":
                await gather_tg(waits(log, 0, cleanup=3), waits(log, 1, cleanup=3))
            case "gather_tg of many":
                await gather_tg(waits(log, 0, cleanup=3), waits(log, 1, cleanup=3), *(turns(1) for _ in range(5)))
            case "join_tg":
                await join_tg(waits(log, 0, cleanup=3), waits(log, 1, cleanup=3))
            case _:
                async with stream_tg(lambda item: waits(log, item, cleanup=3), range(2), limit=2) as results:
                    await anext(results)

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1):
            await run()
    assert sorted(log) == ["0 cancelled", "0 gone", "1 cancelled", "1 gone"]
    assert asyncio.current_task().cancelling() == 0


@pytest.mark.virtual_time
async def test_a_timeout_that_meets_a_failure() -> None:
    """When time is over while a failure is being handled, `asyncio.timeout` says so, and the failures are its cause."""

    async def slow_cleanup():
        try:
            await asyncio.sleep(100)
        finally:
            await asyncio.sleep(10)

    async def fails_soon():
        await asyncio.sleep(1)
        raise ValueError("first")

    with pytest.raises(TimeoutError) as caught:
        async with asyncio.timeout(5):
            await gather_tg(slow_cleanup(), fails_soon())
    cancellation = caught.value.__cause__
    assert isinstance(cancellation, asyncio.CancelledError)
    assert isinstance(cancellation.__cause__, ExceptionGroup)
    assert list(map(repr, cancellation.__cause__.exceptions)) == ["ValueError('first')"]
