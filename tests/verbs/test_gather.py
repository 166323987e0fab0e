"""`gather_tg`: what is its own. What it has in common with `asyncio.gather` is in tests/parity."""

from __future__ import annotations

import asyncio
import inspect
import types
from collections.abc import Coroutine
from contextlib import suppress
from contextvars import ContextVar

import pytest

from corral import Err, ItemCancelled, Ok, gather_tg
from tests.children import Lazy, cancels_itself, fails, leaves, notes, others, returns, turns, waits
from tests.verbs.by_name import BESIDE, POLICIES


@BESIDE
async def test_result_is_a_list(beside: int) -> None:
    """It returns a `list`, at run time too, in the order of the arguments whoever ends first."""
    results = await gather_tg(returns("a", 3), returns("b", 0), returns("c", 1), *others(beside))
    assert type(results) is list
    assert results[:3] == ["a", "b", "c"]


@POLICIES
async def test_nothing_to_gather(on_error: str) -> None:
    """No arguments: an empty list of one's own, under every policy."""
    one, two = await gather_tg(on_error=on_error), await gather_tg(on_error=on_error)
    assert one == two == []
    assert one is not two


@BESIDE
async def test_every_kind_of_awaitable(beside: int) -> None:
    """Coroutines, Cython's and old-style ones too, Tasks, Futures, objects with `__await__`, a pending `gather`, `anext`: all are taken."""

    class Compiled(Lazy, Coroutine):
        """As Cython's are: no `CoroutineType`, but with all that makes a coroutine."""

        def send(self, value):
            return self.coro.send(value)

        def throw(self, *raised):
            return self.coro.throw(*raised)

        def close(self):
            self.coro.close()

    @types.coroutine
    def old_style():
        yield
        return "old style"

    async def generator():
        yield "anext"

    future = asyncio.get_running_loop().create_future()
    future.set_result("future")
    task = asyncio.create_task(returns("task"))
    made = generator()
    aws = [
        returns("coroutine"),
        task,
        future,
        Lazy(returns("lazy")),
        asyncio.gather(returns(1)),
        anext(made),
        old_style(),
        Compiled(returns("compiled")),
    ]
    if beside:
        results = await gather_tg(*aws, *others(beside))
    else:
        results = await gather_tg(*aws[:4]) + await gather_tg(*aws[4:])
    assert results[:8] == ["coroutine", "task", "future", "lazy", [1], "anext", "old style", "compiled"]
    await made.aclose()


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


@pytest.mark.parametrize("limit", [None, 1, 7])
async def test_started_in_order(limit: int | None) -> None:
    """Awaitables start in the order in which they were given."""
    started = []

    async def child(number):
        started.append(number)
        await turns(number % 3)

    await gather_tg(*map(child, range(300)), limit=limit)
    assert started == list(range(300))


@BESIDE
async def test_group_of_every_failure(beside: int) -> None:
    """`group`: siblings are cancelled and awaited, and an `ExceptionGroup` holds every failure, those of cleanups too."""
    log = []

    async def fails_in_cleanup():
        try:
            await waits(log, "slow", cleanup=3)
        finally:
            raise KeyError("cleanup")

    with pytest.raises(ExceptionGroup) as caught:
        await gather_tg(waits(log, "plain", cleanup=2), fails_in_cleanup(), fails(ValueError("first")), *others(beside))
    assert list(map(repr, caught.value.exceptions)) == ["ValueError('first')", "KeyError('cleanup')"]
    assert str(caught.value) == "gather_tg: 2 inputs failed (2 sub-exceptions)"
    assert sorted(log) == ["plain cancelled", "plain gone", "slow cancelled", "slow gone"]


@BESIDE
async def test_group_even_for_one(beside: int) -> None:
    """What raises never depends on how many inputs failed: one failure is a group too."""
    with pytest.raises(ExceptionGroup) as caught:
        await gather_tg(fails(ValueError("alone")), *others(beside))
    assert list(map(repr, caught.value.exceptions)) == ["ValueError('alone')"]
    assert str(caught.value) == "gather_tg: 1 input failed (1 sub-exception)"


@BESIDE
async def test_first_is_bare(beside: int) -> None:
    """`first`: the first failure comes out bare once all have stopped; the others are told in a note."""
    log = []

    async def fails_in_cleanup():
        try:
            await waits(log, cleanup=2)
        finally:
            raise KeyError("later")

    error = ValueError("earlier")
    with pytest.raises(ValueError, match="earlier") as caught:
        await gather_tg(fails_in_cleanup(), fails(error), *others(beside), on_error="first", show_items=False)
    assert caught.value is error
    assert log == ["child cancelled", "child gone"]
    assert notes(error) == [
        "gather_tg: input 1",
        "gather_tg: 1 more failed before all had stopped: input 0: KeyError('later')",
    ]


