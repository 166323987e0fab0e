"""Mistakes, refused before anything starts: what was expected, what came, and the corrected line."""

from __future__ import annotations

import asyncio
import functools
import inspect
from typing import Any

import pytest

from corral import gather_tg, join_tg, map_tg, stream_tg
from tests.children import Crowd, Lazy, returns
from tests.verbs.by_name import VERBS, values


async def fetch(url: str) -> str:
    return url


def touched() -> Any:
    """A source that fails the test if it is pulled."""
    raise AssertionError("the source was touched")
    yield


async def call(verb: str, *args: Any, **kwargs: Any) -> None:
    """`stream_tg` refuses at the call, where it is written; a coroutine verb at its first step, when it is awaited."""
    if verb == "stream_tg":
        stream_tg(*args, **kwargs)
    else:
        coro = map_tg(*args, **kwargs)
        assert inspect.iscoroutine(coro)
        await coro


async def refusal(verb: str, *args: Any, **kwargs: Any) -> str:
    """The text of the error, without the name of the verb, which it begins with."""
    with pytest.raises((TypeError, ValueError)) as caught:
        await call(verb, *args, **kwargs)
    name, colon, text = str(caught.value).partition(": ")
    assert (name, colon) == (verb, ": ")
    return f"{type(caught.value).__name__}: {text}"


BAD_LIMITS = {
    0: "ValueError: limit: expected an int from 1 and up, or None for no limit; got 0",
    -3: "ValueError: limit: expected an int from 1 and up, or None for no limit; got -3",
    2.0: "TypeError: limit: expected an int from 1 and up, or None for no limit; got 2.0 (float)",
    "10": "TypeError: limit: expected an int from 1 and up, or None for no limit; got '10' (str)",
    True: "TypeError: limit: expected an int from 1 and up, or None for no limit; got True (bool)",
}


@VERBS
@pytest.mark.parametrize(("limit", "text"), BAD_LIMITS.items())
async def test_limit(verb: str, limit: Any, text: str) -> None:
    """A `limit` that is no int from 1 up is refused before `fn` or the source is touched."""
    crowd = Crowd()
    assert await refusal(verb, crowd, touched(), limit=limit) == text
    assert crowd.started == []


@pytest.mark.parametrize(("limit", "text"), BAD_LIMITS.items())
async def test_limit_of_gather(limit: Any, text: str) -> None:
    """The same for `gather_tg`, which closes its coroutines."""
    coros = [returns(1) for _ in range(6)]
    error, _, said = text.partition(": ")
    with pytest.raises((TypeError, ValueError)) as caught:
        await gather_tg(*coros, limit=limit)
    assert (type(caught.value).__name__, str(caught.value)) == (error, f"gather_tg: {said}")
    assert {inspect.getcoroutinestate(coro) for coro in coros} == {inspect.CORO_CLOSED}


@VERBS
async def test_limit_has_no_default(verb: str) -> None:
    """There is no honest default for `limit`: leaving it out is a `TypeError` by Python itself."""
    with pytest.raises(TypeError, match="missing 1 required keyword-only argument: 'limit'"):
        await call(verb, fetch, [])


@pytest.mark.parametrize(
    ("buffer", "text"),
    {
        -1: "ValueError: buffer: expected an int from 0 and up, or None for as many as limit; got -1",
        1.5: "TypeError: buffer: expected an int from 0 and up, or None for as many as limit; got 1.5 (float)",
        "2": "TypeError: buffer: expected an int from 0 and up, or None for as many as limit; got '2' (str)",
        False: "TypeError: buffer: expected an int from 0 and up, or None for as many as limit; got False (bool)",
    }.items(),
)
async def test_buffer(buffer: Any, text: str) -> None:
    """A `buffer` that is no int from 0 up is refused at the call."""
    assert await refusal("stream_tg", fetch, touched(), limit=1, buffer=buffer) == text


