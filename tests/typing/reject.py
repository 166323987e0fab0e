"""Each line marked `# E` must be blamed by every checker, and no other line may.

Never run. Every call stands on one line, so that all checkers blame the same one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Self

from corral import Err, Ok, Outcome, drain, gather_tg, join_tg, map_tg, spawn, stream_tg


async def number() -> int:
    return 1


async def word() -> str:
    return "word"


async def fetch(key: int) -> str:
    return str(key)


async def pair(key: int, other: str) -> float:
    return key + len(other)


class Session:
    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None: ...


@asynccontextmanager
async def other() -> AsyncGenerator[int]:
    yield 1


async def with_session(key: int, session: Session) -> str:
    return f"{session}{key}"


def plain(key: int) -> str:
    return str(key)


async def several(key: int) -> AsyncIterator[int]:
    yield key


async def bad_gather() -> None:
    await gather_tg(1)  # E
    await gather_tg(number)  # E
    await gather_tg(number(), 2)  # E
    await gather_tg([number(), number()])  # E
    await gather_tg(*[1, 2])  # E
    await gather_tg(number(), limit="3")  # E
    await gather_tg(number(), on_error="ignore")  # E
    await gather_tg(number(), return_exceptions=True)  # E
    (await gather_tg(number(), word()))[0].upper()  # E
    strings: list[str] = await gather_tg(number(), number())  # E
    exact: tuple[int, str] = await gather_tg(number(), word())  # E
    print(strings, exact)


async def bad_join() -> None:
    await join_tg(1)  # E
    await join_tg(number)  # E
    await join_tg(number(), 2)  # E
    await join_tg([number(), number()])  # E
    await join_tg(*[1, 2])  # E
    await join_tg(number(), word(), on_error="collect")  # E
    await join_tg(number(), limit=2)  # E
    left, right = await join_tg(number(), word(), number())  # E
    wrong: tuple[str, str] = await join_tg(number(), word())  # E
    (await join_tg(number(), word()))[0].upper()  # E
    print(left, right, wrong)


async def bad_map(numbers: list[int], mixed: list[int | str]) -> None:
    await map_tg(fetch, numbers)  # E
    await map_tg(plain, numbers, limit=10)  # E
    await map_tg(several, numbers, limit=10)  # E
    await map_tg(fetch, ["a"], limit=10)  # E
    await map_tg(fetch, mixed, limit=10)  # E
    await map_tg(pair, numbers, limit=10)  # E
    await map_tg(fetch, 3, limit=10)  # E
    await map_tg(fetch(1), numbers, limit=10)  # E
    await map_tg(fetch, numbers, 10)  # E
    await map_tg(fetch, numbers, limit="10")  # E
    await map_tg(fetch, numbers, limit=10, timeout="5")  # E
    await map_tg(fetch, numbers, limit=10, progress="bar")  # E
    await map_tg(fetch, numbers, limit=10, on_error="raise")  # E
    await map_tg(lambda key: fetch(key.nope), numbers, limit=10)  # E
    texts: list[int] = await map_tg(fetch, numbers, limit=10)  # E
    print(texts)


async def bad_places(numbers: list[int]) -> None:
    await map_tg(with_session, numbers, limit=10)  # E
    await map_tg(fetch, numbers, limit=10, resource=Session)  # E
    await map_tg(with_session, numbers, limit=10, resource=Session())  # E
    await map_tg(with_session, numbers, limit=10, resource=other)  # E
    await map_tg(with_session, numbers, limit=10, resource=number)  # E
    await map_tg(with_session, ["a"], limit=10, resource=Session)  # E
    await map_tg(fetch, numbers, limit=10, executor="processes")  # E
    await map_tg(fetch, numbers, limit=10, executor=ThreadPoolExecutor)  # E
    await map_tg(fetch, numbers, limit=10, lanes="2")  # E
    async with stream_tg(with_session, numbers, limit=10):  # E
        pass
    async with stream_tg(with_session, numbers, limit=10, resource=other):  # E
        pass
    async with stream_tg(fetch, numbers, limit=10, executor=3):  # E
        pass


async def bad_outcome(outcome: Outcome[int, str], ok: Ok[int, str], numbers: list[int]) -> None:
    print(outcome.value)  # E
    print(outcome.error)  # E
    ok.value = "x"  # E
    wrong: Err[str] = Err(0, 1, ValueError())  # E
    (await map_tg(fetch, numbers, limit=10, on_error="collect"))[0].upper()  # E
    print(wrong)


async def bad_stream(numbers: list[int]) -> None:
    async for _ in stream_tg(fetch, numbers):  # E
        pass
    async with stream_tg(fetch, numbers, limit=10, buffer="2") as texts:  # E
        print(texts)
    async with stream_tg(fetch, numbers, limit=10, on_error="collect") as outcomes:
        async for outcome in outcomes:
            print(outcome.value)  # E
    with stream_tg(fetch, numbers, limit=10):  # E
        pass


async def bad_spawn() -> None:
    spawn(number)  # E
    spawn(asyncio.sleep)  # E
    spawn(number()).cancel()  # E
    await drain("soon")  # E
