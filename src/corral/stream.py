"""`map_tg` and `stream_tg`: one function over many inputs, bounded, lazy, in order."""

from __future__ import annotations

from collections.abc import AsyncIterable, Awaitable, Callable, Iterable
from concurrent.futures import Executor
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any, Literal, TypeVar, overload

from corral import _arguments as arguments
from corral._failures import Failures
from corral._place import prepare
from corral._progress import Progress, SupportsUpdate
from corral._results import ListRun
from corral._streaming import Stream, StreamRun
from corral.outcome import Ok, OnError, Outcome

A = TypeVar("A")
R = TypeVar("R")
Res = TypeVar("Res")


@overload
async def map_tg(
    fn: Callable[[A], Awaitable[R]],
    items: Iterable[A] | AsyncIterable[A],
    /,
    *,
    limit: int | None,
    on_error: Literal["group", "first"] = "group",
    timeout: float | None = None,
    progress: bool | SupportsUpdate = False,
    show_items: bool = True,
    resource: None = None,
    executor: Executor | None = None,
    lanes: int | None = None,
) -> list[R]: ...
@overload
async def map_tg(
    fn: Callable[[A], Awaitable[R]],
    items: Iterable[A] | AsyncIterable[A],
    /,
    *,
    limit: int | None,
    on_error: Literal["collect"],
    timeout: float | None = None,
    progress: bool | SupportsUpdate = False,
    show_items: bool = True,
    resource: None = None,
    executor: Executor | None = None,
    lanes: int | None = None,
) -> list[Outcome[A, R]]: ...
@overload
async def map_tg(
    fn: Callable[[A], Awaitable[R]],
    items: Iterable[A] | AsyncIterable[A],
    /,
    *,
    limit: int | None,
    on_error: OnError,
    timeout: float | None = None,
    progress: bool | SupportsUpdate = False,
    show_items: bool = True,
    resource: None = None,
    executor: Executor | None = None,
    lanes: int | None = None,
) -> list[R] | list[Outcome[A, R]]: ...
@overload
async def map_tg(
    fn: Callable[[A, Res], Awaitable[R]],
    items: Iterable[A] | AsyncIterable[A],
    /,
    *,
    limit: int | None,
    on_error: Literal["group", "first"] = "group",
    timeout: float | None = None,
    progress: bool | SupportsUpdate = False,
    show_items: bool = True,
    resource: Callable[[], AbstractAsyncContextManager[Res]],
    executor: Executor | None = None,
    lanes: int | None = None,
) -> list[R]: ...
@overload
async def map_tg(
    fn: Callable[[A, Res], Awaitable[R]],
    items: Iterable[A] | AsyncIterable[A],
    /,
    *,
    limit: int | None,
    on_error: Literal["collect"],
    timeout: float | None = None,
    progress: bool | SupportsUpdate = False,
    show_items: bool = True,
    resource: Callable[[], AbstractAsyncContextManager[Res]],
    executor: Executor | None = None,
    lanes: int | None = None,
) -> list[Outcome[A, R]]: ...
@overload
async def map_tg(
    fn: Callable[[A, Res], Awaitable[R]],
    items: Iterable[A] | AsyncIterable[A],
    /,
    *,
    limit: int | None,
    on_error: OnError,
    timeout: float | None = None,
    progress: bool | SupportsUpdate = False,
    show_items: bool = True,
    resource: Callable[[], AbstractAsyncContextManager[Res]],
    executor: Executor | None = None,
    lanes: int | None = None,
) -> list[R] | list[Outcome[A, R]]: ...
async def map_tg(
    fn: Callable[..., Awaitable[Any]],
    items: Iterable[Any] | AsyncIterable[Any],
    /,
    *,
    limit: int | None,
    on_error: OnError = "group",
    timeout: float | None = None,
    progress: bool | SupportsUpdate = False,
    show_items: bool = True,
    resource: Callable[[], AbstractAsyncContextManager[Any]] | None = None,
    executor: Executor | None = None,
    lanes: int | None = None,
) -> list[Any]:
    """Calls an async function with every input and gives the results as a list, in input order.

    It equals `[await fn(item) for item in items]`, only that up to `limit` calls run at the same time.

    Args:
        fn: Called with one input; returns an awaitable.
        items: Any iterable or async iterable, infinite ones included. Pulled one by one, when there is a place.
        limit: How many inputs run at the same time, from 1 up. None: as many as it takes.
        on_error: `"group"`: the first failure cancels what runs, and an `ExceptionGroup` of all failures is raised, also for
            one. `"first"`: the same, but the first failure is raised bare. `"collect"`: nothing is cancelled, and the list
            holds an `Ok` or `Err` for each input.
        timeout: Seconds for each input, from its start; past it, that input fails with `TimeoutError`.
        progress: True for a `tqdm` bar, or an object with `update(n)`.
        show_items: Whether the notes on failures show the inputs; False where they are secret.
        resource: A factory of async context managers, such as `aiohttp.ClientSession`: entered once per process before `fn` runs
            there, left when nothing runs any more, and given to `fn` as its second argument.
        executor: Where to run instead of in this loop: any `concurrent.futures.Executor`. `fn` and the inputs have to pickle.
        lanes: How many chunks of inputs the executor has at once, at most `limit`. None: as many as it has workers.

    Fails: As `on_error` says, after everything has stopped; each failure has a note like `map_tg: input 17: 'https://…'`.
    What is cancelled from inside is a failure, `ItemCancelled`. A source that fails stops the pulling; under `"collect"` its
    error is raised once what runs has finished. A `fn` that returns no awaitable is a `TypeError` under every policy.

    Cancellation: Cancels what runs, waits for it, and raises `CancelledError`, from a group of the failures if there were any.

    Cost: Under half a microsecond for an input that does not suspend, about one for one that does, and a place in the list.
    The loop is never held for more than some milliseconds, unless an input does so. Until it returns, it and its tasks are
    held strongly (gh-91887): what waits only on itself lives until its loop ends.

    After `concurrent.futures.Executor.map` and sourcegraph/conc's `iter.Map`.
    """
    call, place = prepare(
        "map_tg", fn, items, limit, on_error, timeout, progress, resource, executor, lanes, show_items
    )
    async with AsyncExitStack() as stack:
        bar = Progress("map_tg", progress, items) if progress is not False else None
        if bar is not None:
            stack.callback(bar.stop)
        if place is not None:
            await stack.enter_async_context(place)
        run = ListRun(Failures("map_tg", on_error, show_items=show_items), call, items, limit)
        if place is not None:
            place.bind(run)
        if bar is not None:
            bar.start(run)
        run.start(items)
        return await run.all()


