"""A dropped `run_coroutine_threadsafe(work(), loop)` becomes `loop.call_soon_threadsafe(spawn, work())`."""

from __future__ import annotations

import ast
import re

from corral.check import calls
from corral.check.fixes.draft import Draft
from corral.check.fixes.lines import line_start
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
    spawn = draft.verb("spawn", call)
    if work.lineno == work.end_lineno or not spread(unit, call, work, loop):
        draft.replace(start, unit.text.end(call), f"{method}({spawn}, {unit.text.segment(work)})")
    else:
        own_line = unit.text.text[line_start(unit, unit.text.start(work)) : unit.text.start(work)]
        gap = "\n" + own_line if not own_line.strip() else " "
        draft.replace(start, unit.text.end(call.func), method)
        draft.replace(unit.text.start(work), unit.text.start(work), f"{spawn},{gap}")
        draft.replace(unit.text.end(work), unit.text.end(loop), "")
    return draft.fix(f"Write `{method}(spawn, ...)`")


def spread(unit: Unit, call: ast.Call, work: ast.expr, loop: ast.expr) -> bool:
    """Whether the coroutine stands first and the loop last, with nothing but commas and spaces around them."""
    text = unit.text
    outside = (
        text.text[text.end(call.func) : text.start(work)],
        text.text[text.end(work) : text.start(loop)].replace("loop", "").replace("=", ""),
        text.text[text.end(loop) : text.end(call)],
    )
    return all(
        re.fullmatch(pattern, part.strip()) for pattern, part in zip((r"\(", ",", r",?\s*\)"), outside, strict=True)
    )
