"""Lanes: cancelling, sharing a pool, coming and going."""

from __future__ import annotations

import asyncio
import functools
import itertools
import multiprocessing
import subprocess
import sys
import time
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import pytest

from corral import Err, map_tg, stream_tg
from corral._failures import Failures
from corral.scale import OwnPool
from corral.scale.lane import LaneRun, _hear
from corral.scale.lanes import Lanes
from tests.children import turns
from tests.contract import functions as contract
from tests.scale import functions as f


@pytest.fixture
def threads():
    with ThreadPoolExecutor(2) as threads:
        yield threads


async def began(folder: Path, count: int) -> None:
    while len(list(folder.glob("began-*"))) < count:
        await asyncio.sleep(0.005)


def names(folder: Path, kind: str) -> set[str]:
    return {path.name.partition("-")[2] for path in folder.glob(f"{kind}-*")}


async def test_cancelling_reaches_other_processes(pool: OwnPool, tmp_path: Path) -> None:
    """Inputs that would wait for ever are cancelled over there, and have cleaned up before the verb raises."""
    jobs = [(str(tmp_path), number) for number in range(6)]
    call = asyncio.ensure_future(map_tg(f.waits, jobs, limit=6, executor=pool))
    await began(tmp_path, 6)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert names(tmp_path, "ended") == names(tmp_path, "began") == set("012345")


async def test_what_blocks_is_waited_for(pool: OwnPool, tmp_path: Path) -> None:
    """An input that holds its thread cannot be told to stop: the verb waits for it, also when it is cancelled twice."""
    jobs = [(str(tmp_path), number) for number in range(2)]
    call = asyncio.ensure_future(map_tg(f.blocks, jobs, limit=2, executor=pool))
    await began(tmp_path, 1)
    call.cancel()
    await turns(9)
    assert not call.done()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert names(tmp_path, "ended") == names(tmp_path, "began")


async def test_an_idle_stream_gives_its_workers_back(pool: OwnPool) -> None:
    """Inside a stream, another verb over the same pool gets workers: the stream, whose buffer is full, holds none."""
    results = []
    async with stream_tg(f.same, range(20), limit=2, buffer=0, executor=pool) as stream:
        async for ok in stream:
            results += await map_tg(f.same, [ok.value], limit=1, executor=pool)
    assert results == list(range(20))


@pytest.mark.parametrize("where", ["processes", "threads"])
async def test_lanes_that_have_left_are_forgotten(where: str, pool: OwnPool, threads: Executor) -> None:
    """However often a stream gives its workers back and takes them again, it keeps nothing of the lanes that it had."""
    known = []
    async with stream_tg(
        f.same, range(6), limit=1, buffer=0, executor=pool if where == "processes" else threads
    ) as stream:
        lanes = stream._place
        async for _ in stream:
            while lanes._lanes:
                await asyncio.sleep(0.01)
            known.append((len(lanes._by_token), len(lanes._ports)))
    assert known == [(0, 0)] * 6


async def test_an_idle_stream_keeps_its_resource(tmp_path: Path) -> None:
    """With a resource a lane stays, however long it has nothing to do: it is entered once."""
    factory = functools.partial(contract.opened, str(tmp_path))
    with OwnPool(1) as one:
        async with stream_tg(
            contract.with_resource, range(4), limit=1, buffer=0, resource=factory, executor=one
        ) as results:
            async for _ in results:
                await asyncio.sleep(0.15)
    assert sorted(path.name.partition("-")[0] for path in tmp_path.iterdir()) == ["entered", "left"]


@pytest.mark.parametrize("seconds", [0.005, 0.4], ids=["short inputs", "long inputs"])
async def test_two_verbs_share_a_pool(seconds: float, pool: OwnPool) -> None:
    """A verb that has no end does not keep another from its workers, however long each of its inputs takes."""
    begun, done = asyncio.Event(), asyncio.Event()

    async def endless() -> None:
        async with stream_tg(contract.sleeps, itertools.repeat(seconds), limit=4, executor=pool) as results:
            async for _ in results:
                begun.set()
                if done.is_set():
                    return

    forever = asyncio.ensure_future(endless())
    await begun.wait()
    assert await map_tg(f.same, range(10), limit=2, executor=pool) == list(range(10))
    done.set()
    await forever


