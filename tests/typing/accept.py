"""The public API as a file to read, to type-check and to run: what each call gives, and to which type.

Every checker must accept every line; `test_typing.py` also runs `main()` on each interpreter, so that a type that is true for
the checkers and false at run time is found too.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Generator, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any, Self, TypeVar, assert_never, assert_type, overload

from corral import (
    Err,
    ItemCancelled,
    Ok,
    OnError,
    Outcome,
    Stream,
    drain,
    gather_tg,
    join_tg,
    map_tg,
    spawn,
    stream_tg,
)

X = TypeVar("X")


class Animal: ...


class Dog(Animal): ...


class Cat(Animal): ...


class Page:
    """Not a coroutine, not a Future: an object that can be awaited."""

    def __await__(self) -> Generator[Any, None, bytes]:
        yield from asyncio.sleep(0).__await__()
        return b"page"


class Client:
    async def __call__(self, number: int) -> str:
        return str(number)

    async def get(self, number: int) -> str:
        return str(number)


class Session:
    """A resource: a class whose instances are entered, as `aiohttp.ClientSession` is."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None: ...

    async def get(self, key: int) -> str:
        return str(key)


class Connection:
    name = b"connection"


@asynccontextmanager
async def connected(name: bytes = b"default") -> AsyncGenerator[Connection]:
    """A resource: a function that makes a context manager, which gives something else."""
    connection = Connection()
    connection.name = name
    yield connection


class Counter:
    """Takes `progress=`: it has `update`."""

    seen = 0

    def update(self, n: int) -> None:
        self.seen += n


async def number() -> int:
    return 1


async def word() -> str:
    return "word"


async def flag() -> bool:
    return True


async def nothing() -> None: ...


async def dog() -> Dog:
    return Dog()


async def cat() -> Cat:
    return Cat()


async def fetch(key: int, retries: int = 3, *, loud: bool = False) -> str:
    return str(key * retries).upper() if loud else str(key)


async def same(value: X) -> X:
    return value


async def ask(key: int, session: Session) -> str:
    return await session.get(key)


async def query(key: int, connection: Connection) -> bytes:
    return connection.name + str(key).encode()


def older(key: int) -> Awaitable[str]:
    return fetch(key)


@overload
async def swap(value: int) -> str: ...
@overload
async def swap(value: str) -> bytes: ...
async def swap(value: int | str) -> str | bytes:
    return str(value) if isinstance(value, int) else value.encode()


async def keys() -> AsyncIterator[int]:
    for key in range(3):
        yield key


# The blog post's own functions.
async def func1(value: int) -> int:
    return value * 2


async def func2(value: str) -> int:
    return int(value) * 2


async def func3(value: str) -> str:
    return value * 2


async def blog_post() -> None:
    assert_type(await gather_tg(*[func1(value) for value in range(5)]), list[int])
    assert_type(await gather_tg(func1(1), func2("4")), list[int])
    assert_type(await gather_tg(func2("1"), func3("4")), list[int | str])
    assert_type(await gather_tg(*[func1(1), func2("2")]), list[int])
    assert await gather_tg(func2("1"), func3("4")) == [2, "44"]


async def gathers(numbers: list[int]) -> None:
    loop = asyncio.get_running_loop()
    assert_type(await gather_tg(number()), list[int])
    assert_type(await gather_tg(number(), word()), list[int | str])
    assert_type(await gather_tg(number(), nothing()), list[int | None])
    assert_type(await gather_tg(dog(), cat()), list[Dog | Cat])
    assert_type(
        await gather_tg(number(), word(), nothing(), dog(), cat(), Page(), number(), word()),
        list[int | str | Dog | Cat | bytes | None],
    )
    # any awaitable
    assert_type(
        await gather_tg(asyncio.create_task(number()), Page(), loop.run_in_executor(None, len, "x"), older(1)),
        list[int | bytes | str],
    )
    # generic coroutines do not pin each other
    assert_type(await gather_tg(same(1), same("x")), list[int | str])
    # stars of unknown length, and of a known shape
    assert_type(await gather_tg(*(same(key) for key in numbers)), list[int])
    assert_type(await gather_tg(*map(fetch, numbers)), list[str])
    assert_type(await gather_tg(*(number(), word())), list[int | str])
    # nine of one type
    nine = await gather_tg(number(), number(), number(), number(), number(), number(), number(), number(), number())
    assert_type(nine, list[int])
    # options
    assert_type(await gather_tg(number(), word(), limit=1, on_error="first", show_items=False), list[int | str])
    assert_type(await gather_tg(number(), word(), limit=None, on_error="group"), list[int | str])
    assert type(await gather_tg(number(), word())) is list