@BESIDE
async def test_collect_cancels_nothing(beside: int) -> None:
    """`collect`: everything runs to its end; the outcomes hold index, awaitable, and value or error."""
    error = ValueError("bad")
    aws = [returns("slow", 5), fails(error), returns("fast", 0), cancels_itself()]
    outcomes = (await gather_tg(*aws, *others(beside), on_error="collect"))[:4]
    assert outcomes[:3] == [Ok(0, aws[0], "slow"), Err(1, aws[1], error), Ok(2, aws[2], "fast")]
    assert isinstance(outcomes[3].error, ItemCancelled)


@BESIDE
async def test_collect_is_for_exceptions(beside: int) -> None:
    """`collect` catches `Exception` only: any other failure ends the verb, in a group."""

    class Base(BaseException):
        pass

    log = []
    with pytest.raises(BaseExceptionGroup) as caught:
        await gather_tg(waits(log), fails(Base()), *others(beside), on_error="collect")
    assert list(map(type, leaves(caught.value))) == [Base]
    assert log == ["child cancelled", "child gone"]


@BESIDE
async def test_generator_exit_is_a_failure(beside: int) -> None:
    """An input that raises `GeneratorExit` has failed like any other: it is in the group, with its note, and once."""
    log = []
    with pytest.raises(BaseExceptionGroup) as caught:
        await gather_tg(waits(log), fails(GeneratorExit()), *others(beside), show_items=False)
    assert [(repr(e), notes(e)) for e in caught.value.exceptions] == [("GeneratorExit()", ["gather_tg: input 1"])]
    assert log == ["child cancelled", "child gone"]


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


@pytest.mark.parametrize("limit", [1, 2])
@BESIDE
async def test_limit(beside: int, limit: int) -> None:
    """Never more than `limit` run at the same time, and as many as that do."""
    running = most = 0

    async def child():
        nonlocal running, most
        running += 1
        most = max(most, running)
        await turns(3)
        running -= 1

    await gather_tg(*(child() for _ in range(4 + beside)), limit=limit)
    assert most == limit


@pytest.mark.parametrize("limit", [1, 2])
@BESIDE
async def test_never_started_is_closed(beside: int, limit: int) -> None:
    """A coroutine that is never started is closed, so that nothing says "was never awaited"."""
    unreached = [returns(1) for _ in range(3)]
    with pytest.raises(ExceptionGroup):
        await gather_tg(fails(ValueError(), 0), *others(beside), *unreached, limit=limit)
    assert {inspect.getcoroutinestate(coro) for coro in unreached} == {inspect.CORO_CLOSED}


@BESIDE
async def test_never_awaited_itself(beside: int) -> None:
    """A call that nobody awaits is warned of by its own name, once, and its arguments are closed."""
    aws = [returns(1), returns(2), *others(beside)]
    with pytest.warns(RuntimeWarning) as warned:
        assert repr(gather_tg(*aws)).startswith("<coroutine object gather_tg at")
    assert [str(w.message).splitlines()[0] for w in warned] == ["coroutine 'gather_tg' was never awaited"]
    del warned  # the record of a warning holds what it warns of
    assert {inspect.getcoroutinestate(aw) for aw in aws} == {inspect.CORO_CLOSED}


@BESIDE
async def test_cancelled_before_its_first_step(beside: int, loop_kind: str) -> None:
    """A call whose Task is cancelled before it has run closes what it was given."""
    aws = [returns(1), returns(2), *others(beside)]
    task = asyncio.create_task(gather_tg(*aws))
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    del task  # its exception holds the frame that never ran
    if loop_kind != "eager":  # which has started them by then
        assert {inspect.getcoroutinestate(aw) for aw in aws} == {inspect.CORO_CLOSED}


@BESIDE
async def test_each_in_a_context_of_its_own(beside: int) -> None:
    """Every coroutine runs in its own copy of the context in which the verb was called."""
    var = ContextVar("var", default="unset")
    var.set("caller")

    async def child(value):
        before = var.get()
        var.set(value)
        await turns(2)
        return before, var.get()

    seen = await gather_tg(child(1), child(2), *others(beside), child(3))
    assert [pair for pair in seen if pair] == [("caller", 1), ("caller", 2), ("caller", 3)]
    assert var.get() == "caller"


async def test_far_more_than_workers() -> None:
    """Order and every value survive in a call that is far larger than the crew of workers."""
    assert await gather_tg(*(returns(x, x % 2) for x in range(2_000))) == list(range(2_000))
    assert await gather_tg(*(returns(x, 0) for x in range(20_000)), limit=10) == list(range(20_000))


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


async def test_one_of_far_more_is_wrong() -> None:
    """One of tens of thousands that is no awaitable is refused by its number, and every coroutine is closed."""
    aws = [returns(n, 0) for n in range(20_000)]
    close_and(aws[18_000])
    with pytest.raises(TypeError, match="argument 18000: expected an awaitable, got 3"):
        await gather_tg(*aws[:18_000], 3, *aws[18_001:])


def close_and(*coros):
    """Closes what the last one, which is given back, takes the place of."""
    for coro in coros[: max(len(coros) - 1, 1)]:
        coro.close()
    return coros[-1]