@VERBS
@pytest.mark.parametrize(
    ("timeout", "text"),
    {
        0: "ValueError: timeout: expected more than 0 seconds, or None; got 0",
        -1.5: "ValueError: timeout: expected more than 0 seconds, or None; got -1.5",
        float("nan"): "ValueError: timeout: expected more than 0 seconds, or None; got nan",
        "3": "TypeError: timeout: expected seconds for each input, or None; got '3' (str)",
        True: "TypeError: timeout: expected seconds for each input, or None; got True (bool)",
    }.items(),
)
async def test_timeout(verb: str, timeout: Any, text: str) -> None:
    """A `timeout` that is no number above zero is refused."""
    assert await refusal(verb, fetch, touched(), limit=1, timeout=timeout) == text


@VERBS
async def test_on_error(verb: str) -> None:
    """An unknown policy is refused, with the nearest known one."""
    known = "ValueError: on_error: expected 'group', 'first' or 'collect'; got "
    assert await refusal(verb, fetch, touched(), limit=1, on_error="colect") == (
        f"{known}'colect' (str). Did you mean 'collect'?"
    )
    assert await refusal(verb, fetch, touched(), limit=1, on_error=None) == f"{known}None (NoneType)"
    assert await refusal(verb, fetch, touched(), limit=1, on_error=["xyz"]) == f"{known}['xyz'] (list)"


@VERBS
async def test_progress(verb: str) -> None:
    """`progress` is a bool or has `update(n)`."""
    assert await refusal(verb, fetch, touched(), limit=1, progress=object) == (
        "TypeError: progress: expected True, False or an object with update(n); got <class 'object'> (type)"
    )


@VERBS
async def test_fn_called_already(verb: str) -> None:
    """`map_tg(fetch(url), …)`: the error shows the call with the name of the function, right and wrong, and closes it."""
    coro = fetch("url")
    text = await refusal(verb, coro, ["a"], limit=1)
    assert text.startswith(
        "TypeError: fn: expected a function to call with each input, got <coroutine object fetch at 0x"
    )
    assert text.endswith(
        "(coroutine): it has been called already.\n"
        "You wrote something like:\n"
        f"  {verb}(fetch(...), items, limit=...)  # wrong\n"
        "Instead, without the call:\n"
        f"  {verb}(fetch, items, limit=...)  # right"
    )
    assert inspect.getcoroutinestate(coro) == inspect.CORO_CLOSED


@VERBS
async def test_fn_is_a_running_task(verb: str) -> None:
    """A Task where `fn` belongs is refused, and goes on: it is its owner's."""
    task = asyncio.create_task(fetch("url"))
    assert "it has been called already" in await refusal(verb, task, ["a"], limit=1)
    assert await task == "url"


@VERBS
async def test_fn_not_callable(verb: str) -> None:
    """What cannot be called is refused."""
    assert await refusal(verb, "fetch", ["a"], limit=1) == (
        "TypeError: fn: expected an async function to call with each input, got 'fetch' (str)"
    )
    assert await refusal(verb, ["a"], fetch, limit=1) == (
        "TypeError: fn: expected an async function to call with each input, got ['a'] (list)"
    )


@VERBS
async def test_fn_is_a_generator_function(verb: str) -> None:
    """A function that yields gives no awaitable: refused, with a line that collects what it yields."""

    async def pages(url):
        yield url

    def lines(path):
        yield path

    said = "is a generator function: it yields.\nReturn a list, or write\n  async def one(item): return"
    assert await refusal(verb, pages, touched(), limit=1) == (
        "TypeError: fn: expected an async function that returns one value for each input, but pages "
        f"{said} [x async for x in pages(item)]"
    )
    assert f"lines {said} [x for x in lines(item)]" in await refusal(verb, lines, touched(), limit=1)


@VERBS
async def test_items_not_iterable(verb: str) -> None:
    """Inputs that cannot be iterated over are refused."""
    assert await refusal(verb, fetch, 42, limit=1) == (
        "TypeError: items: expected an iterable or async iterable of inputs, got 42 (int)"
    )


@VERBS
async def test_items_is_a_generator_function(verb: str) -> None:
    """A generator function given uncalled: the error shows the line with the call."""

    def urls():
        yield "url"

    async def pages():
        yield "url"

    for items in (urls, pages):
        assert await refusal(verb, fetch, items, limit=1) == (
            f"TypeError: items: {items.__name__} is a generator function that has not been called.\n"
            "You wrote something like:\n"
            f"  {verb}(fetch, {items.__name__}, limit=...)  # wrong\n"
            "Instead, with the call:\n"
            f"  {verb}(fetch, {items.__name__}(...), limit=...)  # right"
        )


