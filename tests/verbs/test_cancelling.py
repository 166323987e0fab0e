"""Who cancels whom: the caller cancels everything; an input only itself. What `gather` does too is in tests/parity."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from corral import Err, ItemCancelled, gather_tg, map_tg, stream_tg
from tests.children import Crowd, cancels_itself, end_of, fails, leaves, notes, others, returns, turns, waits
from tests.verbs.by_name import BESIDE, POLICIES, VERBS, run


@VERBS
@POLICIES
@pytest.mark.parametrize("limit", [1, 5, None])
async def test_the_caller(verb: str, on_error: str, limit: int | None) -> None:
    """Cancelling the caller cancels what runs, waits for it, starts nothing more, and raises `CancelledError`, under every policy."""
    log: list[str] = []
    started = []

    async def fn(item):
        started.append(item)
        await waits(log, item, cleanup=item % 3)

    task = asyncio.ensure_future(run(verb, fn, range(20), limit=limit, on_error=on_error))
    await turns(30)
    before = list(started)
    task.cancel("why")
    error = await end_of(task)
    assert type(error) is asyncio.CancelledError
    assert started == before == list(range(limit or 20))
    assert sorted(log) == sorted(f"{n} {what}" for n in started for what in ("cancelled", "gone"))


@VERBS
async def test_inputs_that_never_suspend(verb: str) -> None:
    """A verb over inputs that never suspend can be cancelled as well: it steps aside often enough."""
    done = 0

    async def fn(item):
        nonlocal done
        done += 1

    task = asyncio.ensure_future(run(verb, fn, itertools.count(), limit=1))
    await turns(5)
    task.cancel()
    assert type(await end_of(task)) is asyncio.CancelledError
    so_far = done
    await turns(3)
    assert 0 < done == so_far


@VERBS
async def test_with_failures(verb: str) -> None:
    """What fails in its cleanup is the cause of the `CancelledError`: a group, with a note on each."""
    seen = []

    async def fn(item):
        try:
            await asyncio.Event().wait()
        finally:
            raise KeyError(item)

    async def caller():
        try:
            await run(verb, fn, range(2), limit=2)
        except asyncio.CancelledError as exc:
            seen.append(exc)
            raise

    task = asyncio.ensure_future(caller())
    await turns(5)
    task.cancel("why")
    assert type(await end_of(task)) is asyncio.CancelledError
    (error,) = seen
    if verb == "map_tg":
        assert error.args == ("why",)
        assert sorted(map(repr, error.__cause__.exceptions)) == ["KeyError(0)", "KeyError(1)"]
        assert sorted(notes(leaf)[0] for leaf in leaves(error.__cause__)) == [
            "map_tg: input 0: 0",
            "map_tg: input 1: 1",
        ]
    else:  # it left the body of the block first, and the stream's failure is a note on it
        assert notes(error)[0].startswith("stream_tg: failed too: ExceptionGroup('stream_tg: 2 inputs failed'")


@VERBS
async def test_again_and_again(verb: str) -> None:
    """Each further `cancel()` of the caller cancels what still runs once more."""
    struck = []

    async def stubborn(item):
        for _ in range(3):
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                struck.append(item)

    task = asyncio.ensure_future(run(verb, stubborn, range(2), limit=2))
    await turns(5)
    for n in range(1, 4):
        task.cancel()
        await turns(4)
        assert sorted(struck) == sorted([0, 1] * n)
    assert type(await end_of(task)) is asyncio.CancelledError


@pytest.mark.parametrize("verb", ["map_tg", "stream_tg", "gather_tg", "gather_tg of many"])
async def test_a_second_failure_leaves_cleanups_alone(verb: str) -> None:
    """A failure cancels the others once: one that fails on its way out does not cut short what the rest still has to do."""
    log: list[str] = []

    async def fn(item):
        match item:
            case 0:
                await fails(ValueError(), 8)
            case 1:
                try:
                    await asyncio.Event().wait()
                finally:
                    await fails(KeyError(), 2)
            case _:
                await waits(log, "third", cleanup=6)

    with pytest.raises(ExceptionGroup) as caught:
        if verb == "gather_tg of many":
            await gather_tg(*map(fn, range(3)), *others(6))
        else:
            await run(verb, fn, range(3), limit=3)
    assert sorted(type(leaf).__name__ for leaf in leaves(caught.value)) == ["KeyError", "ValueError"]
    assert log == ["third cancelled", "third gone"]


@VERBS
async def test_between_two_outcomes(verb: str) -> None:
    """Cancelled in the very iteration in which the last input ends: the caller is cancelled, and nothing is left."""
    for after in range(1, 8):
        task = asyncio.ensure_future(run(verb, Crowd(after=3), range(2), limit=2))
        await turns(after)
        asked = task.cancel()
        error = await end_of(task)
        assert type(error) is asyncio.CancelledError or (error is None and not asked)


@VERBS
@pytest.mark.parametrize("how", ["itself", "raise", "awaits", "late"])
@POLICIES
async def test_an_input_from_inside(verb: str, how: str, on_error: str) -> None:
    """An input that cancels itself, raises `CancelledError`, or awaits something cancelled has failed; others are as under any failure."""
    crowd = Crowd()

    async def fn(item):
        if item != 1:
            return await crowd(item)
        match how:
            case "itself":
                await cancels_itself()
            case "raise":
                raise asyncio.CancelledError
            case "awaits":
                future = asyncio.get_running_loop().create_future()
                future.cancel()
                await future
            case "late":  # cancelled, and returns before it hears of it
                asyncio.current_task().cancel()
        return item

    if on_error == "collect":
        outcomes = await run(verb, fn, range(4), limit=1, on_error=on_error)
        assert [outcome.index for outcome in outcomes if isinstance(outcome, Err)] == [1]
        assert isinstance(outcomes[1].error, ItemCancelled)
        assert crowd.ended == [0, 2, 3]
    else:
        with pytest.raises((ExceptionGroup, ItemCancelled)) as caught:
            await run(verb, fn, range(4), limit=1, on_error=on_error)
        assert list(map(type, leaves(caught.value))) == [ItemCancelled]
    assert asyncio.current_task().cancelling() == 0


@VERBS
async def test_an_input_by_a_stranger(verb: str) -> None:
    """Somebody who cancels an input's Task behind the verb's back has made that input fail, and no other."""
    tasks = {}

    async def fn(item):
        tasks[item] = asyncio.current_task()
        await turns(5)
        return item

    running = asyncio.ensure_future(run(verb, fn, range(6), limit=3, on_error="collect"))
    await turns(4)
    tasks[1].cancel("stranger")
    outcomes = await running
    assert [isinstance(outcome, Err) for outcome in outcomes] == [False, True, False, False, False, False]
    assert outcomes[1].error.__cause__.args == ("stranger",)


async def test_an_idle_worker_by_a_stranger() -> None:
    """Somebody who cancels every Task he finds, also one that waits for room in a stream, loses no input and hangs nothing."""
    async with stream_tg(Crowd(), range(30), limit=2, buffer=0) as results:
        await turns(20)
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        assert [outcome.value async for outcome in results] == list(range(30))


@VERBS
async def test_the_abort_is_no_failure(verb: str) -> None:
    """What is cancelled because another failed is no failure: only that other is in the group."""
    with pytest.raises(ExceptionGroup) as caught:
        await run(verb, Crowd(after=5, failing={0}), range(10), limit=10)
    assert list(map(repr, leaves(caught.value))) == ["ValueError(0)"]


@VERBS
async def test_a_result_despite_the_abort(verb: str) -> None:
    """An input that swallows the abort and returns is awaited and harms nobody."""

    async def fn(item):
        if item == 0:
            await turns(5)
            raise ValueError
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await turns(4)
        return item

    with pytest.raises(ExceptionGroup) as caught:
        await run(verb, fn, range(3), limit=3)
    assert list(map(repr, leaves(caught.value))) == ["ValueError()"]


async def test_a_timeout_of_ones_own_during_the_abort() -> None:
    """An input whose own `asyncio.timeout` strikes while it is cancelled ends; the verb does too."""

    async def fn(item):
        if item == 0:
            await turns(5)
            raise ValueError
        try:
            await asyncio.Event().wait()
        finally:
            async with asyncio.timeout(0):
                await asyncio.Event().wait()

    with pytest.raises(ExceptionGroup) as caught:
        await map_tg(fn, range(2), limit=2)
    assert sorted(type(leaf).__name__ for leaf in leaves(caught.value)) == ["TimeoutError", "ValueError"]


@BESIDE
async def test_cancelling_is_counted_right(beside: int) -> None:
    """A verb leaves the caller's count of cancellations as it was, after failures and after `ItemCancelled`."""
    for child in (cancels_itself, lambda: Crowd(failing={1})(1)):
        with pytest.raises(ExceptionGroup):
            await gather_tg(child(), *others(beside))
        assert asyncio.current_task().cancelling() == 0

    async def caller():
        try:
            await gather_tg(asyncio.Event().wait(), *others(beside))
        except asyncio.CancelledError:
            return asyncio.current_task().cancelling(), asyncio.current_task().uncancel()

    task = asyncio.ensure_future(caller())
    await turns(5)
    task.cancel()
    assert await task == (1, 0)


