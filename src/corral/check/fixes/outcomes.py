"""`await gather(..., return_exceptions=True)` as a statement becomes a loop that looks at each outcome."""

from __future__ import annotations

import ast

from corral.check.calls import Kind
from corral.check.fixes.draft import Draft
from corral.check.fixes.lines import line_start
from corral.check.model import Fix
from corral.check.sites import Site
from corral.check.unit import Unit

CAVEAT = "The first failure is raised once all have finished, where none was raised before."


def outcomes(unit: Unit, site: Site) -> Fix | None:
    """The fix of outcomes that nobody reads: nothing is cancelled, as before, and what failed is raised."""
    call, awaited = site.call, unit.index.parents[site.call]
    statement = unit.index.parents[awaited]
    if (
        site.kind is not Kind.GATHER
        or site.wrapper
        or not isinstance(awaited, ast.Await)
        or not isinstance(statement, ast.Expr)
    ):
        return None
    if unit.names.qualify(call.func) != "asyncio.gather" or len(call.keywords) != 1:
        return None
    text = unit.text
    start, end = text.start(statement), text.end(statement)
    indent = text.text[line_start(unit, start) : start]
    row = statement.end_lineno or statement.lineno
    rest = text.line(row).rstrip("\r\n")[end - text.starts[row - 1] :]
    if indent.strip() or (rest.strip() and not rest.lstrip().startswith("#")):
        return None
    draft = Draft(unit)
    if not draft.free("outcome", statement) or end != text.end(call):
        return None
    verb = draft.verb("gather_tg", call)
    draft.replace(start, start, "for outcome in ")
    draft.swap(call.func, verb)
    draft.swap(call.keywords[0], 'on_error="collect"')
    draft.replace(end, end, ":")
    deeper = "\t" if "\t" in indent else "    "
    draft.replace(end + len(rest), end + len(rest), f"\n{indent}{deeper}outcome.unwrap()")
    if not rest:
        draft.changes[-2:] = [(end, end, f":\n{indent}{deeper}outcome.unwrap()")]
    return draft.fix("Look at each outcome", CAVEAT)
