"""What the rules about joining ask of a call: its options, who waits for it, what its result is called."""

from __future__ import annotations

import ast

from corral.check import calls
from corral.check.sites import Site
from corral.check.unit import Unit
from corral.check.ways import Way

WAITERS = frozenset(
    "wait_for shield run_until_complete run timeout ensure_future create_task as_future gather gather_tg join_tg".split()
)


def option(call: ast.Call, name: str) -> ast.expr | None:
    """The value of a keyword, where it is given."""
    return next((k.value for k in call.keywords if k.arg == name), None)


def flag(call: ast.Call, name: str) -> bool | None:
    """A keyword that is True or False; None when it cannot be known."""
    value = option(call, name)
    if value is None:
        return None if any(k.arg is None for k in call.keywords) else False
    return bool(value.value) if isinstance(value, ast.Constant) else None


def waited(unit: Unit, site: Site) -> bool:
    """Whether the call is awaited: itself, by its caller, or through another call that waits."""
    if site.fate.way in {Way.AWAITED, Way.RETURNED}:
        return True
    parent = unit.index.parents[site.node]
    return isinstance(parent, ast.Call) and calls.callee(parent) in WAITERS


def result_names(unit: Unit, awaited: ast.AST) -> list[list[ast.Name]] | None:
    """The reads of each name that the awaited result is given to: `[]` when it is dropped, None when it goes elsewhere."""
    parent = unit.index.parents[awaited]
    if isinstance(parent, ast.Expr):
        return []
    if not isinstance(parent, ast.Assign) or len(parent.targets) != 1:
        return None
    target = parent.targets[0]
    parts = target.elts if isinstance(target, ast.Tuple | ast.List) else [target]
    found: list[list[ast.Name]] = []
    for part in parts:
        if not isinstance(part, ast.Name):
            return None
        scope = unit.names.lookup(part.id, unit.index.scope_of[part])
        if (
            scope is None
            or scope.node is not unit.index.function(part)
            or isinstance(scope.node, ast.Module | ast.ClassDef)
        ):
            return None
        found.append([use for use in unit.index.uses(scope, part.id) if not counted(unit, use)])
    return found


def counted(unit: Unit, use: ast.Name) -> bool:
    """`len(results)`: how many there are says nothing about any of them."""
    parent = unit.index.parents[use]
    return (
        isinstance(parent, ast.Call) and isinstance(parent.func, ast.Name) and parent.func.id in {"len", "bool", "type"}
    )
