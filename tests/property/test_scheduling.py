"""What is started, when, and how many at a time: for any durations, limits and consumers, on every loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

from hypothesis import example, given, note, settings
from hypothesis import strategies as st

import corral
from corral import Ok
from tests.loops import LOOPS

TURNS = st.lists(st.integers(0, 4), max_size=24)
LIMITS = st.one_of(st.none(), st.integers(1, 6))
SOURCES = st.sampled_from(["range", "generator", "async"])


class Meter:
    """Inputs that take so many turns each, and what was seen while they ran."""

    def __init__(self, turns: list[int], bound: int | None = None) -> None:
        self.turns = turns
        self.bound = float("inf") if bound is None else bound
        self.pulled: list[int] = []
        self.started: list[int] = []
        self.running: set[int] = set()
        self.most = 0
        self.ended: list[int] = []
        self.delivered: list[int] = []

    async def __call__(self, item: int) -> int:
        self.started.append(item)
        self.running.add(item)
        self.most = max(self.most, len(self.running))
        self.look()
        try:
            for _ in range(self.turns[item]):
                await asyncio.sleep(0)
        finally:
            self.running.discard(item)
            self.ended.append(item)
        return item

    def look(self) -> None:
        """What runs, and what has ended and was not handed out, are never more than the bound."""
        assert len(self.started) - len(self.delivered) <= self.bound

    def source(self, kind: str, limit: int | None) -> Any:
        return {"range": self.plain, "generator": self.generator, "async": self.asynchronous}[kind](limit)

    def plain(self, limit: int | None) -> range:
        return range(len(self.turns))

    def generator(self, limit: int | None) -> Iterator[int]:
        for item in range(len(self.turns)):
            # One is pulled when there is a place for it, and not before.
            assert limit is None or len(self.pulled) - len(self.ended) < limit
            self.pulled.append(item)
            yield item

    async def asynchronous(self, limit: int | None) -> AsyncIterator[int]:
        for item in range(len(self.turns)):
            assert limit is None or len(self.pulled) - len(self.ended) < limit
            self.pulled.append(item)
            yield item
            await asyncio.sleep(0)


def on_every_loop(make: Any) -> None:
    """Runs the coroutine that `make()` gives on each kind of loop; nothing is left when it ends."""
    for kind, factory in LOOPS.items():
        note(f"on the loop {kind!r}")

        async def main() -> None:
            before = asyncio.all_tasks()
            await make()
            assert asyncio.all_tasks() == before

        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(main())


@settings(max_examples=60)
@given(turns=TURNS, limit=LIMITS, source=SOURCES)
@example(turns=[0] * 24, limit=1, source="async")
def test_map_starts_in_order_within_its_limit(turns: list[int], limit: int | None, source: str) -> None:
    """Inputs start in order, never more than `limit` at a time, each pulled when there is a place; results are in order."""

    async def one() -> None:
        meter = Meter(turns)
        results = await corral.map_tg(meter, meter.source(source, limit), limit=limit)
        assert results == meter.started == list(range(len(turns)))
        assert limit is None or meter.most <= limit

    on_every_loop(one)


@settings(max_examples=80)
@given(
    turns=TURNS, limit=LIMITS, source=SOURCES, buffer=st.one_of(st.none(), st.integers(0, 5)), ordered=st.booleans(),
    pace=st.lists(st.integers(0, 3), min_size=1, max_size=5), stop=st.one_of(st.none(), st.integers(0, 10)),
)  # fmt: skip
def test_a_stream_keeps_its_bound(
    turns: list[int],
    limit: int | None,
    source: str,
    buffer: int | None,
    ordered: bool,
    pace: list[int],
    stop: int | None,
) -> None:
    """Running and undelivered stay within `limit + buffer` at any pace; each outcome comes once, in order; stopping stops all."""

    async def one() -> None:
        bound = None if limit is None else limit + (limit if buffer is None else buffer)
        meter = Meter(turns, bound)
        async with corral.stream_tg(
            meter, meter.source(source, limit), limit=limit, buffer=buffer, ordered=ordered
        ) as results:
            async for outcome in results:
                assert isinstance(outcome, Ok)
                meter.delivered.append(outcome.value)
                meter.look()
                if len(meter.delivered) == stop:
                    break
                for _ in range(pace[len(meter.delivered) % len(pace)]):
                    await asyncio.sleep(0)
        assert meter.running == set()
        assert sorted(meter.ended) == meter.started == list(range(len(meter.started)))
        assert limit is None or meter.most <= limit
        due = len(turns) if stop is None or stop == 0 else min(stop, len(turns))
        assert len(set(meter.delivered)) == len(meter.delivered) == due
        assert meter.delivered == list(range(due)) or not ordered

    on_every_loop(one)


@settings(max_examples=60)
@given(
    steps=st.lists(st.integers(1, 5), min_size=1, max_size=20),
    limit=st.one_of(st.none(), st.integers(2, 6)),
    source=SOURCES,
)
def test_inputs_may_wait_for_later_ones(steps: list[int], limit: int | None, source: str) -> None:
    """An input that waits for one that `limit` has room for never waits in vain."""

    async def one() -> None:
        count = len(steps)
        events = [asyncio.Event() for _ in range(count)]

        async def fn(item: int) -> int:
            events[item].set()
            ahead = item + (steps[item] if limit is None else min(steps[item], limit - 1))
            await events[min(ahead, count - 1)].wait()
            return item

        async with asyncio.timeout(20):
            results = await corral.map_tg(fn, Meter(steps).source(source, None), limit=limit)
        assert results == list(range(count))

    on_every_loop(one)


@settings(max_examples=80)
@given(
    turns=TURNS, limit=LIMITS, source=SOURCES, after=st.integers(0, 12), fails=st.integers(0, 30), again=st.booleans(),
    on_error=st.sampled_from(["group", "first", "collect"]),
)  # fmt: skip
def test_a_cancellation_is_never_swallowed(
    turns: list[int], limit: int | None, source: str, after: int, fails: int, again: bool, on_error: Any
) -> None:
    """Cancelled at any turn, whatever fails meanwhile, with slow cleanups: the caller is cancelled, once all has ended."""

    async def one() -> None:
        meter = Meter(turns)

        async def fn(item: int) -> int:
            try:
                await meter(item)
                if item == fails:
                    raise ValueError(item)
                return item
            finally:
                await asyncio.sleep(0)

        async def caller() -> None:
            await corral.map_tg(fn, meter.source(source, None), limit=limit, on_error=on_error)

        task = asyncio.get_running_loop().create_task(caller())
        for _ in range(after):
            await asyncio.sleep(0)
        asked = task.cancel()
        if again:
            await asyncio.sleep(0)
            task.cancel()
        await asyncio.wait([task])
        assert task.cancelled() == asked or (task.cancelled() and again)
        if not task.cancelled():
            task.exception()
        assert meter.running == set()
        assert sorted(meter.ended) == sorted(meter.started)

    on_every_loop(one)
