"""A task that nobody holds becomes `spawn(...)`, or a child of the group that is open around it."""

from __future__ import annotations

import ast

from corral.check import calls
from corral.check.calls import Kind
from corral.check.fixes.draft import Draft
from corral.check.fixes.running import Unknowable, coroutine_caveat, loop_caveat, plain
from corral.check.model import Fix
from corral.check.names import dotted
from corral.check.sites import Site
from corral.check.unit import Unit
from corral.check.ways import Way

# Callbacks of a loop's own that are given their arguments as they are.
SCHEDULERS = frozenset("call_soon call_soon_threadsafe call_later call_at add_signal_handler".split())
GROUP = (
    "The group waits for the task, and when it fails the group cancels all its tasks and raises an `ExceptionGroup`."
)


def spawned(unit: Unit, site: Site) -> Fix | None:
    """The fix of a lost task."""
    try:
        if site.wrapper or site.kind is not Kind.SPAWN or not isinstance(site.call.func, ast.Name | ast.Attribute):
            return None
        if site.by_name is not None:
            return by_name(unit, site, site.by_name)
        return called(unit, site) if plain(site.call) or group_around(unit, site) else None
    except Unknowable:
        return None


def called(unit: Unit, site: Site) -> Fix | None:
    """`create_task(work())`, and what stands around it as far as it was there for the task only."""
    draft = Draft(unit)
    group = group_around(unit, site)
    if group is not None:
        into, caveats = f"{group}.create_task", [GROUP, coroutine_caveat(unit, site.api, site.call.args[0])]
    else:
        into = draft.verb("spawn", site.call)
        caveats = [loop_caveat(unit, site), coroutine_caveat(unit, site.api, site.call.args[0]), handler_caveat(site)]
    if not replaced(unit, site, draft, into, any_way=group is not None):
        return None
    return draft.fix(f"Write `{into}(...)`", " ".join(c for c in caveats if c) or None)


def replaced(unit: Unit, site: Site, draft: Draft, into: str, *, any_way: bool) -> bool:
    """Put another call in the place of the call; an assignment to a name that nobody reads goes too."""
    call, parent = site.call, unit.index.parents[site.call]
    if isinstance(parent, ast.Assign | ast.AnnAssign) and site.fate.way is Way.UNUSED:
        if not idle_name(unit, parent):
            return False
        start = unit.text.start(parent)
        between = unit.text.text[unit.text.end(target_of(parent)) : unit.text.start(call)]
        if "(" in between or "#" in between or "\\" in between or unit.text.end(parent) != unit.text.end(call):
            return False
        draft.swap(call.func, into)
        draft.changes = [(start, draft.changes[-1][1], into)]
        return True
    discarded = isinstance(parent, ast.Expr) or (
        isinstance(parent, ast.Lambda) and bool(site.dropper) and site.dropper != "?"
    )
    if discarded or any_way:
        draft.swap(call.func, into)
    return discarded or any_way


def target_of(statement: ast.Assign | ast.AnnAssign) -> ast.expr:
    """The last thing before the value: the annotation, or the target."""
    return statement.annotation if isinstance(statement, ast.AnnAssign) else statement.targets[-1]


def idle_name(unit: Unit, statement: ast.Assign | ast.AnnAssign) -> bool:
    """Whether the statement only binds one name, which nothing reads and nothing deletes."""
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    if len(targets) != 1 or not isinstance(target := targets[0], ast.Name):
        return False
    bound = unit.names.bindings(target)
    return not any(isinstance(b, ast.Name) and isinstance(b.ctx, ast.Del) for b in bound)


def handler_caveat(site: Site) -> str | None:
    """A callback whose caller is not known to drop what it returns."""
    if not site.dropper or site.sure:
        return None
    return f"The callback returns None instead of the task, should `{site.dropper}` ask for it."


def group_around(unit: Unit, site: Site) -> str | None:
    """The name of a TaskGroup that is open where the call stands, and surely still is the group."""
    if site.dropper or not site.call.args or isinstance(site.call.args[0], ast.Starred):
        return None
    if any(k.arg not in {"name", "context"} for k in site.call.keywords):
        return None
    for item in unit.around.withs(site.call):
        expr, name = item.context_expr, item.optional_vars
        if (
            isinstance(expr, ast.Call)
            and isinstance(name, ast.Name)
            and unit.names.qualify(expr.func) == "asyncio.TaskGroup"
        ):
            if len(unit.names.bindings(name)) == 1:
                return name.id
    return None


def by_name(unit: Unit, site: Site, ref: ast.expr) -> Fix | None:
    """`call_soon(create_task, work())` becomes `call_soon(spawn, work())`; so does what a `partial` holds."""
    call, func = site.call, site.call.func
    holder, at = call, call.args.index(ref) if ref in call.args else -1
    if isinstance(ref, ast.Call) and ref.args:
        holder, at, ref = ref, 0, ref.args[0]
    given = holder.args[at + 1 :]
    if at < 0 or len(given) != 1 or isinstance(given[0], ast.Starred) or not isinstance(func, ast.Attribute):
        return None
    if calls.callee(call) not in SCHEDULERS or not unit.names.is_loop(func.value):
        return None
    if any(k.arg != ("context" if holder is call else "name") for k in (*call.keywords, *holder.keywords)):
        return None
    caveat = coroutine_caveat(unit, site.api, given[0])
    if site.api == "loop.create_task":
        if not isinstance(ref, ast.Attribute):
            return None
        if dotted(ref.value) != dotted(func.value):
            other = f"The task starts on `{dotted(func.value)}`, which must be `{dotted(ref.value)}`."
            caveat = f"{other} {caveat}" if caveat else other
    draft = Draft(unit)
    into = draft.verb("spawn", ref)
    draft.swap(ref, into)
    return draft.fix(f"Pass `{into}`", caveat)