async def gathers_outcomes() -> None:
    outcomes = await gather_tg(number(), word(), on_error="collect")
    for outcome in outcomes:
        assert_type(outcome.unwrap(), int | str)
        assert isinstance(outcome, Ok)
    many = await gather_tg(*[number() for _ in range(3)], on_error="collect")
    assert_type([outcome.value for outcome in many if isinstance(outcome, Ok)], list[int])
    assert_type([outcome.error for outcome in many if isinstance(outcome, Err)], list[Exception])


async def joins(numbers: list[int]) -> None:
    assert_type(await join_tg(number()), tuple[int])
    assert_type(await join_tg(number(), word()), tuple[int, str])
    assert_type(await join_tg(number(), flag()), tuple[int, bool])
    assert_type(await join_tg(dog(), cat(), nothing()), tuple[Dog, Cat, None])
    assert_type(
        await join_tg(number(), word(), nothing(), flag(), dog(), cat(), word(), number()),
        tuple[int, str, None, bool, Dog, Cat, str, int],
    )
    assert_type(
        await join_tg(join_tg(number(), word()), gather_tg(dog(), cat())), tuple[tuple[int, str], list[Dog | Cat]]
    )
    assert_type(await join_tg(number(), word(), on_error="first"), tuple[int, str])
    left, right = await join_tg(number(), word())
    assert_type(left, int)
    assert_type(right, str)
    assert_type(await join_tg(*[number() for _ in range(5)]), tuple[int, ...])
    assert_type(await join_tg(*(same(key) for key in numbers)), tuple[int, ...])
    assert_type(await join_tg(*(number(), word())), tuple[int, str])
    wide: tuple[float | str, ...] = await join_tg(number(), word())
    animals: Sequence[Animal] = await join_tg(dog(), cat())
    assert len(wide) == len(animals) == 2
    assert type(await join_tg(number(), word())) is tuple


async def maps(numbers: list[int]) -> None:
    client = Client()
    assert_type(await map_tg(fetch, numbers, limit=10), list[str])
    assert_type(await map_tg(fetch, keys(), limit=None), list[str])
    assert_type(await map_tg(fetch, range(3), limit=10), list[str])
    assert_type(await map_tg(fetch, {1: "a"}, limit=10), list[str])
    assert_type(await map_tg(lambda key: fetch(key + 1), numbers, limit=10), list[str])
    assert_type(await map_tg(functools.partial(fetch, retries=1), numbers, limit=10), list[str])
    assert_type(await map_tg(client, numbers, limit=10), list[str])
    assert_type(await map_tg(client.get, numbers, limit=10), list[str])
    assert_type(await map_tg(older, numbers, limit=10), list[str])
    assert_type(await map_tg(same, numbers, limit=10), list[int])
    assert_type(await map_tg(swap, numbers, limit=10), list[str])
    assert_type(await map_tg(swap, ["a"], limit=10), list[bytes])
    assert_type(await map_tg(fetch, numbers, limit=10, timeout=5, progress=Counter(), show_items=False), list[str])
    assert_type(await map_tg(fetch, numbers, limit=10, on_error="first"), list[str])
    outcomes = await map_tg(fetch, numbers, limit=10, on_error="collect")
    assert_type(outcomes, list[Outcome[int, str]])
    print([describe(outcome) for outcome in outcomes])
    wide: Sequence[Outcome[float, str | None]] = outcomes  # covariant in both
    assert len(wide) == len(numbers)


