"""What must be known before a task may be started otherwise: which loop runs, and that it is a coroutine."""

from __future__ import annotations

import ast
from typing import final

from corral.check import calls
from corral.check.names import dotted
from corral.check.scopes import ScopeKind
from corral.check.sites import Site
from corral.check.unit import Unit

# asyncio's own coroutine functions, as far as anybody starts them as tasks.
COROUTINES = frozenset("sleep wait wait_for to_thread open_connection start_server create_subprocess_exec".split())
RUNS = frozenset({"run_forever", "run_until_complete", "run_app"})


@final
class Unknowable(Exception):
    """Nothing can be said, so nothing is done."""


def plain(call: ast.Call) -> bool:
    """Whether the call has just a coroutine, and a name perhaps: what `spawn` takes."""
    return (
        len(call.args) == 1
        and not isinstance(call.args[0], ast.Starred)
        and all(k.arg == "name" for k in call.keywords)
    )


def coroutine_caveat(unit: Unit, api: str, work: ast.expr) -> str | None:
    """None where the work is a coroutine for certain; else what happens if it is not.

    Fails:
        `Unknowable` for a variable: it may as well hold a Future.
    """
    if api != "asyncio.ensure_future" or certain(unit, work):
        return None
    if not isinstance(work, ast.Call):
        raise Unknowable
    return (
        f"`{unit.code(work.func)}(...)` must return a coroutine: `ensure_future` takes any awaitable, `spawn` does not."
    )


def certain(unit: Unit, work: ast.expr) -> bool:
    """Whether the expression calls an `async def` of this file, or one of asyncio's."""
    if isinstance(work, ast.Name):
        values = unit.names.values(work)
        return bool(values) and len(values) == len(unit.names.bindings(work)) and all(certain(unit, v) for v in values)
    if not isinstance(work, ast.Call):
        return False
    func = work.func
    if isinstance(func, ast.Name):
        bound = unit.names.bindings(func)
        if bound and all(isinstance(b, ast.AsyncFunctionDef) for b in bound):
            return not any(b.decorator_list or generator(unit, b) for b in bound if isinstance(b, ast.AsyncFunctionDef))
    elif isinstance(func, ast.Attribute) and isinstance(func.value, ast.Name) and func.value.id in {"self", "cls"}:
        owner = unit.index.class_of(work)
        bound = unit.index.scopes[owner].bindings.get(func.attr, []) if owner else []
        if bound and all(isinstance(b, ast.AsyncFunctionDef) and not b.decorator_list for b in bound):
            return not any(generator(unit, b) for b in bound)
    name = unit.names.qualify(func) or ""
    return name.startswith("asyncio.") and name.partition(".")[2] in COROUTINES


def generator(unit: Unit, function: ast.AST) -> bool:
    """Whether the function is an asynchronous generator, whose call is no coroutine."""
    body: list[ast.stmt] = getattr(function, "body", [])
    yields = (n for s in body for n in ast.walk(s) if isinstance(n, ast.Yield))
    return any(unit.index.function(n) is function for n in yields)


def loop_caveat(unit: Unit, site: Site) -> str | None:
    """None where `spawn` starts the task on the same loop for certain; else what must be so.

    Fails:
        `Unknowable` where the loop is perhaps not even running yet.
    """
    call = site.call
    frame = unit.index.function(call)
    if site.api == "asyncio.create_task":
        return None
    if isinstance(frame, ast.Lambda):
        return lambda_caveat(unit, site, frame)
    if isinstance(frame, ast.AsyncFunctionDef):
        if site.api != "loop.create_task" or current(unit, call.func, in_async=True):
            return None
        if not isinstance(call.func, ast.Attribute):
            raise Unknowable
        return f"The task starts on the loop that runs this code, which must be {receiver(unit, call.func)}."
    if site.api == "loop.create_task" and current(unit, call.func, in_async=False):
        return None
    if not isinstance(frame, ast.FunctionDef) or frame.name in {"__init__", "__new__", "main"} or starts_loop(frame):
        raise Unknowable
    which = receiver(unit, call.func)
    return f"`spawn` needs a running loop: this line must not be reached before {which} runs, nor from another thread."


def lambda_caveat(unit: Unit, site: Site, frame: ast.Lambda) -> str | None:
    """A callback of a loop's own runs on that loop; of other callbacks it is only likely."""
    parent = unit.index.parents[frame]
    func = parent.func if isinstance(parent, ast.Call) else None
    by_loop = isinstance(func, ast.Attribute) and unit.names.is_loop(func.value)
    if site.api != "loop.create_task":
        return None if by_loop else "A loop must run when the callback is called."
    if not isinstance(site.call.func, ast.Attribute):
        raise Unknowable
    if (
        isinstance(func, ast.Attribute)
        and dotted(func.value) == dotted(site.call.func.value)
        and "?" not in dotted(func)
    ):
        return None
    return f"The task starts on the loop that calls the callback, which must be {receiver(unit, site.call.func)}."


def receiver(unit: Unit, func: ast.expr) -> str:
    """The loop, as it is written."""
    if not isinstance(func, ast.Attribute) or unit.names.qualify(func) is not None:
        return "the event loop"
    return f"`{unit.code(func.value, 40)}`"


def current(unit: Unit, func: ast.expr, *, in_async: bool) -> bool:
    """Whether the receiver of the method is the loop that runs this very code."""
    getters = ("asyncio.get_running_loop", "asyncio.get_event_loop") if in_async else ("asyncio.get_running_loop",)
    node = func.value if isinstance(func, ast.Attribute) else func
    if isinstance(node, ast.Name):
        scope = unit.names.lookup(node.id, unit.index.scope_of[node])
        here = scope is not None and scope.kind is ScopeKind.FUNCTION and scope.node is unit.index.function(node)
        values = unit.names.values(node)
        if not here or not values or len(values) != len(unit.names.bindings(node)):
            return False
        return all(isinstance(v, ast.Call) and unit.names.qualify(v.func) in getters for v in values)
    return isinstance(node, ast.Call) and unit.names.qualify(node.func) in getters


def starts_loop(frame: ast.FunctionDef) -> bool:
    """Whether the function itself sets the loop going: then it does not run yet before that."""
    nodes = (n for s in frame.body for n in ast.walk(s) if isinstance(n, ast.Call))
    return any(calls.callee(n) in RUNS for n in nodes)
