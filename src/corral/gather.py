"""`gather_tg`: run awaitables together, get a list."""

from __future__ import annotations

from collections.abc import Awaitable, Coroutine
from typing import Any, Final, Literal, TypeVar, overload

from corral._given import Given, run_given
from corral.outcome import OnError, Outcome

T = TypeVar("T")
T1 = TypeVar("T1")
T2 = TypeVar("T2")
T3 = TypeVar("T3")
T4 = TypeVar("T4")
T5 = TypeVar("T5")
T6 = TypeVar("T6")
T7 = TypeVar("T7")
T8 = TypeVar("T8")

_POLICIES: Final = ("group", "first", "collect")


# By position to 8, so that mypy, which joins where the others make unions, does not say list[object]. No overload for no
# arguments, and none for "8 and the rest": star calls would match them, and be typed wrong.
@overload
async def gather_tg(
    aw1: Awaitable[T1],
    /,
    *,
    limit: int | None = None,
    on_error: Literal["group", "first"] = "group",
    show_items: bool = True,
) -> list[T1]: ...
@overload
async def gather_tg(
    aw1: Awaitable[T1],
    aw2: Awaitable[T2],
    /,
    *,
    limit: int | None = None,
    on_error: Literal["group", "first"] = "group",
    show_items: bool = True,
) -> list[T1 | T2]: ...
@overload
async def gather_tg(
    aw1: Awaitable[T1],
    aw2: Awaitable[T2],
    aw3: Awaitable[T3],
    /,
    *,
    limit: int | None = None,
    on_error: Literal["group", "first"] = "group",
    show_items: bool = True,
) -> list[T1 | T2 | T3]: ...
@overload
async def gather_tg(
    aw1: Awaitable[T1],
    aw2: Awaitable[T2],
    aw3: Awaitable[T3],
    aw4: Awaitable[T4],
    /,
    *,
    limit: int | None = None,
    on_error: Literal["group", "first"] = "group",
    show_items: bool = True,
) -> list[T1 | T2 | T3 | T4]: ...
@overload
async def gather_tg(
    aw1: Awaitable[T1],
    aw2: Awaitable[T2],
    aw3: Awaitable[T3],
    aw4: Awaitable[T4],
    aw5: Awaitable[T5],
    /,
    *,
    limit: int | None = None,
    on_error: Literal["group", "first"] = "group",
    show_items: bool = True,
) -> list[T1 | T2 | T3 | T4 | T5]: ...
@overload
async def gather_tg(
    aw1: Awaitable[T1],
    aw2: Awaitable[T2],
    aw3: Awaitable[T3],
    aw4: Awaitable[T4],
    aw5: Awaitable[T5],
    aw6: Awaitable[T6],
    /,
    *,
    limit: int | None = None,
    on_error: Literal["group", "first"] = "group",
    show_items: bool = True,
) -> list[T1 | T2 | T3 | T4 | T5 | T6]: ...
@overload
async def gather_tg(
    aw1: Awaitable[T1],
    aw2: Awaitable[T2],
    aw3: Awaitable[T3],
    aw4: Awaitable[T4],
    aw5: Awaitable[T5],
    aw6: Awaitable[T6],
    aw7: Awaitable[T7],
    /,
    *,
    limit: int | None = None,
    on_error: Literal["group", "first"] = "group",
    show_items: bool = True,
) -> list[T1 | T2 | T3 | T4 | T5 | T6 | T7]: ...
@overload
async def gather_tg(
    aw1: Awaitable[T1],
    aw2: Awaitable[T2],
    aw3: Awaitable[T3],
    aw4: Awaitable[T4],
    aw5: Awaitable[T5],
    aw6: Awaitable[T6],
    aw7: Awaitable[T7],
    aw8: Awaitable[T8],
    /,
    *,
    limit: int | None = None,
    on_error: Literal["group", "first"] = "group",
    show_items: bool = True,
) -> list[T1 | T2 | T3 | T4 | T5 | T6 | T7 | T8]: ...
@overload
async def gather_tg(
    *aws: Awaitable[T], limit: int | None = None, on_error: Literal["group", "first"] = "group", show_items: bool = True
) -> list[T]: ...
@overload
async def gather_tg(
    aw1: Awaitable[T1], /, *, limit: int | None = None, on_error: Literal["collect"], show_items: bool = True
) -> list[Outcome[Awaitable[T1], T1]]: ...
@overload
async def gather_tg(
    aw1: Awaitable[T1],
    aw2: Awaitable[T2],
    /,
    *,
    limit: int | None = None,
    on_error: Literal["collect"],
    show_items: bool = True,
) -> list[Outcome[Awaitable[T1 | T2], T1 | T2]]: ...
@overload
async def gather_tg(
    aw1: Awaitable[T1],
    aw2: Awaitable[T2],
    aw3: Awaitable[T3],
    /,
    *,
    limit: int | None = None,
    on_error: Literal["collect"],
    show_items: bool = True,
) -> list[Outcome[Awaitable[T1 | T2 | T3], T1 | T2 | T3]]: ...
@overload
async def gather_tg(
    aw1: Awaitable[T1],
    aw2: Awaitable[T2],
    aw3: Awaitable[T3],
    aw4: Awaitable[T4],
    /,
    *,
    limit: int | None = None,
    on_error: Literal["collect"],
    show_items: bool = True,
) -> list[Outcome[Awaitable[T1 | T2 | T3 | T4], T1 | T2 | T3 | T4]]: ...
@overload
async def gather_tg(
    aw1: Awaitable[T1],
    aw2: Awaitable[T2],
    aw3: Awaitable[T3],
    aw4: Awaitable[T4],
    aw5: Awaitable[T5],
    /,
    *,
    limit: int | None = None,
    on_error: Literal["collect"],
    show_items: bool = True,
) -> list[Outcome[Awaitable[T1 | T2 | T3 | T4 | T5], T1 | T2 | T3 | T4 | T5]]: ...
@overload
async def gather_tg(
    aw1: Awaitable[T1],
    aw2: Awaitable[T2],
    aw3: Awaitable[T3],
    aw4: Awaitable[T4],
    aw5: Awaitable[T5],
    aw6: Awaitable[T6],
    /,
    *,
    limit: int | None = None,
    on_error: Literal["collect"],
    show_items: bool = True,
) -> list[Outcome[Awaitable[T1 | T2 | T3 | T4 | T5 | T6], T1 | T2 | T3 | T4 | T5 | T6]]: ...
@overload
async def gather_tg(
    aw1: Awaitable[T1],
    aw2: Awaitable[T2],
    aw3: Awaitable[T3],
    aw4: Awaitable[T4],
    aw5: Awaitable[T5],
    aw6: Awaitable[T6],
    aw7: Awaitable[T7],
    /,
    *,
    limit: int | None = None,
    on_error: Literal["collect"],
    show_items: bool = True,
) -> list[Outcome[Awaitable[T1 | T2 | T3 | T4 | T5 | T6 | T7], T1 | T2 | T3 | T4 | T5 | T6 | T7]]: ...
@overload
async def gather_tg(
    aw1: Awaitable[T1],
    aw2: Awaitable[T2],
    aw3: Awaitable[T3],
    aw4: Awaitable[T4],
    aw5: Awaitable[T5],
    aw6: Awaitable[T6],
    aw7: Awaitable[T7],
    aw8: Awaitable[T8],
    /,
    *,
    limit: int | None = None,
    on_error: Literal["collect"],
    show_items: bool = True,
) -> list[Outcome[Awaitable[T1 | T2 | T3 | T4 | T5 | T6 | T7 | T8], T1 | T2 | T3 | T4 | T5 | T6 | T7 | T8]]: ...
@overload
async def gather_tg(
    *aws: Awaitable[T], limit: int | None = None, on_error: Literal["collect"], show_items: bool = True
) -> list[Outcome[Awaitable[T], T]]: ...
@overload
async def gather_tg(
    *aws: Awaitable[T], limit: int | None = None, on_error: OnError, show_items: bool = True
) -> list[T] | list[Outcome[Awaitable[T], T]]: ...
def gather_tg(
    *aws: Awaitable[Any], limit: int | None = None, on_error: OnError = "group", show_items: bool = True
) -> Coroutine[Any, Any, list[Any]]:
    """Runs all awaitables together and gives their results as a list, in order.

    Where nothing fails, it equals::

        async with asyncio.TaskGroup() as tg:
            tasks = [tg.create_task(aw) for aw in aws]
        results = [task.result() for task in tasks]

    only that every kind of awaitable is taken, that the same one given twice runs once and fills both places, and that a
    million of them are a handful of Tasks. For one function over many inputs, `map_tg` makes the coroutines one by one.

    Args:
        *aws: Coroutines, Tasks, Futures, objects with `__await__`. They start in this order.
        limit: How many run at the same time; None for all.
        on_error: `"group"`: the first failure cancels the others, and an `ExceptionGroup` of all failures is raised, also for
            one, as `asyncio.TaskGroup` does. `"first"`: the same, but the first failure is raised bare, as `asyncio.gather`
            does. `"collect"`: nothing is cancelled, and the list holds an `Ok` or `Err` for each.
        show_items: Whether the notes on failures show the awaitables.

    Fails: As `on_error` says, after everything has stopped; each failure has a note that names its input. What is cancelled
    from inside is a failure, `ItemCancelled`. Wrong arguments: `TypeError`, `ValueError`, and every coroutine is closed.

    Cancellation: Cancels what runs, Tasks and Futures that were given included, waits for it, and raises `CancelledError`, from
    a group of the failures if there were any. Coroutines that had not started are closed.

    Cost: About what a TaskGroup costs for a few, a fifth of `asyncio.gather` for a million, in time, and less than half in
    memory. Until it returns, it and its tasks are held strongly (gh-91887): what waits only on itself lives until its loop ends.

    After the helper of the blog post that started this project; PEP 654, gh-91887.
    """
    return run_given("gather_tg", Given(aws), limit, on_error, _POLICIES, show_items)
