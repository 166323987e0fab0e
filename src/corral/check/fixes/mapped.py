"""`*[f(x) for x in xs]` is `map_tg(f, xs)`, and nothing less exact is."""

from __future__ import annotations

import ast

from corral.check.names import dotted
from corral.check.unit import Unit


def mapping(unit: Unit, args: list[ast.expr]) -> str | None:
    """`f, xs` for arguments that are one call of a fixed function with each of some inputs; None for all else."""
    if len(args) != 1:
        return None
    value = args[0].value if isinstance(args[0], ast.Starred) else args[0]
    if isinstance(value, ast.Call):
        return builtin_map(unit, value)
    if not isinstance(value, ast.ListComp | ast.GeneratorExp) or len(value.generators) != 1:
        return None
    loop, call = value.generators[0], value.elt
    if loop.ifs or loop.is_async or not isinstance(loop.target, ast.Name) or not isinstance(call, ast.Call):
        return None
    fixed = "?" not in dotted(call.func) and "(" not in dotted(call.func) and "[" not in dotted(call.func)
    name = loop.target.id
    if not fixed or call.keywords or len(call.args) != 1 or dotted(call.func).partition(".")[0] == name:
        return None
    if not isinstance(call.args[0], ast.Name) or call.args[0].id != name or not settled(loop.iter):
        return None
    return pair(unit, call.func, loop.iter)


def builtin_map(unit: Unit, call: ast.Call) -> str | None:
    """`*map(f, xs)`."""
    func = call.func
    if not isinstance(func, ast.Name) or func.id != "map" or unit.names.bindings(func) or call.keywords:
        return None
    if len(call.args) != 2 or any(isinstance(a, ast.Starred) for a in call.args):
        return None
    over = call.args[0]
    if not isinstance(over, ast.Name | ast.Attribute) or not settled(call.args[1]):
        return None
    return pair(unit, over, call.args[1])


def settled(items: ast.expr) -> bool:
    """Whether the inputs can be written as an argument, and nothing awaits or binds a name in them."""
    awkward = (ast.Await, ast.NamedExpr, ast.Yield, ast.YieldFrom)
    return not any(isinstance(n, awkward) for n in ast.walk(items)) and not isinstance(items, ast.GeneratorExp)


def pair(unit: Unit, function: ast.expr, items: ast.expr) -> str | None:
    """The two as they are written, unless there are comments or line ends among them that could get lost."""
    texts = unit.text.segment(function), unit.text.segment(items)
    if any("#" in t for t in texts) or any("\n" in t or "\r" in t for t in texts[:1]):
        return None
    if isinstance(items, ast.Lambda | ast.IfExp | ast.Tuple):
        return None if not texts[1].startswith("(") else f"{texts[0]}, {texts[1]}"
    return f"{texts[0]}, {texts[1]}"
