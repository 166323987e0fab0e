"""List or tuple: what the code around makes of the results decides."""

from __future__ import annotations

import ast

from corral.check.names import dotted
from corral.check.scopes import FUNCTIONS
from corral.check.unit import Unit

MOST = 8  # `join_tg` has exact types up to here


def by_position(unit: Unit, call: ast.Call, work: list[ast.expr]) -> bool:
    """Whether results of different kinds are told apart by their place, so that a tuple keeps each one's type."""
    if not 2 <= len(work) <= MOST or any(isinstance(a, ast.Starred) for a in work):
        return False
    awaited = unit.index.parents[call]
    if not isinstance(awaited, ast.Await):
        return False
    if said_tuple(unit, awaited):
        return True
    return not same(work) and apart(unit, awaited, len(work))


def same(work: list[ast.expr]) -> bool:
    """Whether all are calls of one and the same function."""
    functions = {dotted(w.func) if isinstance(w, ast.Call) else "?" for w in work}
    return len(functions) == 1 and not any("?" in f for f in functions)


def said_tuple(unit: Unit, awaited: ast.Await) -> bool:
    """Whether an annotation says that the result is a tuple."""
    parent = unit.index.parents[awaited]
    annotation = None
    if isinstance(parent, ast.AnnAssign):
        annotation = parent.annotation
    elif isinstance(parent, ast.Return) and isinstance(frame := unit.index.function(awaited), FUNCTIONS):
        annotation = frame.returns
    return annotation is not None and ast.unparse(annotation).strip("'\"").lower().startswith(
        ("tuple[", "typing.tuple[")
    )


def apart(unit: Unit, awaited: ast.Await, count: int) -> bool:
    """Whether the result is unpacked, or only asked for single places."""
    parent = unit.index.parents[awaited]
    if isinstance(parent, ast.Subscript):
        return constant(parent)
    if not isinstance(parent, ast.Assign) or len(parent.targets) != 1:
        return False
    target = parent.targets[0]
    if isinstance(target, ast.Tuple | ast.List):
        return unpacks(target, count)
    if not isinstance(target, ast.Name):
        return False
    uses = [(u, unit.index.parents[u]) for u in unit.names.reads(target)]
    return bool(uses) and all(
        (isinstance(p, ast.Subscript) and p.value is u and constant(p))
        or (isinstance(p, ast.Assign) and p.value is u and any(unpacks(t, count) for t in p.targets))
        for u, p in uses
    )


def unpacks(target: ast.expr, count: int) -> bool:
    """Whether the target has a place for each."""
    if not isinstance(target, ast.Tuple | ast.List):
        return False
    return len(target.elts) == count and not any(isinstance(e, ast.Starred) for e in target.elts)


def constant(node: ast.Subscript) -> bool:
    """`results[0]`, and not written to."""
    return isinstance(node.ctx, ast.Load) and isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, int)
