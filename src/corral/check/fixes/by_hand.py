"""Tasks made by hand in the lines right before a gather, and read by nothing else: their coroutines can stand in the call."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import final

from corral.check.calls import Kind
from corral.check.fixes.draft import Draft
from corral.check.fixes.lines import cleared, just_before
from corral.check.unit import Unit


@final
@dataclass(slots=True)
class Inlined:
    """What goes, and what comes in its place.

    Args:
        lines: The statements that go, as a stretch of the text.
        makers: `asyncio.create_task` in each of them.
        texts: What stands for each name in the call.
        work: The coroutines, for whoever asks about their types.
        comprehension: The comprehension without its `create_task`, when there is just one that may be a mapping.
        starred: Whether the tasks are a list.
    """

    lines: tuple[int, int]
    makers: list[ast.expr] = field(default_factory=list[ast.expr])
    texts: dict[ast.Name, str] = field(default_factory=dict[ast.Name, str])
    work: list[ast.expr] = field(default_factory=list[ast.expr])
    comprehension: list[ast.expr] | None = None
    starred: bool = False


def inlined(unit: Unit, call: ast.Call) -> Inlined | None:
    """The tasks of a gather, if all this is so; None when any of it is not."""
    statement = unit.index.statement(call)
    if isinstance(statement, ast.While) or unit.index.function(call) is not unit.index.function(statement):
        return None
    if any(
        isinstance(a, (ast.comprehension, ast.ListComp, ast.SetComp, ast.GeneratorExp, ast.DictComp))
        for a in unit.index.ancestors(call)
    ):
        return None
    if len(call.args) == 1 and isinstance(star := call.args[0], ast.Starred):
        return listed(unit, statement, star)
    names = [a for a in call.args if isinstance(a, ast.Name)]
    if any(isinstance(a, ast.Starred) for a in call.args) or effects_between(call):
        return None
    found = together(unit, names, statement)
    if found is not None:
        works = dict(zip(names, found.work, strict=True))
        found.work = [works.get(a, a) if isinstance(a, ast.Name) else a for a in call.args]
    return found


def together(unit: Unit, names: list[ast.Name], statement: ast.stmt) -> Inlined | None:
    """The tasks by these names, made right before the statement and in the same order."""
    made = just_before(unit, statement, len(names))
    lines = cleared(unit, made[0], statement) if made else None
    if lines is None:
        return None
    found = Inlined(lines)
    for before, name in zip(made, names, strict=True):
        work = one(unit, before, name, found)
        if work is None:
            return None
        found.work.append(work)
    return found


def take_away(draft: Draft, hand: Inlined) -> None:
    """The statements that made the tasks go."""
    draft.replace(*hand.lines, "")
    for maker in hand.makers:
        draft.drop(maker)


def effects_between(call: ast.Call) -> bool:
    """Whether an argument that is evaluated among the names awaits: then the tasks would have run meanwhile."""
    return any(isinstance(n, ast.Await | ast.Yield | ast.YieldFrom) for a in call.args for n in ast.walk(a))


def one(unit: Unit, statement: ast.stmt, name: ast.Name, found: Inlined) -> ast.expr | None:
    """The coroutine of `name = create_task(coroutine)`, if that is the statement, and the name is read once."""
    if not isinstance(statement, ast.Assign) or len(statement.targets) != 1:
        return None
    target, call = statement.targets[0], statement.value
    if not isinstance(target, ast.Name) or target.id != name.id or unit.names.reads(target) != [name]:
        return None
    if len(unit.names.bindings(target)) != 1 or not isinstance(call, ast.Call) or not spawns(unit, call):
        return None
    work = call.args[0]
    if any(isinstance(n, ast.Await | ast.Yield | ast.YieldFrom | ast.NamedExpr) for n in ast.walk(work)):
        return None
    found.makers.append(call.func)
    found.texts[name] = unit.text.segment(work)
    return work


def spawns(unit: Unit, call: ast.Call) -> bool:
    """Whether the call makes a task of one coroutine, and says nothing else about it."""
    made = any(s.call is call and s.kind is Kind.SPAWN and not s.wrapper for s in unit.sites.found)
    return made and len(call.args) == 1 and not isinstance(call.args[0], ast.Starred) and not call.keywords


def listed(unit: Unit, statement: ast.stmt, star: ast.Starred) -> Inlined | None:
    """`tasks = [create_task(f(x)) for x in xs]` in the line before `gather(*tasks)`."""
    name, made = star.value, just_before(unit, statement, 1)
    if not isinstance(name, ast.Name) or not made or not isinstance(assign := made[0], ast.Assign):
        return None
    target, value = assign.targets[0], assign.value
    lines = cleared(unit, assign, statement)
    if len(assign.targets) != 1 or not isinstance(target, ast.Name) or target.id != name.id or lines is None:
        return None
    if (
        unit.names.reads(target) != [name]
        or len(unit.names.bindings(target)) != 1
        or not isinstance(value, ast.ListComp)
    ):
        return None
    call = value.elt
    if not isinstance(call, ast.Call) or not spawns(unit, call) or any(g.is_async for g in value.generators):
        return None
    if any(isinstance(n, ast.Await | ast.Yield | ast.YieldFrom | ast.NamedExpr) for n in ast.walk(value)):
        return None
    start, text = unit.text.start(value), unit.text.segment(value)
    spans = [unit.text.start(call) - start, unit.text.end(call) - start]
    inner = f"{text[: spans[0]]}{unit.text.segment(call.args[0])}{text[spans[1] :]}"
    bare = ast.ListComp(call.args[0], value.generators)
    return Inlined(lines, [call.func], {name: inner}, [star], [bare], starred=True)
