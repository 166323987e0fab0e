"""Tasks awaited one after another are awaited together."""

from __future__ import annotations

import ast

from corral.check.fixes.by_hand import take_away, together
from corral.check.fixes.draft import Draft
from corral.check.fixes.lines import block
from corral.check.fixes.raising import CANCELLED, GROUP, bare_error_matters
from corral.check.fixes.shape import MOST, same
from corral.check.model import Fix
from corral.check.unit import Unit

CANCELS = "When one fails, the others are cancelled and waited for before the error is raised; as it is, they run on."
FIRST = ', on_error="first"'


def in_turn(unit: Unit, awaits: list[ast.Await]) -> Fix | None:
    """For statements `a = await t1`, `b = await t2` one after another, and for `await t1, await t2`."""
    names = [a.value for a in awaits if isinstance(a.value, ast.Name)]
    parents = [unit.index.parents[a] for a in awaits]
    if len(names) != len(awaits) or not 2 <= len(names) <= MOST:
        return None
    if isinstance(parents[0], ast.Tuple) and parents[0].elts == awaits:
        return joined(unit, names, parents[0], unit.index.statement(parents[0]), [])
    statements = [p for p in parents if isinstance(p, ast.Expr | ast.Assign)]
    first = unit.index.statement(awaits[0])
    body = block(unit, first)
    at = body.index(first)
    if [*statements] != body[at : at + len(awaits)]:
        return None
    targets = [s.targets[0] for s in statements if isinstance(s, ast.Assign) and len(s.targets) == 1]
    if len(targets) not in {0, len(statements)} or not all(isinstance(t, ast.Name | ast.Attribute) for t in targets):
        return None
    lines = (unit.text.start(first), unit.text.end(statements[-1]))
    rows = range(first.lineno, (statements[-1].end_lineno or 0) + 1)
    if (
        "#" in unit.text.text[lines[0] : lines[1]]
        or ";" in unit.text.text[lines[0] : lines[1]]
        or len(rows) != len(awaits)
    ):
        return None
    return joined(unit, names, statements[-1], first, targets)


def joined(
    unit: Unit, names: list[ast.Name], end: ast.expr | ast.stmt, statement: ast.stmt, targets: list[ast.expr]
) -> Fix | None:
    """One await for all, from the statement (or the tuple) on to the end."""
    draft = Draft(unit)
    hand = together(unit, names, statement)
    stopped = unit.around.asks_for_cancelled(names[0])
    if stopped and hand is None:
        return None
    work: list[ast.expr] = hand.work if hand else [*names]
    as_tuple = isinstance(end, ast.Tuple) or (bool(targets) and not same(work))
    verb = draft.verb("join_tg" if as_tuple else "gather_tg", names[0])
    first = bare_error_matters(unit, names[0], by_hand=True)
    arguments = ", ".join(hand.texts[n] if hand else n.id for n in names)
    stored = f"{', '.join(unit.text.segment(t) for t in targets)} = " if targets else ""
    start = unit.text.start(end if isinstance(end, ast.Tuple) else statement)
    draft.replace(start, unit.text.end(end), f"{stored}await {verb}({arguments}{FIRST if first else ''})")
    if hand is not None:
        take_away(draft, hand)
    caveats = [CANCELS, *([] if first else [GROUP]), *([CANCELLED] if stopped else [])]
    return draft.fix(f"Write `await {verb}(...)`", " ".join(caveats))


def looped(unit: Unit, loop: ast.For | ast.AsyncFor | ast.comprehension) -> Fix | None:
    """`for t in tasks: await t`, `[await t for t in tasks]`, and the loop that appends each result."""
    found = inside(unit, loop)
    if found is None or not isinstance(loop.iter, ast.Name | ast.Attribute | ast.Call):
        return None
    whole, value, store = found
    if (
        not isinstance(value, ast.Await)
        or not isinstance(value.value, ast.Name)
        or not isinstance(loop.target, ast.Name)
    ):
        return None
    if value.value.id != loop.target.id or "#" in unit.text.segment(whole) or unit.around.asks_for_cancelled(value):
        return None
    draft = Draft(unit)
    verb = draft.verb("gather_tg", whole)
    first = bare_error_matters(unit, value, by_hand=False)
    call = f"await {verb}(*{unit.text.segment(loop.iter)}{FIRST if first else ''})"
    draft.replace(unit.text.start(whole), unit.text.end(whole), f"{store}({call})" if store else call)
    return draft.fix(f"Write `await {verb}(...)`", " ".join([CANCELS, *([] if first else [GROUP])]))


def inside(
    unit: Unit, loop: ast.For | ast.AsyncFor | ast.comprehension
) -> tuple[ast.expr | ast.stmt, ast.expr, str] | None:
    """The whole loop, the one expression in it, and `results.extend` where each is appended; None when there is more to it."""
    if isinstance(loop, ast.comprehension):
        outer = unit.index.parents[loop]
        if not isinstance(outer, ast.ListComp) or len(outer.generators) > 1 or loop.ifs or loop.is_async:
            return None
        return outer, outer.elt, ""
    statement = loop.body[0]
    if isinstance(loop, ast.AsyncFor) or loop.orelse or len(loop.body) != 1 or not isinstance(statement, ast.Expr):
        return None
    value = statement.value
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and value.func.attr == "append":
        base = value.func.value
        return (
            (loop, value.args[0], f"{base.id}.extend") if isinstance(base, ast.Name) and len(value.args) == 1 else None
        )
    return (loop, value, "")