async def elsewhere(numbers: list[int]) -> None:
    assert_type(await map_tg(ask, numbers, limit=10, resource=Session), list[str])
    assert_type(await map_tg(query, numbers, limit=10, resource=connected, timeout=5), list[bytes])
    assert_type(
        await map_tg(query, numbers, limit=10, resource=functools.partial(connected, b"x"), on_error="first"),
        list[bytes],
    )
    assert_type(await map_tg(ask, numbers, limit=10, resource=Session, on_error="collect"), list[Outcome[int, str]])
    async with stream_tg(ask, numbers, limit=10, resource=Session, ordered=False) as results:
        async for ok in results:
            assert_type(ok, Ok[int, str])
    async with stream_tg(query, numbers, limit=10, resource=connected, on_error="collect") as outcomes:
        async for outcome in outcomes:
            assert_type(outcome, Outcome[int, bytes])
    with ThreadPoolExecutor(2) as executor:
        assert_type(await map_tg(fetch, numbers, limit=10, executor=executor, lanes=2), list[str])
        assert_type(await map_tg(ask, numbers, limit=10, executor=executor, resource=Session), list[str])
        async with stream_tg(fetch, numbers, limit=10, executor=executor) as texts:
            async for text in texts:
                assert_type(text, Ok[int, str])


def describe(outcome: Outcome[int, str]) -> str:
    match outcome:
        case Ok(index, item, value):
            assert_type(index, int)
            assert_type(item, int)
            assert_type(value, str)
            return f"{index}: {item} = {value}"
        case Err(index, item, error):
            assert_type(item, int)
            assert_type(error, Exception)
            return f"{index}: {item} failed: {error}"
        case _:
            assert_never(outcome)


async def streams(numbers: list[int]) -> None:
    async with stream_tg(fetch, numbers, limit=10) as results:
        async for ok in results:
            assert_type(ok, Ok[int, str])
            assert_type(ok.value, str)
    async with stream_tg(fetch, keys(), limit=None, ordered=False, buffer=5, on_error="first") as results:
        values = [ok.value async for ok in results]
    assert_type(values, list[str])
    async with stream_tg(fetch, numbers, limit=10, on_error="collect") as outcomes:
        async for outcome in outcomes:
            assert_type(outcome, Outcome[int, str])
            assert_type(outcome.item, int)
            assert_type(outcome.unwrap(), str)
            if isinstance(outcome, Err):
                assert_type(outcome, Err[int])
            else:
                assert_type(outcome, Ok[int, str])


async def policies(numbers: list[int], policy: OnError) -> None:
    """A policy that is known only when the program runs gives what either kind gives."""
    results = await map_tg(fetch, numbers, limit=10, on_error=policy)
    assert_type(results, list[str] | list[Outcome[int, str]])


def bounded(fn: Callable[[X], Awaitable[str]], items: Iterable[X]) -> Stream[Ok[X, str]]:
    """A stream can be named, returned and wrapped."""
    return stream_tg(fn, items, limit=8)


async def spawns() -> None:
    def plain() -> None:
        spawn(nothing(), name="nothing")

    plain()
    spawn(number())
    assert_type(await drain(), None)
    await drain(timeout=1.5)


async def cancelled(key: int) -> str:
    current = asyncio.current_task()
    assert current is not None
    current.cancel()
    await asyncio.sleep(0)
    return str(key)


async def failures() -> None:
    """What `collect` gives is `Exception`, a cancelled input included."""
    (outcome,) = await map_tg(cancelled, [7], limit=1, on_error="collect")
    assert isinstance(outcome, Err)
    assert isinstance(outcome.error, ItemCancelled)
    assert (outcome.index, outcome.item) == (0, 7)


async def main() -> None:
    await blog_post()
    await gathers([1, 2])
    await gathers_outcomes()
    await joins([1, 2])
    await maps([1, 2])
    await elsewhere([1, 2])
    await streams([1, 2])
    await policies([1, 2], "group")
    await spawns()
    await failures()
    async with bounded(fetch, [1, 2]) as results:
        assert [ok.value async for ok in results] == ["1", "2"]


if __name__ == "__main__":
    asyncio.run(main())
