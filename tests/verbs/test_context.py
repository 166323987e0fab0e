"""Every input runs as if in a Task of its own: its own context, its own identity, nothing left over for the next."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar, copy_context

import pytest

from corral import gather_tg, map_tg, spawn
from tests.children import Crowd, returns, turns
from tests.verbs.by_name import values

var: ContextVar[object] = ContextVar("var", default="unset")
ALL_VERBS = pytest.mark.parametrize("verb", ["map_tg", "stream_tg", "gather_tg"])


@ALL_VERBS
@pytest.mark.parametrize("after", [0, 1])
@pytest.mark.parametrize("limit", [1, 4, None])
async def test_what_one_sets_the_next_does_not_see(verb: str, after: int, limit: int | None) -> None:
    """A ContextVar that an input sets is its own: not the next one's, and not the caller's."""

    async def fn(item):
        before = var.get()
        var.set(item)
        await turns(after)
        return before, var.get()

    token = var.set("caller")
    assert await values(verb, fn, range(20), limit=limit) == [("caller", n) for n in range(20)]
    assert var.get() == "caller"
    var.reset(token)


@ALL_VERBS
async def test_equal_is_not_the_same(verb: str) -> None:
    """An equal but other object in a ContextVar is a change too: the next input sees the caller's own."""
    mine: list[int] = []

    async def fn(item):
        same = var.get() is mine
        var.set([])
        return same

    token = var.set(mine)
    assert await values(verb, fn, range(10), limit=1) == [True] * 10
    var.reset(token)


@ALL_VERBS
async def test_values_are_not_compared(verb: str) -> None:
    """A value whose `__eq__` raises in a ContextVar disturbs nobody."""

    class Touchy:
        __hash__ = object.__hash__

        def __eq__(self, other):
            raise AssertionError("compared")

    async def fn(item):
        var.set(Touchy())
        await turns(item % 2)
        return item

    assert await values(verb, fn, range(10), limit=1) == list(range(10))


async def test_set_and_reset() -> None:
    """An input that sets and resets a ContextVar is done right, on every path."""

    async def fn(item):
        token = var.set(item)
        await turns(1)
        assert var.get() == item
        var.reset(token)
        return var.get()

    assert await map_tg(fn, range(20), limit=3) == ["unset"] * 20


@ALL_VERBS
async def test_the_caller_sets_meanwhile(verb: str) -> None:
    """What the caller's side sets while the verb runs reaches no input: the context is that of the call."""

    async def fn(item):
        await turns(1)
        return var.get()

    running = asyncio.ensure_future(values(verb, fn, range(10), limit=1))
    await turns(3)
    token = var.set("too late")
    assert await running == ["unset"] * 10
    var.reset(token)


async def test_in_the_context_of_the_call() -> None:
    """A verb that runs in a context of its own gives that to its inputs."""
    context = copy_context()
    context.run(var.set, "special")

    async def fn(item):
        return var.get()

    task = context.run(asyncio.ensure_future, map_tg(fn, range(3), limit=2))
    assert await task == ["special"] * 3
    assert var.get() == "unset"


async def test_spawned_in_a_copy() -> None:
    """`spawn` runs its coroutine in a copy of the current context."""
    seen = []

    async def child():
        seen.append(var.get())
        var.set("child")

    token = var.set("caller")
    spawn(child())
    assert var.get() == "caller"
    var.reset(token)
    await turns(3)
    assert seen == ["caller"]


@ALL_VERBS
async def test_current_task(verb: str) -> None:
    """An input has a current Task, which is neither the caller's nor that of an input that runs beside it."""
    caller = asyncio.current_task()
    together: set[asyncio.Task] = set()

    async def fn(item):
        task = asyncio.current_task()
        assert task is not caller
        assert task not in together
        together.add(task)
        await turns(2)
        assert asyncio.current_task() is task
        together.remove(task)

    await values(verb, fn, range(30), limit=5)


