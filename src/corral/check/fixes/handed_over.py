"""A dropped `run_coroutine_threadsafe(work(), loop)` becomes `loop.call_soon_threadsafe(spawn, work())`."""

from __future__ import annotations

import ast

from corral.check import calls
from corral.check.fixes.draft import Draft
from corral.check.fixes.spawned import idle_name
from corral.check.model import Fix
from corral.check.names import dotted
from corral.check.rules.joined import option
from corral.check.sites import Site
from corral.check.unit import Unit
from corral.check.ways import Way


def handed_over(unit: Unit, site: Site) -> Fix | None:
    """The fix of a future that is dropped at once; what runs in an executor has none, since it may block."""
    call, statement = site.call, unit.index.parents[site.call]
    if site.wrapper or site.by_name or site.dropper or site.api != "asyncio.run_coroutine_threadsafe":
        return None
    loop, work = call.args[1] if len(call.args) == 2 else option(call, "loop"), calls.work(call)
    if len(call.args) + len(call.keywords) != 2 or loop is None or work is None:
        return None
    if any(isinstance(a, ast.Starred) for a in call.args):
        return None
    if not isinstance(loop, ast.Name | ast.Attribute) or any(c in dotted(loop) for c in "?(["):
        return None
    start = unit.text.start(call)
    if isinstance(statement, ast.Assign) and site.fate.way is Way.UNUSED and idle_name(unit, statement):
        start = unit.text.start(statement)
    elif not isinstance(statement, ast.Expr):
        return None
    if "#" in unit.text.text[start : unit.text.end(call)] or unit.text.end(statement) != unit.text.end(call):
        return None
    draft = Draft(unit)
    draft.drop(call.func)
    method = f"{unit.text.segment(loop)}.call_soon_threadsafe"
    new = f"{method}({draft.verb('spawn', call)}, {unit.text.segment(work)})"
    draft.replace(start, unit.text.end(call), new)
    return draft.fix(f"Write `{method}(spawn, ...)`")
