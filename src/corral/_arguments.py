"""What a verb refuses before it has touched anything, told with the corrected line (as python-trio/trio does)."""

from __future__ import annotations

import asyncio
import difflib
import inspect
from collections.abc import AsyncIterable, Iterable
from concurrent.futures import Executor
from typing import Any, Final, get_args

from corral._failures import show
from corral.outcome import OnError

_CONTAINERS: Final[frozenset[Any]] = frozenset({list, tuple, set})
_POLICIES: Final[tuple[str, ...]] = get_args(OnError)


def _got(thing: object) -> str:
    return f"{show(thing)} ({type(thing).__name__})"


def _name(thing: Any) -> str:
    return str(getattr(thing, "__name__", None) or type(thing).__name__)


def close(thing: object) -> None:
    """Closes a coroutine that will not be started, so that one error is not followed by a "never awaited"."""
    if inspect.iscoroutine(thing) and inspect.getcoroutinestate(thing) == inspect.CORO_CREATED:
        thing.close()


def check_limit(verb: str, limit: object) -> None:
    """`limit` is None or an int from 1 and up."""
    if limit is None:
        return
    if isinstance(limit, bool) or not isinstance(limit, int):
        raise TypeError(f"{verb}: limit: expected an int from 1 and up, or None for no limit; got {_got(limit)}")
    if limit < 1:
        raise ValueError(f"{verb}: limit: expected an int from 1 and up, or None for no limit; got {limit}")


def check_buffer(verb: str, buffer: object) -> None:
    """`buffer` is None or an int from 0 and up."""
    if buffer is None:
        return
    if isinstance(buffer, bool) or not isinstance(buffer, int):
        raise TypeError(
            f"{verb}: buffer: expected an int from 0 and up, or None for as many as limit; got {_got(buffer)}"
        )
    if buffer < 0:
        raise ValueError(f"{verb}: buffer: expected an int from 0 and up, or None for as many as limit; got {buffer}")


def check_timeout(verb: str, timeout: object) -> None:
    """`timeout` is None or a number of seconds above zero."""
    if timeout is None:
        return
    if isinstance(timeout, bool) or not isinstance(timeout, int | float):
        raise TypeError(f"{verb}: timeout: expected seconds for each input, or None; got {_got(timeout)}")
    if not timeout > 0:
        raise ValueError(f"{verb}: timeout: expected more than 0 seconds, or None; got {timeout}")


def check_on_error(verb: str, on_error: object, policies: tuple[str, ...] = _POLICIES) -> None:
    """`on_error` is one of the policies."""
    if on_error in policies:
        return
    near = difflib.get_close_matches(str(on_error), policies, n=1)
    raise ValueError(
        f"{verb}: on_error: expected {', '.join(map(repr, policies[:-1]))} or {policies[-1]!r}; got {_got(on_error)}"
        + (f". Did you mean {near[0]!r}?" if near else "")
    )


def check_progress(verb: str, progress: object) -> None:
    """`progress` is a bool or has `update(n)`."""
    if not isinstance(progress, bool) and not callable(getattr(progress, "update", None)):
        raise TypeError(f"{verb}: progress: expected True, False or an object with update(n); got {_got(progress)}")


def check_fn(verb: str, fn: object) -> None:
    """`fn` is something to call, not what came of calling it, and not a generator function."""
    if inspect.isawaitable(fn):
        name = _name(fn)
        close(fn)
        raise TypeError(
            f"{verb}: fn: expected a function to call with each input, got {_got(fn)}: it has been called already.\n"
            f"You wrote something like:\n  {verb}({name}(...), items, limit=...)  # wrong\n"
            f"Instead, without the call:\n  {verb}({name}, items, limit=...)  # right"
        )
    if not callable(fn):
        raise TypeError(f"{verb}: fn: expected an async function to call with each input, got {_got(fn)}")
    if inspect.isasyncgenfunction(fn) or inspect.isgeneratorfunction(fn):
        raise TypeError(
            f"{verb}: fn: expected an async function that returns one value for each input, but {_name(fn)} is a "
            f"generator function: it yields.\nReturn a list, or write\n"
            f"  async def one(item): return [x {'async ' if inspect.isasyncgenfunction(fn) else ''}for x in {_name(fn)}(item)]"
        )


