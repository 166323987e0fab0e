"""A worker that is killed: an error that says what was in flight, never a hang."""

from __future__ import annotations

import multiprocessing
import re
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor

import pytest

from corral import map_tg, stream_tg
from corral.scale import OwnPool
from tests.scale import functions as f

SPAWN = multiprocessing.get_context("spawn")


@pytest.mark.parametrize("on_error", ["group", "first", "collect"])
async def test_killed_worker_is_told(on_error: str) -> None:
    """Under every policy the pool's own error is raised, with the inputs that were in flight in a note."""
    with OwnPool(2) as pool, pytest.raises(BrokenExecutor) as caught:
        await map_tg(f.dies_at_seven, range(1000), limit=10, executor=pool, on_error=on_error)  # type: ignore[call-overload]  # a str
    (note,) = caught.value.__notes__
    assert note.startswith("map_tg: the executor broke; in flight: input ")
    assert "input 7: 7" in note
    assert len(re.findall(r"input \d+: \d+", note)) <= 10


async def test_killed_worker_ends_a_stream() -> None:
    """What had come out stays; the next step raises."""
    seen = []
    with ProcessPoolExecutor(2, SPAWN) as pool, pytest.raises(BrokenExecutor):
        async with stream_tg(f.dies_at_seven, range(1000), limit=2, executor=pool) as results:
            async for ok in results:
                seen.append(ok.index)  # noqa: PERF401 - what came before the error has to be kept
    assert seen == list(range(len(seen)))
    assert len(seen) <= 7


async def test_loky() -> None:
    """Loky's pool raises likewise, and is itself again for the next call."""
    loky = pytest.importorskip("loky")
    pool = loky.get_reusable_executor(max_workers=2)
    with pytest.raises(BrokenExecutor) as caught:
        await map_tg(f.dies_at_seven, range(100), limit=4, executor=pool)
    assert "input 7: 7" in caught.value.__notes__[-1]
    pool = loky.get_reusable_executor(max_workers=2)
    assert await map_tg(f.same, range(5), limit=2, executor=pool) == list(range(5))
    pool.shutdown()


async def test_pool_that_is_broken_already() -> None:
    """A pool that takes nothing any more is an error at once."""
    with ProcessPoolExecutor(1, SPAWN) as pool:
        with pytest.raises(BrokenExecutor):
            await map_tg(f.dies_at_seven, [7], limit=1, executor=pool)
        with pytest.raises(BrokenExecutor, match=r"not usable anymore|terminated abruptly"):
            await map_tg(f.same, range(5), limit=2, executor=pool)


async def test_pool_that_is_shut() -> None:
    """So is one that was shut down."""
    pool = ProcessPoolExecutor(1, SPAWN)
    pool.shutdown()
    with pytest.raises(RuntimeError, match="cannot schedule new futures after shutdown"):
        await map_tg(f.same, range(5), limit=2, executor=pool, on_error="collect")


@pytest.mark.heavy
async def test_killed_again_and_again() -> None:
    """Ten pools whose worker is killed: ten clear errors, no hang. `make bench` does it fifty times."""
    for _ in range(10):
        with OwnPool(2) as pool:
            with pytest.raises(BrokenExecutor) as caught:
                await map_tg(f.dies_at_seven, range(100), limit=5, executor=pool)
            assert "input 7: 7" in caught.value.__notes__[-1]