async def test_a_generator_around_a_stream(pool: OwnPool, tmp_path: Path) -> None:
    """An async generator that is closed inside a stream has waited for what ran elsewhere when it is closed."""
    jobs = [(str(tmp_path), number) for number in range(1, 5)]

    async def pages():
        async with stream_tg(f.waits, jobs, limit=4, executor=pool) as results:
            await began(tmp_path, 4)
            yield "begun"
            async for ok in results:
                yield ok

    generator = pages()
    assert await anext(generator) == "begun"
    await generator.aclose()
    assert names(tmp_path, "ended") == names(tmp_path, "began") == set("1234")


@pytest.mark.parametrize("where", ["processes", "threads"])
async def test_a_coroutine_that_is_closed(where: str, pool: OwnPool, threads: Executor, tmp_path: Path) -> None:
    """Closed from outside there is nobody to wait; what runs elsewhere is told to stop, and the pool serves the next call."""
    pool = pool if where == "processes" else threads
    jobs = [(str(tmp_path), number) for number in range(1, 5)]
    coro = map_tg(f.waits, jobs, limit=4, executor=pool)
    future = coro.send(None)
    while names(tmp_path, "began") != set("1234"):
        await asyncio.sleep(0.005)
        if future is None or future.done():
            future = coro.send(None)
    coro.close()
    assert await map_tg(f.same, range(5), limit=2, executor=pool) == list(range(5))
    while names(tmp_path, "ended") != set("1234"):
        await asyncio.sleep(0.005)


async def test_closed_before_a_lane_has_begun(tmp_path: Path) -> None:
    """A lane that finds its verb gone when its turn comes does nothing, and the next call is served."""
    with OwnPool(1) as one:
        busy = one.submit(time.sleep, 0.5)
        coro = map_tg(f.waits, [(str(tmp_path), 1)], limit=1, executor=one)
        future = coro.send(None)
        while [item.future.running() for item in one._pending_work_items.values()] != [True, True]:
            await asyncio.sleep(0.002)
            if future is None or future.done():
                future = coro.send(None)
        coro.close()
        assert not busy.done()
        assert await map_tg(f.same, range(5), limit=2, executor=one) == list(range(5))
    assert list(tmp_path.iterdir()) == []


async def test_more_lanes_than_workers() -> None:
    """Lanes that no worker takes are taken back in the end."""
    with ThreadPoolExecutor(1) as one:
        assert await map_tg(f.same, range(50), limit=20, lanes=5, executor=one) == list(range(50))


@pytest.mark.parametrize("lanes", [1, 2, 7])
async def test_lanes_are_at_most_the_limit(lanes: int) -> None:
    """`limit=1` is one at a time, however many lanes were asked for."""
    with ThreadPoolExecutor(4) as threads:
        spans = await map_tg(contract.interval, range(10), limit=1, lanes=lanes, executor=threads)
    assert all(end <= start for (_, end), (start, _) in itertools.pairwise(spans))


async def test_no_limit(pool: OwnPool, tmp_path: Path) -> None:
    """`limit=None` runs all inputs at the same time: those that wait for each other all end."""
    jobs = [(str(tmp_path), number, 100) for number in range(100)]
    assert await map_tg(f.waits_for_all, jobs, limit=None, executor=pool) == list(range(100))


