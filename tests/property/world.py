"""What the steps of a program do, and what its inputs see of their Tasks: by identity, and without leaving a trace.

No frame that can end up in a traceback holds the current Task: a kept exception would keep the Task, the engine would
rightly let the worker go, and every other trace would go unnoticed.
"""

from __future__ import annotations

import asyncio
import gc
import re
import sys
import weakref
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Sequence
from contextvars import ContextVar
from typing import Any

import corral
from tests.property.as_data import plain, tree
from tests.property.errors import error_of
from tests.property.programs import Child, Plan, Step

VAR: ContextVar[Any] = ContextVar("VAR")
Path = tuple[int, ...]


class Unequal:
    """A value that cannot be compared."""

    __hash__ = None  # type: ignore[assignment]  # it cannot be a key either

    def __eq__(self, other: object) -> bool:
        raise ArithmeticError("compared")


class World:
    """What happened in one run."""

    def __init__(self) -> None:
        self.base = [1]
        self.values: list[tuple[Any, str]] = [(self.base, "the caller's")]
        self.log: dict[Path, list[Any]] = {}
        self.kept: list[tuple[Path, asyncio.Task[Any]]] = []
        self.methods: list[Any] = []
        self.contexts: list[Any] = []
        self.keyed: dict[asyncio.Task[Any], Path] = {}
        self.weak_keyed: weakref.WeakKeyDictionary[asyncio.Task[Any], Path] = weakref.WeakKeyDictionary()
        self.watched: list[tuple[Path, weakref.ref[asyncio.Task[Any]]]] = []
        self.ended: Counter[Path] = Counter()
        self.strays: set[asyncio.Task[Any]] = set()
        self.held: set[asyncio.Task[Any]] = set()
        self.pending = 0
        self.left: list[str] = []

    # Seeing.

    def see(self, path: Path, when: str) -> None:
        """Writes down all that an input can tell about its Task and context."""
        task = asyncio.current_task()
        assert task is not None
        variable = VAR.get(None)
        name = task.get_name()
        self.log.setdefault(path, []).append((
            when,
            next((label for value, label in self.values if value is variable), "unknown"),
            "default" if re.fullmatch(r"Task-\d+|None", name) else name,  # 3.13.0 calls eager ones "None"
            task.cancelling(),
            getattr(task, "mark", None),
            [by for by, kept in self.kept if kept is task],
            [by for by, method in self.methods if method.__self__ is task],
            self.keyed.get(task),
            self.weak_keyed.get(task),
            [by for by, ref in self.watched if ref() is task],
            type(sys.exception()).__name__,
        ))  # fmt: skip

    def unclean(self) -> list[Any]:
        """What somebody saw in the very beginning of a Task that nobody else has touched."""
        clean = ("default", 0, None, [], [], None, None, [], "NoneType")
        return [
            (path, first)
            for path, (first, *_) in self.log.items()
            if first[0] in {"called", "starts"}
            and (first[2:] != clean or (len(path) == 1 and first[1] != "the caller's"))
        ]

    def new_value(self, path: Path, value: Any) -> Any:
        self.values.append((value, f"{path} set {type(value).__name__} {len(self.log[path])}"))
        return value

    # Doing, without suspending.

    def poke(self, path: Path, what: str) -> None:
        task = asyncio.current_task()
        assert task is not None
        match what:
            case "set number":
                VAR.set(self.new_value(path, 10**9 + len(self.values)))
            case "set equal":
                VAR.set(self.new_value(path, [1]))
            case "set raising eq":
                VAR.set(self.new_value(path, Unequal()))
            case "set and reset":
                VAR.reset(VAR.set(self.new_value(path, 10**9 + len(self.values))))
            case "keep":
                self.kept.append((path, task))
            case "keep method":
                self.methods.append((path, task.cancelled))
            case "weak":
                self.watched.append((path, weakref.ref(task)))
            case "weak key":
                self.weak_keyed[task] = path
            case "key":
                self.keyed[task] = path
            case "callback":
                task.add_done_callback(lambda _: self.ended.update([path]))
            case "rename":
                task.set_name(f"{path}")
            case "same name":
                task.set_name("".join(task.get_name()))
            case "attribute":
                task.mark = path  # type: ignore[attr-defined]  # Tasks take attributes
            case "hold all":  # which makes the counts of workers that are just starting too high
                self.held = asyncio.all_tasks()
            case "let go":
                self.held = set()
            case "see who has ended":
                self.log[path].append((what, sorted(self.ended)))
            case "keep context":
                self.contexts.append(task.get_context() if sys.version_info >= (3, 12) else None)
            case "cancel" | "cancel twice":
                self.log[path].append((what, [task.cancel() for _ in what.split()]))
            case "cancel and uncancel":
                self.log[path].append((what, task.cancel(), task.uncancel()))
            case "uncancel":
                self.log[path].append((what, task.uncancel()))
            case _:
                raise AssertionError(what)

    def later(self, turns: int, do: Callable[[], object]) -> None:
        """Calls it after so many turns of the loop."""
        self.pending += 1

        def turn(left: int) -> None:
            if left:
                asyncio.get_running_loop().call_soon(turn, left - 1)
            else:
                self.pending -= 1
                do()

        asyncio.get_running_loop().call_soon(turn, turns)

    def cancel_later(self, path: Path, turns: int) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.later(turns, lambda: self.log[path].append(("cancelled from outside", task.cancel(), task.cancelling())))

    def set_in_context_later(self, path: Path, turns: int) -> None:
        """From outside, into the very context of the input (3.12 and later can get at it)."""
        task = asyncio.current_task()
        assert task is not None
        if sys.version_info >= (3, 12):
            context, value = task.get_context(), self.new_value(path, 10**9 + len(self.values))
            self.later(turns, lambda: context.run(VAR.set, value))

    def start(self, path: Path, child: Child) -> asyncio.Task[Any]:
        task = asyncio.get_running_loop().create_task(live(self, path, child))
        self.strays.add(task)
        return task


