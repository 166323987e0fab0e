"""Chunks: executors that nothing is known of, and what they do with the calls they are given."""

from __future__ import annotations

import asyncio
import functools
import gc
import multiprocessing
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from corral import Err, map_tg
from corral.scale.errand import _KEPT, _errands
from corral.scale.home import Home
from tests.children import turns
from tests.contract import functions as contract
from tests.scale import functions as f
from tests.scale.executors import ByHand, Stranger


async def until(count: int, hand: ByHand) -> None:
    while len(hand.calls) < count:
        await asyncio.sleep(0)


async def test_killed_worker_is_told() -> None:
    """An executor that breaks ends the verb with its own error and the inputs that were in flight."""
    with (
        Stranger(ProcessPoolExecutor(1, multiprocessing.get_context("spawn"))) as far,
        pytest.raises(BrokenExecutor) as caught,
    ):
        await map_tg(f.dies_at_seven, range(100), limit=5, on_error="collect", executor=far)
    assert caught.value.__notes__[-1].startswith("map_tg: the executor broke; in flight: input ")
    assert "input 7: 7" in caught.value.__notes__[-1]


async def test_pool_that_is_shut() -> None:
    """One that takes nothing any more is an error at once, with the inputs it was to take."""
    far = Stranger(ThreadPoolExecutor(1))
    far.shutdown()
    with pytest.raises(RuntimeError, match="cannot schedule new futures after shutdown") as caught:
        await map_tg(f.same, range(5), limit=2, executor=far, on_error="collect")
    assert caught.value.__notes__ == ["map_tg: the executor failed; in flight: input 0: 0"]


@pytest.mark.parametrize("show_items", [True, False])
async def test_many_in_flight(show_items: bool) -> None:
    """Of more than twenty inputs in flight the first twenty are named, and the others counted."""
    hand = ByHand()
    call = asyncio.ensure_future(
        map_tg(f.same, range(100), limit=25, lanes=25, executor=hand, show_items=show_items, on_error="collect")
    )
    await until(25, hand)
    hand.calls[0][0].set_exception(OSError("the line is cut"))
    for future, _ in hand.calls[1:]:
        future.cancel()
    with pytest.raises(OSError, match="the line is cut") as caught:
        await call
    named = [f"input {n}: {n}" if show_items else f"input {n}" for n in range(20)]
    assert caught.value.__notes__ == [f"map_tg: the executor failed; in flight: {'; '.join(named)}; and 5 more"]


@pytest.mark.parametrize("broken", [True, False])
async def test_calls_of_an_executor_that_fails(broken: bool) -> None:
    """Those that have not begun are taken back; an executor that broke ends them itself, and is not disturbed in that."""
    hand = ByHand()
    call = asyncio.ensure_future(map_tg(f.same, range(3), limit=3, lanes=3, executor=hand))
    await until(3, hand)
    first, *others = (future for future, _ in hand.calls)
    error = BrokenExecutor("gone") if broken else OSError("the line is cut")
    first.set_exception(error)
    await turns(9)
    assert [future.cancelled() for future in others] == [not broken] * 2
    for future in others if broken else ():
        future.set_exception(error)
    with pytest.raises(type(error)):
        await call


@pytest.mark.parametrize("after", range(6))
async def test_an_outcome_that_comes_too_late(after: int) -> None:
    """What comes back while the verb fails, however far it is with that, changes nothing."""
    hand = ByHand()
    items = [1, 2, 4, 6]  # of which two wait for their turn
    call = asyncio.ensure_future(map_tg(contract.odd_fails, items, limit=4, lanes=1, executor=hand, on_error="first"))
    await until(2, hand)
    await turns(9)
    hand.run()
    await turns(after)
    hand.run()
    with pytest.raises(ValueError, match="1 is odd"):
        await call


async def test_some_inputs_do_not_unpickle() -> None:
    """Of a chunk in which one does not unpickle each is sent by itself: that one fails, the others run."""
    items = [contract.Unloadable() if number > 200 and number % 3 == 0 else number for number in range(300)]
    with Stranger(ThreadPoolExecutor(1)) as far:
        outcomes = await map_tg(f.same, items, limit=100, on_error="collect", executor=far)
    failed = [outcome.index for outcome in outcomes if isinstance(outcome, Err)]
    assert failed == [number for number in range(201, 300) if number % 3 == 0]


async def test_nothing_can_travel() -> None:
    """A chunk of which no input can travel is not sent at all."""
    hand = ByHand()
    outcomes = await map_tg(f.same, [(x for x in "ab")], limit=2, executor=hand, on_error="collect")
    assert [type(outcome) for outcome in outcomes] == [Err]
    assert hand.calls == []


class ThreadEach(Executor):
    """A worker for each call."""

    _max_workers = 2

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(fn, *args, **kwargs)


async def test_a_worker_that_ends_leaves_its_resource(tmp_path: Path) -> None:
    """A worker that comes and goes leaves what it has entered; one that has entered nothing has nothing to leave."""
    factory = functools.partial(contract.opened, str(tmp_path))
    results = await map_tg(contract.with_resource, range(5), limit=1, resource=factory, executor=ThreadEach())
    assert [item for item, _, _ in results] == list(range(5))
    marks = [path.name.split("-", 1) for path in tmp_path.iterdir()]
    entered, left = ({mark for kind, mark in marks if kind == which} for which in ("entered", "left"))
    assert entered == left == {mark for _, mark, _ in results}


async def test_a_loop_that_is_collected_within_another() -> None:
    """The loop of a worker that has ended is closed wherever the collector comes upon it: here, where another one runs."""
    home = Home(uvloop=False)
    loop = await asyncio.to_thread(home.runner.get_loop)
    del home
    gc.collect()
    while not loop.is_closed():
        await asyncio.sleep(0.001)


async def test_functions_are_unpacked_once() -> None:
    """A worker keeps the functions of the last calls at hand, and those of a thousand calls no longer than that."""
    with Stranger(ThreadPoolExecutor(1)) as far:
        for number in range(_KEPT + 4):
            assert await map_tg(f.same, [number], limit=1, executor=far) == [number]
    assert len(_errands) == _KEPT