@VERBS
async def test_closed_from_outside(verb: str) -> None:
    """A verb whose coroutine is closed cancels what runs, which then ends by itself: nothing is orphaned."""
    log: list[str] = []
    task = asyncio.ensure_future(run(verb, lambda n: waits(log, n, cleanup=2), range(3), limit=3))
    await turns(6)
    task.get_coro().close()
    await turns(6)
    assert sorted(log) == sorted(f"{n} {what}" for n in range(3) for what in ("cancelled", "gone"))
    task.cancel()
    await end_of(task)


async def test_a_shielded_verb() -> None:
    """`asyncio.shield` around a verb lets it run on, whole, when the caller is cancelled."""
    crowd = Crowd(after=3)
    inner = asyncio.ensure_future(map_tg(crowd, range(6), limit=2))

    async def caller():
        await asyncio.shield(inner)

    task = asyncio.ensure_future(caller())
    await turns(3)
    task.cancel()
    assert type(await end_of(task)) is asyncio.CancelledError
    assert await inner == list(range(6))


@pytest.mark.virtual_time
async def test_wait_for_around_a_verb() -> None:
    """`asyncio.wait_for` around a verb gives its result, or cancels it and waits."""
    assert await asyncio.wait_for(map_tg(returns, range(5), limit=2), 10) == list(range(5))
    log: list[str] = []
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(map_tg(lambda n: waits(log, n), range(1), limit=2), 10)
    assert log == ["0 cancelled", "0 gone"]
