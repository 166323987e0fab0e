"""`join_tg`: run awaitables of different kinds together, get a tuple, exact by position."""

from __future__ import annotations

from collections.abc import Awaitable, Coroutine
from typing import Any, Final, Literal, TypeVar, overload

from corral._given import Given, run_given

T = TypeVar("T")
T1 = TypeVar("T1")
T2 = TypeVar("T2")
T3 = TypeVar("T3")
T4 = TypeVar("T4")
T5 = TypeVar("T5")
T6 = TypeVar("T6")
T7 = TypeVar("T7")
T8 = TypeVar("T8")

_POLICIES: Final = ("group", "first")


# No overload for no arguments, and none for "8 and the rest": star calls would match them, and be typed wrong.
@overload
async def join_tg(
    aw1: Awaitable[T1], /, *, on_error: Literal["group", "first"] = "group", show_items: bool = True
) -> tuple[T1]: ...
@overload
async def join_tg(
    aw1: Awaitable[T1], aw2: Awaitable[T2], /, *, on_error: Literal["group", "first"] = "group", show_items: bool = True
) -> tuple[T1, T2]: ...
@overload
async def join_tg(
    aw1: Awaitable[T1],
    aw2: Awaitable[T2],
    aw3: Awaitable[T3],
    /,
    *,
    on_error: Literal["group", "first"] = "group",
    show_items: bool = True,
) -> tuple[T1, T2, T3]: ...
@overload
async def join_tg(
    aw1: Awaitable[T1],
    aw2: Awaitable[T2],
    aw3: Awaitable[T3],
    aw4: Awaitable[T4],
    /,
    *,
    on_error: Literal["group", "first"] = "group",
    show_items: bool = True,
) -> tuple[T1, T2, T3, T4]: ...
@overload
async def join_tg(
    aw1: Awaitable[T1],
    aw2: Awaitable[T2],
    aw3: Awaitable[T3],
    aw4: Awaitable[T4],
    aw5: Awaitable[T5],
    /,
    *,
    on_error: Literal["group", "first"] = "group",
    show_items: bool = True,
) -> tuple[T1, T2, T3, T4, T5]: ...
@overload
async def join_tg(
    aw1: Awaitable[T1],
    aw2: Awaitable[T2],
    aw3: Awaitable[T3],
    aw4: Awaitable[T4],
    aw5: Awaitable[T5],
    aw6: Awaitable[T6],
    /,
    *,
    on_error: Literal["group", "first"] = "group",
    show_items: bool = True,
) -> tuple[T1, T2, T3, T4, T5, T6]: ...
@overload
async def join_tg(
    aw1: Awaitable[T1],
    aw2: Awaitable[T2],
    aw3: Awaitable[T3],
    aw4: Awaitable[T4],
    aw5: Awaitable[T5],
    aw6: Awaitable[T6],
    aw7: Awaitable[T7],
    /,
    *,
    on_error: Literal["group", "first"] = "group",
    show_items: bool = True,
) -> tuple[T1, T2, T3, T4, T5, T6, T7]: ...
@overload
async def join_tg(
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
    on_error: Literal["group", "first"] = "group",
    show_items: bool = True,
) -> tuple[T1, T2, T3, T4, T5, T6, T7, T8]: ...
@overload
async def join_tg(
    *aws: Awaitable[T], on_error: Literal["group", "first"] = "group", show_items: bool = True
) -> tuple[T, ...]: ...
def join_tg(
    *aws: Awaitable[Any], on_error: Literal["group", "first"] = "group", show_items: bool = True
) -> Coroutine[Any, Any, tuple[Any, ...]]:
    """Runs awaitables of different kinds together and gives a tuple of their results, each with its own type.

    `a, b = await join_tg(f(), g())` equals `a, b = await gather_tg(f(), g())`, and a type checker knows `a` from `b`.

    Args:
        *aws: Coroutines, Tasks, Futures, objects with `__await__`. They start in this order.
        on_error: `"group"` or `"first"`, as in `gather_tg`. There is no `"collect"`: use `gather_tg`.
        show_items: Whether the notes on failures show the awaitables.

    Fails: As `gather_tg`.

    Cancellation: As `gather_tg`.

    Cost: As `gather_tg`.
    """
    return _join_tg(Given(aws), on_error, show_items)


async def _join_tg(given: Given, on_error: Literal["group", "first"], show_items: bool) -> tuple[Any, ...]:
    return tuple(await run_given("join_tg", given, None, on_error, _POLICIES, show_items))


# What "never awaited" and `repr` show.
_join_tg.__name__ = _join_tg.__qualname__ = "join_tg"