async def test_cancelled_at_the_very_end(pool: OwnPool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A caller that is cancelled while the connections are being closed is cancelled once they are."""
    close = Lanes.close

    def cancelling(lanes: Lanes) -> None:
        close(lanes)
        asyncio.current_task().cancel()

    monkeypatch.setattr(Lanes, "close", cancelling)
    call = asyncio.ensure_future(map_tg(f.same, range(5), limit=2, executor=pool))
    with pytest.raises(asyncio.CancelledError):
        await call


async def test_large_inputs(pool: OwnPool) -> None:
    """Inputs and outcomes of some megabytes come and go in pieces."""
    large = [bytes([number]) * 3_000_000 for number in range(3)]
    assert await map_tg(f.same, large, limit=3, executor=pool) == large


async def test_some_inputs_do_not_unpickle() -> None:
    """Inputs that go together and of which some do not unpickle: those fail, the others run."""
    items = [contract.Unloadable() if number > 200 and number % 3 == 0 else number for number in range(300)]
    with OwnPool(1) as one:
        outcomes = await map_tg(f.same, items, limit=64, on_error="collect", executor=one)
    failed = [outcome.index for outcome in outcomes if isinstance(outcome, Err)]
    assert failed == [number for number in range(201, 300) if number % 3 == 0]


async def test_a_pool_that_others_shut_down(tmp_path: Path) -> None:
    """A lane that somebody has cancelled while it stood in line is an error that asks for the reason."""
    threads = ThreadPoolExecutor(1)
    jobs = [(str(tmp_path), number) for number in range(4)]
    call = asyncio.ensure_future(map_tg(f.waits, jobs, limit=4, lanes=2, executor=threads))
    await began(tmp_path, 1)
    threads.shutdown(wait=False, cancel_futures=True)
    with pytest.raises(RuntimeError, match=r"the executor cancelled what it was given: was it shut down\?") as caught:
        await call
    assert "in flight: input 0: " in caught.value.__notes__[-1]
    assert names(tmp_path, "ended") == names(tmp_path, "began")


@pytest.mark.parametrize("outcome", ["nothing", "a message that means nothing"])
async def test_a_lane_that_has_stopped(outcome: str) -> None:
    """What is given to a lane after its end is not begun; a message that it cannot understand ends it, and is told."""
    said = []
    run = LaneRun(Failures("map_tg", "collect", show_items=True), f.same, lambda *out: said.append(out), lambda: 0.0)
    given = asyncio.Queue()
    hearing = asyncio.ensure_future(_hear(run, None, given, pack=False))
    given.put_nowait(("items", 3, None) if outcome != "nothing" else ("stop",))
    given.put_nowait(("items", [0, 1], ["a", "b"]))
    await run.wait()
    await asyncio.sleep(0)
    assert run.started == 0
    assert said == []
    error = run.failures.verdict(run.loop)
    assert type(error) is (type(None) if outcome == "nothing" else TypeError)
    hearing.cancel()
    await asyncio.wait([hearing])


async def test_processes_are_kept(pool: OwnPool) -> None:
    """A pool's processes, and their loops, serve one call after another."""
    before = set(await map_tg(f.pid, range(20), limit=10, executor=pool))
    after = set(await map_tg(f.pid, range(20), limit=10, executor=pool))
    assert len(before | after) == 2


async def test_lanes_are_what_the_pool_has(monkeypatch: pytest.MonkeyPatch) -> None:
    """By default there are as many lanes as workers."""
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        calls = 0
        submit = pool.submit

        def counting(*args, **kwargs):
            nonlocal calls
            calls += 1
            return submit(*args, **kwargs)

        monkeypatch.setattr(pool, "submit", counting)
        await map_tg(contract.sleeps, [0.02] * 100, limit=50, executor=pool)
    assert calls == 2


def test_a_pool_that_forks(tmp_path: Path) -> None:
    """Before 3.14 a pool forks by default: that works too, also with a function of the script itself."""
    script = tmp_path / "forks.py"
    script.write_text(
        "import asyncio, multiprocessing\n"
        "from concurrent.futures import ProcessPoolExecutor\n"
        "from corral import map_tg\n"
        "async def one(item):\n"
        "    await asyncio.sleep(0.001)\n"
        "    return item\n"
        "async def main():\n"
        "    with ProcessPoolExecutor(2, multiprocessing.get_context('fork')) as pool:\n"
        "        print(sum(await map_tg(one, range(100), limit=10, executor=pool)))\n"
        "asyncio.run(main())\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=100, check=True)
    assert done.stdout == "4950\n"