@overload
def stream_tg(
    fn: Callable[[A], Awaitable[R]],
    items: Iterable[A] | AsyncIterable[A],
    /,
    *,
    limit: int | None,
    ordered: bool = True,
    buffer: int | None = None,
    on_error: Literal["group", "first"] = "group",
    timeout: float | None = None,
    progress: bool | SupportsUpdate = False,
    show_items: bool = True,
    resource: None = None,
    executor: Executor | None = None,
    lanes: int | None = None,
) -> Stream[Ok[A, R]]: ...
@overload
def stream_tg(
    fn: Callable[[A], Awaitable[R]],
    items: Iterable[A] | AsyncIterable[A],
    /,
    *,
    limit: int | None,
    ordered: bool = True,
    buffer: int | None = None,
    on_error: OnError,
    timeout: float | None = None,
    progress: bool | SupportsUpdate = False,
    show_items: bool = True,
    resource: None = None,
    executor: Executor | None = None,
    lanes: int | None = None,
) -> Stream[Outcome[A, R]]: ...
@overload
def stream_tg(
    fn: Callable[[A, Res], Awaitable[R]],
    items: Iterable[A] | AsyncIterable[A],
    /,
    *,
    limit: int | None,
    ordered: bool = True,
    buffer: int | None = None,
    on_error: Literal["group", "first"] = "group",
    timeout: float | None = None,
    progress: bool | SupportsUpdate = False,
    show_items: bool = True,
    resource: Callable[[], AbstractAsyncContextManager[Res]],
    executor: Executor | None = None,
    lanes: int | None = None,
) -> Stream[Ok[A, R]]: ...
@overload
def stream_tg(
    fn: Callable[[A, Res], Awaitable[R]],
    items: Iterable[A] | AsyncIterable[A],
    /,
    *,
    limit: int | None,
    ordered: bool = True,
    buffer: int | None = None,
    on_error: OnError,
    timeout: float | None = None,
    progress: bool | SupportsUpdate = False,
    show_items: bool = True,
    resource: Callable[[], AbstractAsyncContextManager[Res]],
    executor: Executor | None = None,
    lanes: int | None = None,
) -> Stream[Outcome[A, R]]: ...
def stream_tg(
    fn: Callable[..., Awaitable[Any]],
    items: Iterable[Any] | AsyncIterable[Any],
    /,
    *,
    limit: int | None,
    ordered: bool = True,
    buffer: int | None = None,
    on_error: OnError = "group",
    timeout: float | None = None,
    progress: bool | SupportsUpdate = False,
    show_items: bool = True,
    resource: Callable[[], AbstractAsyncContextManager[Any]] | None = None,
    executor: Executor | None = None,
    lanes: int | None = None,
) -> Stream[Any]:
    """Calls an async function with every input and hands out the outcomes one by one, while the others run.

    `async with stream_tg(fn, items, limit=100) as results:` and in it `async for outcome in results: use(outcome.value)`
    equals `for item in items: use(await fn(item))`, only that up to `limit` calls run at the same time, ahead of the consumer.
    It is a context manager because a task group cannot live across a `yield` (PEP 789): leaving the block, by `break`, `return`
    or an exception, stops what runs.

    Args:
        fn: Called with one input; returns an awaitable.
        items: Any iterable or async iterable, infinite ones included. Pulled one by one, when there is a place.
        limit: How many inputs run at the same time, from 1 up. None: as many as it takes.
        ordered: Whether outcomes come in input order, or as they are ready.
        buffer: How many outcomes may wait for the consumer, beyond `limit` less what runs: running and undelivered together are
            never more than `limit + buffer`. None: as many as `limit`.
        on_error: `"group"`, `"first"` or `"collect"`, as in `map_tg`. It yields `Ok` only, or under `"collect"` `Ok | Err`.
        timeout: Seconds for each input, from its start; past it, that input fails with `TimeoutError`.
        progress: True for a `tqdm` bar, or an object with `update(n)`.
        show_items: Whether the notes on failures show the inputs; False where they are secret.
        resource: As in `map_tg`.
        executor: As in `map_tg`.
        lanes: As in `map_tg`.

    Fails: As `map_tg`, once: by the next step of the iteration after what was already next in order, or by leaving the block. A
    consumer's own exception leaves the block as it is, with a note if the stream had failed too.

    Cancellation: Leaving the block cancels what runs and waits for it. A step that is cancelled takes nothing and stops nothing.

    Cost: A microsecond or two for each input, and memory for `limit + buffer` outcomes, for ever: it keeps nothing that it has
    delivered. Until its last input has ended or the block is left, it and its tasks are held strongly (gh-91887).

    After Rust's `StreamExt::buffered` and sindresorhus/p-map's `pMapIterable`; PEP 789.
    """
    call, place = prepare(
        "stream_tg", fn, items, limit, on_error, timeout, progress, resource, executor, lanes, show_items
    )
    arguments.check_buffer("stream_tg", buffer)
    bar = Progress("stream_tg", progress, items) if progress is not False else None
    failures = Failures("stream_tg", on_error, show_items=show_items)
    return Stream(lambda: StreamRun(failures, call, limit, buffer, ordered=ordered), items, bar, place)