def check_items(verb: str, fn: object, items: object) -> None:
    """`items` is something to iterate over."""
    if isinstance(items, (Iterable, AsyncIterable)) or hasattr(type(items), "__getitem__"):
        return
    if inspect.isgeneratorfunction(items) or inspect.isasyncgenfunction(items):
        raise TypeError(
            f"{verb}: items: {_name(items)} is a generator function that has not been called.\n"
            f"You wrote something like:\n  {verb}({_name(fn)}, {_name(items)}, limit=...)  # wrong\n"
            f"Instead, with the call:\n  {verb}({_name(fn)}, {_name(items)}(...), limit=...)  # right"
        )
    if inspect.isawaitable(items):
        name = _name(items)
        close(items)
        raise TypeError(
            f"{verb}: items: expected an iterable or async iterable, got {_got(items)}: it has not been awaited.\n"
            f"Instead:\n  {verb}({_name(fn)}, await {name}(...), limit=...)"
        )
    raise TypeError(f"{verb}: items: expected an iterable or async iterable of inputs, got {_got(items)}")


def check_resource(verb: str, resource: object) -> None:
    """`resource` is None, or makes an async context manager when it is called."""
    if resource is None:
        return
    if hasattr(resource, "__aenter__") and not inspect.isclass(resource):
        name = _name(type(resource))
        raise TypeError(
            f"{verb}: resource: expected a factory of async context managers, got one that is made already: {show(resource)}.\n"
            f"Each process enters one of its own. Instead, without the call:\n  {verb}(..., resource={name})\n"
            f"or with arguments:\n  {verb}(..., resource=functools.partial({name}, ...))"
        )
    if not callable(resource):
        raise TypeError(
            f"{verb}: resource: expected a factory of async context managers, or None; got {_got(resource)}"
        )


def check_executor(verb: str, executor: object, lanes: object) -> None:
    """`executor` is None or an `Executor`, and `lanes` None or an int from 1 up that goes with one."""
    if executor is not None and not isinstance(executor, Executor):
        raise TypeError(
            f"{verb}: executor: expected a concurrent.futures.Executor, such as ProcessPoolExecutor(), or None; "
            f"got {_got(executor)}"
        )
    if lanes is None:
        return
    if isinstance(lanes, bool) or not isinstance(lanes, int):
        raise TypeError(f"{verb}: lanes: expected an int from 1 and up, or None; got {_got(lanes)}")
    if lanes < 1:
        raise ValueError(f"{verb}: lanes: expected an int from 1 and up, or None; got {lanes}")
    if executor is None:
        raise TypeError(f"{verb}: lanes: there is no executor to have lanes: pass executor=, or leave out lanes=")


def refuse_awaitables(verb: str, aws: list[Any], start: int, loop: asyncio.AbstractEventLoop) -> None:
    """Every argument, counted from `start`, is an awaitable, and none of another loop."""
    for index, aw in enumerate(aws, start):
        if asyncio.isfuture(aw):
            if aw.get_loop() is not loop:
                raise ValueError(f"{verb}: argument {index} belongs to another event loop: {show(aw)}")
        elif not inspect.isawaitable(aw):
            raise TypeError(_not_awaitable(verb, index, aw))


def _not_awaitable(verb: str, index: int, thing: Any) -> str:
    text = f"{verb}: argument {index}: expected an awaitable, got {_got(thing)}"
    inside = _inside(thing)
    if any(map(inspect.isawaitable, inside)):
        for aw in inside:
            close(aw)
        return (
            f"{verb}: argument {index} is a {_name(type(thing))} of awaitables.\n"
            f"You wrote something like:\n  {verb}([f(x) for x in xs])  # wrong\n"
            f"Instead, with a star:\n  {verb}(*[f(x) for x in xs])  # right"
        )
    if inspect.isgenerator(thing):
        return f"{text}.\nTo run all that it yields, write a star:\n  {verb}(*(f(x) for x in xs))"
    if inspect.iscoroutinefunction(thing):
        return f"{text}: the function itself.\nInstead, with the call:\n  {verb}({_name(thing)}(...))"
    return text


def _inside(thing: Any) -> list[Any]:
    return list(thing) if type(thing) in _CONTAINERS else []