@ALL_VERBS
async def test_a_kept_task_is_that_inputs_alone(verb: str) -> None:
    """An input that keeps its Task, keys a dict by it or names it never finds another input's there."""
    seen: dict[asyncio.Task, object] = {}

    async def fn(item):
        task = asyncio.current_task()
        assert task not in seen
        assert not task.get_name().startswith("mine")
        task.set_name(f"mine {item}")
        seen[task] = item
        await turns(item % 2)

    await values(verb, fn, range(30), limit=3)
    assert [task.get_name() for task in seen] == [f"mine {item}" for item in seen.values()]
    assert all(task.done() for task in seen)


@ALL_VERBS
async def test_a_done_callback_is_called(verb: str) -> None:
    """A done callback that an input adds to its own Task is called when that input is over, before the verb returns or soon after."""
    ended = []

    async def fn(item):
        asyncio.current_task().add_done_callback(lambda _: ended.append(item))
        await turns(1)

    await values(verb, fn, range(10), limit=2)
    await turns(2)
    assert sorted(ended) == list(range(10))


@ALL_VERBS
async def test_a_cancellation_does_not_strike_the_next(verb: str) -> None:
    """`cancel()` then `uncancel()` by an input of its own Task leaves nothing pending for the next input."""

    async def fn(item):
        if item % 2 == 0:
            task = asyncio.current_task()
            task.cancel()
            try:
                await turns(1)
            except asyncio.CancelledError:
                task.uncancel()
        await turns(2)
        assert asyncio.current_task().cancelling() == 0
        return item

    assert await values(verb, fn, range(10), limit=1) == list(range(10))


@ALL_VERBS
async def test_cancelled_later_by_a_stranger(verb: str) -> None:
    """Somebody who kept an input's Task and cancels it after that input strikes nobody."""
    kept = []

    async def fn(item):
        kept.append(asyncio.current_task())
        await turns(1)
        if item:
            kept[item - 1].cancel()
        await turns(1)
        return item

    assert await values(verb, fn, range(8), limit=1) == list(range(8))


async def test_two_loops_in_two_threads() -> None:
    """Verbs on different loops in different threads know nothing of each other."""

    def elsewhere():
        return asyncio.run(map_tg(Crowd(), range(200), limit=3))

    others = [asyncio.to_thread(elsewhere) for _ in range(2)]
    results = await asyncio.gather(map_tg(Crowd(), range(200), limit=3), *others)
    assert results == [list(range(200))] * 3


@pytest.mark.asyncio(loop_factories=["stock", "eager", "debug"])  # uvloop gives factories a third argument of its own
async def test_a_task_factory_is_used() -> None:
    """Tasks come from the loop's own factory, one of two arguments included."""
    loop = asyncio.get_running_loop()
    before, made = loop.get_task_factory(), []

    def factory(loop, coro):
        made.append(coro)
        return asyncio.Task(coro, loop=loop)

    loop.set_task_factory(factory)
    try:
        assert await map_tg(returns, range(10), limit=3) == list(range(10))
        mapped = len(made)
        assert await gather_tg(returns(1), returns(2)) == [1, 2]
        gathered = len(made)
        spawn(returns(3))
        await turns(2)
    finally:
        loop.set_task_factory(before)
    assert 0 < mapped < gathered < len(made)


@pytest.mark.asyncio(loop_factories=["stock", "eager", "debug"])  # likewise
async def test_a_task_that_shows_nothing_of_itself_serves_once() -> None:
    """Where the Tasks of a factory do not hold their name, so that a trace on them could not be seen, each serves one input."""

    class Opaque(asyncio.Task):
        def get_name(self):
            return f"of {id(self)}"

    loop = asyncio.get_running_loop()
    before, seen = loop.get_task_factory(), []

    async def child(item):
        seen.append(asyncio.current_task())
        return item

    loop.set_task_factory(lambda loop, coro: Opaque(coro, loop=loop))
    try:
        assert await map_tg(child, range(10), limit=3) == list(range(10))
    finally:
        loop.set_task_factory(before)
    assert len(set(seen)) == 10
