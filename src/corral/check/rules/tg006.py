"""TG006, sequential-awaits: tasks awaited one after another, so that a failure in the first orphans the rest."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import final

from corral.check import calls
from corral.check.calls import Kind
from corral.check.fixes.in_turn import in_turn, looped
from corral.check.model import Finding, Level
from corral.check.siblings import Origin
from corral.check.sites import Site
from corral.check.surroundings import cancels
from corral.check.unit import Unit
from corral.check.ways import Way

CODE, NAME = "TG006", "sequential-awaits"
SUMMARY = "Tasks awaited one after another: a failure in the first orphans the rest"
ADVICE = (
    "Await them together: `join_tg(...)` or `gather_tg(...)` cancels the others and waits for them before it raises."
)


COLLECTIONS = (ast.List, ast.Dict, ast.Tuple, ast.ListComp, ast.DictComp)


@final
@dataclass(frozen=True, slots=True)
class Handle:
    """A task in a local variable, and where it is awaited first."""

    name: str
    made: ast.Call
    awaited: ast.Await


def place(node: ast.expr | ast.stmt) -> tuple[int, int]:
    """Where the node stands, for comparing."""
    return (node.lineno, node.col_offset)


def check(unit: Unit) -> Iterator[Finding]:
    """Handles awaited in a row, and loops that await a collection of them."""
    sites = unit.of(Kind.SPAWN)
    if sites:
        yield from rows(unit, sites)
        yield from loops(unit)
        yield from places(unit, sites)


def handle(unit: Unit, site: Site) -> Handle | None:
    """The task as a local that is awaited by itself; None when anything else is done with it before."""
    assign = unit.index.parents[site.node]
    if (
        site.fate.way is not Way.AWAITED
        or not isinstance(assign, ast.Assign)
        or not isinstance(target := assign.targets[0], ast.Name)
    ):
        return None
    frame = unit.index.function(site.node)
    for read in unit.names.reads(target):
        parent = unit.index.parents[read]
        if place(read) < place(site.call):
            continue
        if isinstance(parent, ast.Await) and unit.index.function(read) is frame:
            return Handle(target.id, site.call, parent)
        if not (isinstance(parent, ast.Attribute) and parent.attr in calls.GLANCES):
            return None
    return None


def rows(unit: Unit, sites: list[Site]) -> Iterator[Finding]:
    """For each function: the first await, and what is left running if it fails."""
    frames: dict[ast.AST, list[Handle]] = {}
    for site in sites:
        if (found := handle(unit, site)) is not None:
            frames.setdefault(unit.index.function(site.node), []).append(found)
    for frame, handles in frames.items():
        first = min(handles, key=lambda h: place(h.awaited))
        rest = [h for h in handles if h.name != first.name and place(h.made) < place(first.awaited)]
        if rest:
            found_one = row(unit, first, rest)
        else:
            found_one = alone(unit, frame, first)
        if found_one is not None:
            yield found_one


def row(unit: Unit, first: Handle, rest: list[Handle]) -> Finding | None:
    """Two tasks or more, awaited in turn, with nobody to clean up."""
    names = {h.name for h in rest}
    if unit.around.mended(first.awaited, names) or unit.around.catcher(first.awaited) is not None:
        return None
    fix = partial(in_turn, unit, [h.awaited for h in sorted([first, *rest], key=lambda h: place(h.awaited))])
    left = " and ".join(f"`{n}`" for n in sorted(names))
    message = f"When `{first.name}` fails, this function is left at once and {left} run{'s' if len(names) == 1 else ''} on, held by nobody."
    return unit.finding(CODE, NAME, first.awaited, Level.WARNING, message, ADVICE, fix)


def alone(unit: Unit, frame: ast.AST, only: Handle) -> Finding | None:
    """One task, and something else awaited before it."""
    body: list[ast.stmt] = getattr(frame, "body", [])
    between = [
        n
        for s in body
        if (s.end_lineno or 0) >= only.made.lineno and s.lineno <= only.awaited.lineno
        for n in ast.walk(s)
        if isinstance(n, ast.Await)
        and place(only.made) < place(n) < place(only.awaited)
        and unit.index.function(n) is frame
        and not patient(n)
    ]
    other = next(
        (n for n in between if not unit.around.mended(n, {only.name}) and unit.around.catcher(n) is None), None
    )
    if other is None:
        return None
    message = (
        f"When `{unit.code(other, 40)}` fails, this function is left at once and `{only.name}` runs on, held by nobody."
    )
    return unit.finding(CODE, NAME, other, Level.NOTE, message, ADVICE)


def patient(node: ast.Await) -> bool:
    """`await sleep(1)`, `await event.wait()`: they wait, and do not fail."""
    call = node.value
    return isinstance(call, ast.Call) and (
        calls.callee(call) == "sleep" or (calls.callee(call) == "wait" and not call.args)
    )


def loops(unit: Unit) -> Iterator[Finding]:
    """`for t in tasks: await t`, `[await t for t in tasks]`."""
    for loop in unit.index.loops:
        targets = {n.id for n in ast.walk(loop.target) if isinstance(n, ast.Name)}
        body: list[ast.AST] = [unit.index.parents[loop]] if isinstance(loop, ast.comprehension) else [*loop.body]
        awaited = next(
            (n for s in body for n in ast.walk(s) if isinstance(n, ast.Await) and awaits_one(n.value, targets)),
            None,
        )
        if awaited is None or isinstance(loop.iter, ast.GeneratorExp):
            continue
        tasks = awaited.value.value if isinstance(awaited.value, ast.Subscript) else loop.iter
        family = unit.families.of([tasks], many=True)
        statement = unit.index.statement(loop.iter)
        if (
            not family.has(Origin.HANDMADE)
            or unit.around.mended(awaited, family.names)
            or unit.around.catcher(awaited) is not None
        ):
            continue
        before = unit.around.before(statement)
        if cancels(before, family.names) or joined(unit, before, family.names):
            continue
        name = min(family.names, default="the rest")
        message = f"When one task of `{name}` fails, the loop is left at once and the rest run on, held by nobody."
        level = Level.NOTE if cancels(body, targets) else Level.WARNING
        yield unit.finding(CODE, NAME, awaited, level, message, ADVICE, partial(looped, unit, loop))


def places(unit: Unit, sites: list[Site]) -> Iterator[Finding]:
    """`await tasks[0]`, `await tasks[1]`; `while tasks: await tasks.pop()`."""
    seen: set[ast.AST] = set()
    for site in sites:
        display = unit.index.parents[site.node]
        assign = unit.index.parents[display]
        if site.wrapper or not isinstance(display, COLLECTIONS) or not isinstance(assign, ast.Assign):
            continue
        target = assign.targets[0]
        if not isinstance(target, ast.Name) or assign in seen:
            continue
        seen.add(assign)
        awaited = [a for a in map(partial(taken, unit), reads_of(unit, target)) if a is not None]
        looped = any(isinstance(a, ast.While) for n in awaited for a in unit.index.ancestors(n))
        names = {target.id}
        if len(awaited) < 2 - looped or unit.around.mended(awaited[0], names) or unit.around.catcher(awaited[0]):
            continue
        before = unit.around.before(unit.index.statement(awaited[0]))
        if not cancels(before, names) and not joined(unit, before, names):
            message = f"When one task of `{target.id}` fails, this function is left at once and the rest run on, held by nobody."
            yield unit.finding(CODE, NAME, awaited[0], Level.WARNING, message, ADVICE)


def reads_of(unit: Unit, target: ast.Name) -> list[ast.Name]:
    """The reads of a local variable in its own function."""
    frame = unit.index.function(target)
    return [r for r in unit.names.reads(target) if unit.index.function(r) is frame]


def taken(unit: Unit, read: ast.Name) -> ast.Await | None:
    """The await of one task that is taken from a collection by place; a loop over places is found as a loop."""
    parent = unit.index.parents[read]
    if isinstance(parent, ast.Subscript) and isinstance(parent.slice, ast.Constant):
        value = unit.index.parents[parent]
        return value if isinstance(value, ast.Await) else None
    call = unit.index.parents[parent]
    if isinstance(parent, ast.Attribute) and parent.attr in calls.TAKES and isinstance(call, ast.Call):
        value = unit.index.parents[call]
        return value if isinstance(value, ast.Await) else None
    return None


def awaits_one(value: ast.expr, targets: set[str]) -> bool:
    """`await t` or `await tasks[i]` in a loop over them."""
    if isinstance(value, ast.Subscript) and isinstance(value.value, ast.Name | ast.Attribute):
        value = value.slice
    return isinstance(value, ast.Name) and value.id in targets


def joined(unit: Unit, before: list[ast.stmt], names: set[str]) -> bool:
    """Whether all of them were waited for together already."""
    for statement in before:
        for node in ast.walk(statement):
            if isinstance(node, ast.Call) and unit.names.qualify(node.func) in {"asyncio.gather", "asyncio.wait"}:
                if any(isinstance(n, ast.Name) and n.id in names for n in ast.walk(node)):
                    return True
    return False
