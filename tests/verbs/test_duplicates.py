"""An awaitable that `gather_tg` is given more than once runs once, and fills every place."""

from __future__ import annotations

import asyncio

import pytest

from corral import Err, Ok, gather_tg
from tests.children import Lazy, fails, notes, others, returns, turns
from tests.verbs.by_name import BESIDE


@BESIDE
async def test_duplicates_run_once(beside: int) -> None:
    """The same awaitable given twice runs once and fills both places: coroutine, Task, Future or object."""
    runs = []

    async def child(value):
        runs.append(value)
        await turns(1)
        return value

    one, two, three = child(1), asyncio.create_task(child(2)), Lazy(child(3))
    assert (await gather_tg(one, two, one, three, three, two, one, *others(beside)))[:7] == [1, 2, 1, 3, 3, 2, 1]
    assert sorted(runs) == [1, 2, 3]


@pytest.mark.parametrize("held", [True, False])
@pytest.mark.parametrize("order", ["aa", "aab", "aba", "baa", "abca", "aabb", "aaaa"])
async def test_a_duplicate_among_few(order: str, *, held: bool) -> None:
    """Among two to four as well, however they are given and whether or not the caller keeps them."""
    runs = []

    async def child(value):
        runs.append(value)
        await turns(1)
        return value

    made = {name: child(name) for name in set(order)}
    given = [[made[name] for name in order]]
    if not held:
        made.clear()
    assert await gather_tg(*given.pop()) == list(order)
    assert sorted(runs) == sorted(set(order))


@pytest.mark.parametrize("held", [True, False])
@pytest.mark.parametrize("places", [(0, 1), (0, 39_999), (16_383, 16_384), (20_000, 20_001)])
async def test_a_duplicate_among_very_many(places: tuple[int, int], *, held: bool) -> None:
    """However far apart the two places are, and whether or not the caller keeps the coroutines: it runs once and fills both."""
    given = [returns(value, 0) for value in range(40_000)]
    given[places[1]].close()
    given[places[1]] = given[places[0]]
    kept = given if held else []
    taken, given = [given], kept
    results = await gather_tg(*taken.pop())
    assert results == [places[0] if value == places[1] else value for value in range(40_000)]


@BESIDE
async def test_duplicates_under_collect(beside: int) -> None:
    """Under `collect` each place of a duplicate has an outcome with the index of that place."""
    good, bad = returns("x"), fails(ValueError("bad"))
    outcomes = (await gather_tg(good, bad, good, bad, *others(beside), on_error="collect"))[:4]
    error = outcomes[1].error
    assert repr(error) == "ValueError('bad')"
    assert outcomes == [Ok(0, good, "x"), Err(1, bad, error), Ok(2, good, "x"), Err(3, bad, error)]


@BESIDE
async def test_a_duplicate_fails_once(beside: int) -> None:
    """A failing awaitable that was given twice is one failure, noted where it stood first."""
    bad = fails(ValueError())
    with pytest.raises(ExceptionGroup) as caught:
        await gather_tg(returns(0), bad, bad, *others(beside))
    (error,) = caught.value.exceptions
    assert notes(error)[0].startswith("gather_tg: input 1: <coroutine object fails at")


@BESIDE
async def test_input_numbers_count_duplicates(beside: int) -> None:
    """The number in a note is the place in the call, also behind duplicates."""
    good = returns(1)
    with pytest.raises(ExceptionGroup) as caught:
        await gather_tg(good, good, good, fails(ValueError()), *others(beside), show_items=False)
    assert notes(caught.value.exceptions[0]) == ["gather_tg: input 3"]


async def test_far_more_of_all_kinds() -> None:
    """Tens of thousands with other awaitables and with some that are given twice among them: each runs once, all places are filled."""

    class Unhashable(Lazy):
        __hash__ = None

    lazy, coro = Unhashable(returns("lazy")), returns("twice")
    aws = [returns(n, 0) for n in range(20_000)]
    aws[5] = aws[19_999] = close_and(aws[5], aws[19_999], coro)
    aws[17_000] = close_and(aws[17_000], lazy)
    results = await gather_tg(*aws, limit=50)
    assert (results[5], results[19_999], results[17_000], results[18_000]) == ("twice", "twice", "lazy", 18_000)


def close_and(*coros):
    """Closes what the last one, which is given back, takes the place of."""
    for coro in coros[:-1]:
        coro.close()
    return coros[-1]
