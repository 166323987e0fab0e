"""`map_tg` equals `[await fn(item) for item in items]`, only sooner."""

from __future__ import annotations

import asyncio
import itertools
from collections import UserList

import pytest

from corral import map_tg
from tests.children import Crowd, leaves, notes, returns, turns, waits


class Numbered:
    """A sequence of the old protocol: `__getitem__` and no `__iter__`."""

    def __getitem__(self, index):
        if index < 3:
            return index * 10
        raise IndexError(index)


SOURCES = {
    "list": lambda: [3, 1, 2],
    "tuple": lambda: (3, 1, 2),
    "empty": list,
    "str": lambda: "abc",
    "dict": lambda: {"a": 1, "b": 2},
    "items": lambda: {"a": 1, "b": 2}.items(),
    "range": lambda: range(100),
    "huge range": lambda: range(1 << 70, (1 << 70) + 5),
    "generator": lambda: (x for x in range(50)),
    "iterator": lambda: iter([1, 2, 3]),
    "chain": lambda: itertools.chain([1], (2, 3)),
    "user list": lambda: UserList([5, 6]),
    "getitem": Numbered,
    "nothing special": lambda: [None, None, 0, "", ()],
}


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("limit", [1, 2, None])
@pytest.mark.parametrize("after", [0, 1])
async def test_equals_a_comprehension(source: str, limit: int | None, after: int) -> None:
    """The same list for every kind of iterable, at every limit, whether inputs suspend or not."""
    items = SOURCES[source]

    async def fn(item):
        return await returns((item,), after)

    results = await map_tg(fn, items(), limit=limit)
    assert type(results) is list
    assert results == [await fn(item) for item in items()]


@pytest.mark.virtual_time
async def test_input_order() -> None:
    """Results stand in input order, whichever input ends first."""

    async def fn(delay):
        await asyncio.sleep(delay)
        return delay

    delays = [5, 1, 4, 0, 3, 2]
    assert await map_tg(fn, delays, limit=None) == delays
    assert await map_tg(fn, delays, limit=3) == delays


async def test_started_in_order_and_once() -> None:
    """`fn` is called once for each input, in input order, duplicates included."""
    crowd = Crowd()
    items = [n % 7 for n in range(100)]
    await map_tg(crowd, items, limit=13)
    assert crowd.started == items


async def test_a_list_that_changes_meanwhile() -> None:
    """A list that grows or shrinks while it is mapped is read as a `for` loop reads it."""

    async def grow(item):
        if item < 2000:
            items.append(item * 2)
        return item

    items = [1000, 1, 1999]
    assert await map_tg(grow, items, limit=1) == [1000, 1, 1999, 2000, 2, 3998, 4] + [4 << n for n in range(1, 10)]

    async def shrink(item):
        items.pop()
        return item

    items = list(range(10))
    assert await map_tg(shrink, items, limit=1) == [0, 1, 2, 3, 4]


async def test_group() -> None:
    """The first failure cancels what runs; nothing further starts; a group holds the failures with their notes."""
    crowd = Crowd(after=9, failing={0})
    with pytest.raises(ExceptionGroup, match="map_tg: 1 input failed") as caught:
        await map_tg(crowd, range(100), limit=5)
    assert [(repr(e), notes(e)) for e in caught.value.exceptions] == [("ValueError(0)", ["map_tg: input 0: 0"])]
    assert crowd.started == list(range(5))
    assert sorted(crowd.cancelled) == [1, 2, 3, 4]


async def test_first() -> None:
    """`first`: the failure comes bare, with its note."""
    with pytest.raises(ValueError, match="7") as caught:
        await map_tg(Crowd(failing={7}), range(100), limit=1, on_error="first")
    assert notes(caught.value) == ["map_tg: input 7: 7"]


async def test_failures_in_cleanups() -> None:
    """Inputs that fail while they are cancelled are in the group too, behind the first, each with its note."""

    async def fn(item):
        if item == 0:
            await turns(9)
            raise ValueError("first")
        try:
            await waits([])
        finally:
            raise KeyError(item)

    with pytest.raises(ExceptionGroup, match="map_tg: 4 inputs failed") as caught:
        await map_tg(fn, range(9), limit=4)
    first, *others = caught.value.exceptions
    assert repr(first) == "ValueError('first')"
    told = {repr(error): notes(error) for error in others}
    assert told == {f"KeyError({n})": [f"map_tg: input {n}: {n}"] for n in (1, 2, 3)}


async def test_failing_at_the_very_end() -> None:
    """A failure of the last input, when all others are done, is a failure of the verb."""
    with pytest.raises(ExceptionGroup, match="1 input failed"):
        await map_tg(Crowd(failing={199}), range(200), limit=10)


async def test_waits_for_every_cleanup() -> None:
    """After a failure the verb waits for what it has cancelled, however long that cleans up."""
    log = []

    async def fn(item):
        if item == 3:
            await turns(3)
            raise ValueError
        await waits(log, item, cleanup=item * 5)

    with pytest.raises(ExceptionGroup):
        await map_tg(fn, range(4), limit=None)
    assert sorted(log) == sorted([f"{n} {what}" for n in range(3) for what in ("cancelled", "gone")])


@pytest.mark.parametrize("on_error", ["group", "collect"])
async def test_stop_iteration_of_a_call_is_a_failure(on_error: str) -> None:
    """A `StopIteration` out of a plain `fn` is that input's failure, and never taken for the end of the source."""

    def fn(item):
        if item == 1:
            raise StopIteration("mine")
        return returns(item)

    if on_error == "group":
        with pytest.raises(ExceptionGroup) as caught:
            await map_tg(fn, range(3), limit=1)
        assert list(map(repr, caught.value.exceptions)) == ["StopIteration('mine')"]
    else:
        outcomes = await map_tg(fn, range(3), limit=1, on_error="collect")
        assert [type(outcome).__name__ for outcome in outcomes] == ["Ok", "Err", "Ok"]


async def test_deep_in_itself() -> None:
    """A verb called from ten levels of itself gives what it should, and a failure comes up through all of them."""

    async def deep(level):
        if level == 0:
            raise ValueError("bottom")
        return await map_tg(deep, [level - 1], limit=1)

    async def flat(level):
        return [level] if level == 0 else sum(await map_tg(flat, [level - 1] * 2, limit=1), [level])

    with pytest.raises(ExceptionGroup) as caught:
        await deep(10)
    (leaf,) = leaves(caught.value)
    assert repr(leaf) == "ValueError('bottom')"
    assert notes(leaf) == ["map_tg: input 0: 0"]
    assert len(await flat(6)) == 2**7 - 1


async def test_two_at_once() -> None:
    """Verbs that run at the same time share nothing but the loop."""
    one, two = Crowd(), Crowd(after=2)
    both = await asyncio.gather(map_tg(one, range(100), limit=7), map_tg(two, range(70), limit=3))
    assert both == [list(range(100)), list(range(70))]
    assert (one.most, two.most) == (7, 3)