@VERBS
async def test_items_not_awaited(verb: str) -> None:
    """A coroutine where the inputs belong: the error shows the `await`, and closes it."""
    coro = returns(["a"])
    text = await refusal(verb, fetch, coro, limit=1)
    assert text.startswith(
        "TypeError: items: expected an iterable or async iterable, got <coroutine object returns at 0x"
    )
    assert text.endswith(f"it has not been awaited.\nInstead:\n  {verb}(fetch, await returns(...), limit=...)")
    assert inspect.getcoroutinestate(coro) == inspect.CORO_CLOSED


@VERBS
async def test_what_only_looks_wrong_is_taken(verb: str) -> None:
    """Lambdas, partials, bound methods, classes and plain functions that return an awaitable are fine."""

    class Client:
        async def get(self, url):
            return url

        async def __call__(self, url):
            return url

    functions = [
        lambda url: fetch(url),
        functools.partial(fetch),
        Client().get,
        Client(),
        lambda url: Lazy(fetch(url)),
        lambda url: asyncio.ensure_future(fetch(url)),
        functools.partial(asyncio.to_thread, str),
    ]
    for fn in functions:
        assert await values(verb, fn, ["a", "b"], limit=1) == ["a", "b"]


@pytest.mark.parametrize("verb", [gather_tg, join_tg])
async def test_list_without_its_star(verb: Any) -> None:
    """A list, tuple or set of coroutines without the star: the error shows the star, and closes them all."""
    name = verb.__name__
    for container in (list, tuple, set):
        coros = [returns(1), returns(2)]
        with pytest.raises(TypeError) as caught:
            await verb(container(coros))
        assert str(caught.value) == (
            f"{name}: argument 0 is a {container.__name__} of awaitables.\n"
            "You wrote something like:\n"
            f"  {name}([f(x) for x in xs])  # wrong\n"
            "Instead, with a star:\n"
            f"  {name}(*[f(x) for x in xs])  # right"
        )
        assert {inspect.getcoroutinestate(coro) for coro in coros} == {inspect.CORO_CLOSED}


@pytest.mark.parametrize("verb", [gather_tg, join_tg])
async def test_generator_without_its_star(verb: Any) -> None:
    """A generator of coroutines without the star: the error shows the star, and pulls nothing."""
    with pytest.raises(TypeError) as caught:
        await verb(touched())
    text = str(caught.value)
    assert text.startswith(f"{verb.__name__}: argument 0: expected an awaitable, got <generator object touched at 0x")
    assert text.endswith(f"To run all that it yields, write a star:\n  {verb.__name__}(*(f(x) for x in xs))")


@pytest.mark.parametrize("verb", [gather_tg, join_tg])
@pytest.mark.parametrize("beside", [0, 6], ids=["few", "many"])
async def test_not_awaitable(verb: Any, beside: int) -> None:
    """A bad argument anywhere is refused before anything starts, with its number; every coroutine beside it is closed."""
    coros = [Crowd()(n) for n in range(2 + beside)]
    with pytest.raises(TypeError) as caught:
        await verb(*coros[:-1], 42, coros[-1])
    assert str(caught.value) == f"{verb.__name__}: argument {1 + beside}: expected an awaitable, got 42 (int)"
    assert {inspect.getcoroutinestate(coro) for coro in coros} == {inspect.CORO_CLOSED}


async def test_function_instead_of_its_call() -> None:
    """`gather_tg(fetch)`: the error shows the call."""
    with pytest.raises(TypeError) as caught:
        await gather_tg(fetch)
    assert str(caught.value).endswith(
        "(function): the function itself.\nInstead, with the call:\n  gather_tg(fetch(...))"
    )


async def test_future_of_another_loop() -> None:
    """A Task or Future of another loop is refused, with its number; the coroutines beside it are closed."""
    loop = asyncio.new_event_loop()
    foreign, coro = loop.create_future(), returns(1)
    with pytest.raises(ValueError, match=r"^gather_tg: argument 1 belongs to another event loop: <Future pending"):
        await gather_tg(coro, foreign)
    assert inspect.getcoroutinestate(coro) == inspect.CORO_CLOSED
    loop.close()