async def live(world: World, path: Path, child: Child, beginning: str = "starts") -> Path:
    """One input, or a Task that an input has started, or a block of one."""
    world.see(path, beginning)
    try:
        for number, step in enumerate(child):
            await do(world, (*path, number), path, step)
    finally:
        world.see(path, "ends")
    return path


async def do(world: World, inner: Path, path: Path, step: Step) -> None:
    """One step. `path` is who does it; `inner` names what it starts."""
    match step:
        case ("poke", what):
            world.poke(path, what)
        case ("suspend", turns):
            for _ in range(turns):
                await asyncio.sleep(0)
                world.see(path, "goes on")
        case ("future",):
            future = asyncio.get_running_loop().create_future()
            asyncio.get_running_loop().call_soon(lambda: future.done() or future.set_result(None))
            await future
        case ("cancel and catch", undo):
            await cancel_and_catch(world, path, undo)
        case ("cancel later", turns):
            world.cancel_later(path, turns)
        case ("set in context later", turns):
            world.set_in_context_later(path, turns)
        case ("raise", kind):
            raise error_of(kind)
        case ("try", child):
            try:
                await live(world, inner, child, "enters")
            except Exception as exc:
                world.log[path].append(("caught", tree(exc)))
        case ("finally suspend", child):
            try:
                await live(world, inner, child, "enters")
            finally:
                await asyncio.sleep(0)
        case ("timeout", when, child):
            async with asyncio.timeout({"now": 0, "far": 3600, "none": None}[when]):
                await live(world, inner, child, "enters")
        case ("start", child, then):
            task = world.start(inner, child)
            if then == "await":
                await task
        case ("group", children):
            async with asyncio.TaskGroup() as group:
                for number, child in enumerate(children):
                    begin(group, live(world, (*inner, number), child))
        case ("nest", plan):
            world.log[path].append(("nested", await call(world, inner, plan)))
        case _:
            raise AssertionError(step)


