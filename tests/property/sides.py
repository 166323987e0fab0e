"""The sides that must not differ: the engine, the engine with a Task for each input, and plain Tasks without the engine."""

from __future__ import annotations

import asyncio
import gc
import re
from collections.abc import Callable, Coroutine
from contextvars import copy_context
from typing import Any

from corral import Err, ItemCancelled, Ok, _turn, _worker
from tests.loops import LOOPS
from tests.property.as_data import plain, tree
from tests.property.programs import FATAL, Plan
from tests.property.world import VAR, World, call, epilogue, fn_of

MakeLoop = Callable[[], asyncio.AbstractEventLoop]
#: Seconds after which a program that takes a millisecond counts as one that never ends.
NEVER = 30.0
# A slice that ends when the machine is busy would change the order of things on one side and not on the other.
ENDLESS = 3600.0
#: What a verb that one of its inputs has ended raises.
ENDS = {
    "SystemExit": {"SystemExit"},
    "KeyboardInterrupt": {"KeyboardInterrupt"},
    "Deadly": {"BaseExceptionGroup", "Deadly"},
    "not awaitable": {"TypeError", "ExceptionGroup"},
}


def with_engine(plan: Plan, make_loop: MakeLoop, *, reuse: bool) -> dict[str, Any]:
    """All that can be observed of one call: its result or exception, what each input saw, what is left."""
    was = _worker.reuse, _turn.SLICE
    _worker.reuse, _turn.SLICE = reuse, ENDLESS
    try:
        return _observed(make_loop, lambda world: call(world, (), plan))
    finally:
        _worker.reuse, _turn.SLICE = was


def with_plain_tasks(plan: Plan, make_loop: MakeLoop) -> dict[str, Any]:
    """The same of the code that the promise is about: each input in a Task of its own, one after the other."""

    async def each(world: World) -> Any:
        fn, outcomes = fn_of(world, (), plan.children), []

        async def alone(index: int) -> Any:
            return await fn(index)

        for index in range(len(plan.children)):
            task = copy_context().run(asyncio.get_running_loop().create_task, alone(index))
            await asyncio.wait([task])
            if task.cancelled():
                outcomes.append(Err(index, index, ItemCancelled()))
            else:
                error = task.exception()
                outcomes.append(Ok(index, index, task.result()) if error is None else Err(index, index, error))  # type: ignore[arg-type]  # plans with others are left out
            del task
        return plain(outcomes)

    return _observed(make_loop, each)


def _observed(make_loop: MakeLoop, do: Callable[[World], Coroutine[Any, Any, Any]]) -> dict[str, Any]:
    world, loop = World(), make_loop()
    complaints: list[str] = []
    loop.set_exception_handler(lambda _, context: complaints.append(re.sub(r"\d+", "…", context["message"])))
    seen: dict[str, Any] = {"exits": []}
    gc.disable()  # so that all of this run is young when it ends, and one short collection finds what it left
    try:
        main = loop.create_task(_main(world, do, seen))
        loop.call_later(NEVER, loop.stop)
        while not main.done():
            try:
                loop.run_until_complete(main)
            except (SystemExit, KeyboardInterrupt) as exc:
                seen["exits"].append(type(exc).__name__)
        main.exception()
        del main
        seen |= epilogue(world) | {"log": world.log, "left": world.left, "unclean": world.unclean()}
        seen["complaints"] = sorted(complaints)
    finally:
        loop.close()
        gc.enable()
    return seen


async def _main(world: World, do: Callable[[World], Coroutine[Any, Any, Any]], seen: dict[str, Any]) -> None:
    VAR.set(world.base)
    before = asyncio.all_tasks()
    try:
        seen["result"] = await do(world)
    except BaseException as exc:
        seen["raised"] = tree(exc)
    # The very moment the verb is over; what an input has left running on purpose may call verbs itself.
    if all(task.done() for task in world.strays):
        world.left += map(repr, asyncio.all_tasks() - before)
    seen["starts"] = [path for path in world.log if len(path) == 1]
    while world.pending or any(not task.done() for task in world.strays):
        await asyncio.sleep(0)
    for task in world.strays:
        if not task.cancelled():
            task.exception()
    world.strays.clear()
    world.left += map(repr, asyncio.all_tasks() - before)


def same(plan: Plan, make_loop: MakeLoop) -> None:
    """Asserts that reuse cannot be observed."""
    ours, reference = (with_engine(plan, make_loop, reuse=reuse) for reuse in (True, False))
    for seen in (ours, reference):
        assert (seen["left"], seen["unclean"]) == ([], [])
    if plan.is_exact():
        assert ours == reference
    elif _word_of(ours) != _word_of(reference):
        # Which of several ends comes first depends on the turns, too; that it is one of these does not.
        assert sum(map(plan.has, ENDS)) > 1
        words = {word for kind, words in ENDS.items() if plan.has(kind) for word in words}
        for exits, raised in map(_word_of, (ours, reference)):
            assert {raised, *exits} <= words
    if plan.limit == 1 and plan.on_error == "collect" and plan.verb in {"map", "stream"}:
        same_as_plain_tasks(plan, make_loop, ours)


def _word_of(seen: dict[str, Any]) -> Any:
    return seen["exits"], seen.get("raised", [None])[0]


def same_as_plain_tasks(plan: Plan, make_loop: MakeLoop, ours: dict[str, Any]) -> None:
    """Asserts that no input can tell the engine from a Task of its own."""
    if not plan.is_exact() or plan.has(*FATAL, "not awaitable") or "result" not in ours:
        return
    if plan.has("rename") and make_loop is LOOPS.get("eager"):
        return  # before 3.13.1, `create_task` sets the name of a Task that its factory has already run
    reference = with_plain_tasks(plan, make_loop)
    log = {path: entries for path, entries in ours["log"].items() if path}  # without what the stream's consumer notes
    assert log == reference["log"]
    assert [_kind(one) for one in ours["result"]] == [_kind(one) for one in reference["result"]]
    for part in ("left", "ended", "keyed", "weak keyed", "watched", "complaints", "starts", "shared contexts"):
        assert [part, ours[part]] == [part, reference[part]]


def _kind(outcome: Any) -> Any:
    return outcome if outcome[0] == "Ok" else (*outcome[:3], outcome[3][:2] if outcome[3][0] != "ItemCancelled" else "")
