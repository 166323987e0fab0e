"""Workers are reused: a Task for each of 100,000 inputs would be right, slow, and seen by nothing but these counts."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable
from contextvars import ContextVar
from typing import Any

import pytest

import corral
from corral import _turn
from tests.children import count_workers
from tests.loops import LOOPS
from tests.property.sides import MakeLoop

N, SOME, FEW, LIMIT = 100_000, 10_000, 2_000, 50
SEEN: ContextVar[int] = ContextVar("SEEN")


async def at_once(item: int) -> int:
    return item


async def one_turn(item: int) -> int:
    await asyncio.sleep(0)
    return item


async def a_future(item: int) -> int:
    future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_soon(future.set_result, item)
    return await future


async def a_task(item: int) -> int:
    return await asyncio.create_task(one_turn(item))


async def a_timer(item: int) -> int:
    async with asyncio.timeout(3600):
        await asyncio.sleep(1e-6)
    return item


async def a_lock(item: int) -> int:
    lock = asyncio.Lock()
    async with lock, asyncio.TaskGroup() as group:
        group.create_task(one_turn(item))
    return item


async def a_look(item: int) -> int:
    """Looks at its Task, its name and its context, and leaves them as they are."""
    task = asyncio.current_task()
    assert task is not None
    assert (task.cancelling(), SEEN.get(0)) == (0, 0)
    task.get_name()
    await asyncio.sleep(0)
    return item


async def a_failure(item: int) -> int:
    await asyncio.sleep(0)
    raise ValueError(item)


FUNCTIONS: dict[str, tuple[Callable[[int], Awaitable[int]], int, int]] = {
    "at once": (at_once, N, 1),
    "one turn": (one_turn, N, LIMIT),
    "a future": (a_future, SOME, LIMIT),
    "a Task": (a_task, SOME, LIMIT),
    "a timer": (a_timer, SOME, LIMIT),
    "a lock and a group": (a_lock, SOME, LIMIT),
    "a look at the Task": (a_look, SOME, LIMIT),
    "a failure": (a_failure, SOME, LIMIT),
}


@pytest.fixture
def workers(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A list with an entry for each worker that was started, in a slice that does not end.

    Else the count hangs on the machine. In debug mode an input takes up to a millisecond, so that 32 use up the 5 ms of an
    iteration; those that have no turn in it stand aside, and while one does, a worker more is of no use and is not started.
    """
    monkeypatch.setattr(_turn, "SLICE", 3600.0)
    return count_workers(monkeypatch)


def run(make_loop: MakeLoop, main: Awaitable[Any]) -> Any:
    with asyncio.Runner(loop_factory=make_loop) as runner:
        return runner.run(main)  # type: ignore[arg-type]  # coroutines, all of them


@pytest.mark.parametrize("what", FUNCTIONS)
def test_workers_are_reused(loop_factory: MakeLoop, workers: list[int], what: str) -> None:
    """Inputs that return at once need one worker in all, those that wait as many as may run; not one more for 100,000."""
    fn, n, most = FUNCTIONS[what]
    if fn is not at_once and loop_factory is LOOPS["debug"]:
        n //= 10  # a hundred microseconds each there
    outcomes = run(loop_factory, corral.map_tg(fn, range(n), limit=LIMIT, on_error="collect"))
    assert len(outcomes) == n
    assert len(workers) == most


@pytest.mark.parametrize("ordered", [True, False])
def test_a_stream_reuses_workers(loop_factory: MakeLoop, workers: list[int], ordered: bool) -> None:
    """A stream starts no more than may run, whoever is slower."""

    async def consume() -> int:
        async with corral.stream_tg(one_turn, iter(range(SOME)), limit=LIMIT, ordered=ordered) as results:
            return sum([outcome.value async for outcome in results])

    assert run(loop_factory, consume()) == sum(range(SOME))
    assert len(workers) == LIMIT


def test_an_async_source_and_timeouts_reuse_workers(loop_factory: MakeLoop, workers: list[int]) -> None:
    """Nor does it matter where inputs come from, or whether each has a timeout."""

    async def source() -> AsyncIterator[int]:
        for item in range(FEW):
            yield item

    assert run(loop_factory, corral.map_tg(one_turn, source(), limit=LIMIT, timeout=3600)) == list(range(FEW))
    assert len(workers) <= LIMIT


def test_given_coroutines_share_workers(loop_factory: MakeLoop, workers: list[int]) -> None:
    """100,000 coroutines that return at once are awaited by the few workers that `gather_tg` starts with."""

    async def given() -> list[int]:
        return await corral.gather_tg(*map(at_once, range(N)))

    assert run(loop_factory, given()) == list(range(N))
    assert len(workers) <= 4


def test_a_worker_that_is_watched_is_no_measure_for_others(loop_factory: MakeLoop, workers: list[int]) -> None:
    """Whoever watches the first worker before its first step, the others find that they are not like it, once each."""
    watched: list[weakref.ref[asyncio.Task[Any]]] = []

    async def watch_the_first() -> list[int]:
        asyncio.get_running_loop().call_soon(lambda: watched.extend(map(weakref.ref, asyncio.all_tasks())))
        return await corral.map_tg(one_turn, range(SOME), limit=LIMIT)

    assert run(loop_factory, watch_the_first()) == list(range(SOME))
    assert len(watched) == 2
    assert len(workers) <= 3 * LIMIT