def begin(group: asyncio.TaskGroup, coro: Coroutine[Any, Any, Path]) -> None:
    """Before 3.13 a group that is shutting down does not close what it refuses."""
    try:
        group.create_task(coro)
    except RuntimeError:
        coro.close()
        raise


async def cancel_and_catch(world: World, path: Path, undo: bool) -> None:
    world.poke(path, "cancel")
    try:
        await asyncio.sleep(0)
    except asyncio.CancelledError:
        if undo:
            world.poke(path, "uncancel")
    world.see(path, "caught a cancellation")


# Calling.


def fn_of(world: World, path: Path, children: Sequence[Child]) -> Callable[[int], Awaitable[Path]]:
    """The `fn` of a verb: a plain function, which may do things before it returns its coroutine."""

    def fn(index: int) -> Any:
        mine, child = (*path, index), children[index]
        world.see(mine, "called")
        match child[:1]:
            case (("call", what),):
                world.poke(mine, what)
                child = child[1:]
            case (("call raises",),):
                raise ValueError("no coroutine")
            case (("not awaitable",),):
                return 5
            case _:
                pass
        return live(world, mine, child)

    return fn


def source_of(verb: str, count: int) -> Any:
    """Where the inputs come from. It sets the variable, which must reach no input."""

    def generator() -> Iterator[int]:
        for index in range(count):
            VAR.set("the source's")
            yield index

    async def asynchronous() -> AsyncIterator[int]:
        for index in range(count):
            VAR.set("the source's")
            await asyncio.sleep(0)
            yield index

    return generator() if "generator" in verb else asynchronous() if "async" in verb else range(count)


async def call(world: World, path: Path, plan: Plan) -> Any:
    """Calls the verb; its result in a form that can be compared."""
    settings: Any = {"limit": plan.limit, "on_error": plan.on_error}
    children = [child for child in plan.children if plan.verb != "gather" or not child[:1] or "call" not in child[0][0]]
    children = [child for child in children if plan.verb != "gather" or child[:1] != (("not awaitable",),)]
    if plan.verb == "gather":
        return plain(
            await corral.gather_tg(*[live(world, (*path, at), one) for at, one in enumerate(children)], **settings)
        )
    fn, source = fn_of(world, path, children), source_of(plan.verb, len(children))
    if plan.verb.startswith("map"):
        return plain(await corral.map_tg(fn, source, timeout=3600 if "timeout" in plan.verb else None, **settings))
    found: list[Any] = []
    try:
        async with corral.stream_tg(fn, source, ordered="unordered" not in plan.verb, **settings) as results:
            async for outcome in results:
                found.append(plain(outcome))
                if "slow" in plan.verb:
                    await asyncio.sleep(0)
    finally:
        found.sort(key=lambda outcome: outcome[1])
        world.log.setdefault(path, []).append(("delivered", found))
    return found


def epilogue(world: World) -> dict[str, Any]:
    """What is known of the kept Tasks afterwards: whose they are, and that they ended; not in which order they were kept.

    That hangs on turns of the loop where inputs run side by side, and how many of them a verb inside one takes on Tasks.
    """
    world.held.clear()
    gc.collect(0)
    keepers = {task: sorted(path for path, kept in world.kept if kept is task) for _, task in world.kept}
    return {
        "kept": sorted((paths, task.done(), task.cancelled()) for task, paths in keepers.items()),
        "keyed": sorted(world.keyed.values()),
        "weak keyed": sorted(world.weak_keyed.values()),
        "watched": sorted((path, ref() is None) for path, ref in world.watched),
        "ended": dict(world.ended),
        "shared contexts": len({id(context) for context in world.contexts}),
    }
