"""One adapter per contender: the code its own documentation tells users to write, and nothing more.

Peers are imported inside their adapter, so that a cell's process holds the one library it measures.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterable, Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import corral
from benchmarks.inputs import Work

T = TypeVar("T")
Run = Callable[[Work, range, int], Awaitable[Sequence[int]]]
Drain = Callable[[Work, Iterator[int], int], Awaitable[tuple[int, int]]]


async def sequential(fn: Work, items: Iterable[int], limit: int) -> Sequence[int]:
    return [await fn(item) for item in items]


async def worker_loop(fn: Work, items: Sequence[int], limit: int) -> Sequence[int]:
    """The fastest thing that can be written by hand: no isolation between inputs, no policy for failures."""
    results = [0] * len(items)
    source = iter(enumerate(items))

    async def worker() -> None:
        for index, item in source:
            results[index] = await fn(item)

    async with asyncio.TaskGroup() as tg:
        for _ in range(min(limit, len(items))):
            tg.create_task(worker())
    return results


async def gather(fn: Work, items: Iterable[int], limit: int) -> Sequence[int]:
    return await asyncio.gather(*[fn(item) for item in items])


async def gather_semaphore(fn: Work, items: Iterable[int], limit: int) -> Sequence[int]:
    """The answer most often given to 'how do I limit gather?'."""
    semaphore = asyncio.Semaphore(limit)

    async def limited(item: int) -> int:
        async with semaphore:
            return await fn(item)

    return await asyncio.gather(*[limited(item) for item in items])


async def taskgroup_of(*coros: Awaitable[T]) -> list[T]:
    """The helper of the blog post, with its slip (`*tasks`) mended."""
    async with asyncio.TaskGroup() as tg:
        tasks = [tg.create_task(coro) for coro in coros]  # type: ignore[arg-type]  # the post's own signature
    return [task.result() for task in tasks]


async def taskgroup(fn: Work, items: Iterable[int], limit: int) -> Sequence[int]:
    return await taskgroup_of(*[fn(item) for item in items])


async def map_tg(fn: Work, items: Iterable[int], limit: int) -> Sequence[int]:
    return await corral.map_tg(fn, items, limit=limit)


async def map_tg_bar(fn: Work, items: Iterable[int], limit: int) -> Sequence[int]:
    """With the bar of `progress=True`; the cell sends its output to the null device."""
    return await corral.map_tg(fn, items, limit=limit, progress=True)


async def gather_tg(fn: Work, items: Iterable[int], limit: int) -> Sequence[int]:
    return await corral.gather_tg(*[fn(item) for item in items])


async def stream_tg_list(fn: Work, items: Iterable[int], limit: int) -> Sequence[int]:
    async with corral.stream_tg(fn, items, limit=limit) as results:
        return [outcome.unwrap() async for outcome in results]


async def quattro(fn: Work, items: Iterable[int], limit: int) -> Sequence[int]:
    from quattro import gather as quattro_gather

    return await quattro_gather(*[fn(item) for item in items], concurrency_limit=limit)


async def anyio_amap(fn: Work, items: Iterable[int], limit: int) -> Sequence[int]:
    import anyio

    return await anyio.amap(fn, items)


async def aiometer(fn: Work, items: Sequence[int], limit: int) -> Sequence[int]:
    """`amap` is its quicker verb; `run_all` needs a partial per input."""
    import aiometer as peer

    async with peer.amap(fn, items, max_at_once=limit, _include_index=True) as results:
        pairs = [pair async for pair in results]
    pairs.sort()
    return [value for _, value in pairs]


async def aiostream(fn: Work, items: Iterable[int], limit: int) -> Sequence[int]:
    from aiostream import stream

    mapped = stream.map(stream.iterate(items), fn, ordered=True, task_limit=limit)
    async with mapped.stream() as results:
        return [value async for value in results]


async def streamable(fn: Work, items: Iterable[int], limit: int) -> Sequence[int]:
    from streamable import stream

    return [value async for value in stream(items).map(fn, concurrency=limit)]


async def aioitertools(fn: Work, items: Iterable[int], limit: int) -> Sequence[int]:
    from aioitertools.asyncio import gather as limited_gather

    return await limited_gather(*[fn(item) for item in items], limit=limit)


async def tqdm_asyncio(fn: Work, items: Sequence[int], limit: int) -> Sequence[int]:
    from tqdm.asyncio import tqdm

    with Path(os.devnull).open("w", encoding="utf-8") as null:
        return await tqdm.gather(*[fn(item) for item in items], file=null)


@dataclass(frozen=True)
class Contender:
    """A way to run one function over many inputs.

    Args:
        name: As it stands in the tables.
        run: The adapter.
        package: The distribution whose version is published, None for the standard library.
        note: What a reader must know to judge the number.
    """

    name: str
    run: Run
    package: str | None
    note: str


ALL = [
    Contender("map_tg", map_tg, "corral", ""),
    Contender("stream_tg", stream_tg_list, "corral", "ordered, collected into a list"),
    Contender("gather_tg", gather_tg, "corral", "one coroutine object per input, made before it starts"),
    Contender("sequential await", sequential, None, "one at a time"),
    Contender("worker loop", worker_loop, None, "by hand; inputs share contexts, a failure's input is unknown"),
    Contender("asyncio.gather", gather, None, ""),
    Contender("TaskGroup", taskgroup, None, "the blog post's helper"),
    Contender("gather + Semaphore", gather_semaphore, None, ""),
    Contender("quattro", quattro, "quattro", "`gather(concurrency_limit=)`"),
    Contender("anyio amap", anyio_amap, "anyio", "asyncio backend"),
    Contender("aiometer", aiometer, "aiometer", "`amap(max_at_once=)`, sorted afterwards"),
    Contender("aiostream", aiostream, "aiostream", "`map(ordered=True, task_limit=)`"),
    Contender("streamable", streamable, "streamable", "`map(concurrency=)`"),
    Contender("aioitertools", aioitertools, "aioitertools", "`gather(limit=)`"),
    Contender("tqdm.asyncio", tqdm_asyncio, "tqdm", "`tqdm.gather`, its bar written to the null device"),
]
BY_NAME = {contender.name: contender for contender in ALL} | {
    "map_tg, bar": Contender("map_tg, bar", map_tg_bar, "corral", "`progress=True`"),
}


async def _consume(outcomes: AsyncIterable[int]) -> tuple[int, int]:
    count = total = 0
    async for value in outcomes:
        count += 1
        total += value
    return count, total


async def drain_stream_tg(fn: Work, source: Iterator[int], limit: int) -> tuple[int, int]:
    count = total = 0
    async with corral.stream_tg(fn, source, limit=limit) as results:
        async for outcome in results:
            count += 1
            total += outcome.unwrap()
    return count, total


async def drain_streamable(fn: Work, source: Iterator[int], limit: int) -> tuple[int, int]:
    from streamable import stream

    return await _consume(stream(source).map(fn, concurrency=limit))


async def drain_aiostream(fn: Work, source: Iterator[int], limit: int) -> tuple[int, int]:
    from aiostream import stream

    mapped = stream.map(stream.iterate(source), fn, ordered=True, task_limit=limit)
    async with mapped.stream() as results:
        return await _consume(results)


DRAINS: dict[str, Drain] = {
    "stream_tg": drain_stream_tg,
    "streamable": drain_streamable,
    "aiostream": drain_aiostream,
}
