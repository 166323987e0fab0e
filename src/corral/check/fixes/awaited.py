"""An `await` put before a coroutine of asyncio's that never started."""

from __future__ import annotations

import ast

from corral.check.calls import Kind
from corral.check.fixes.draft import Draft
from corral.check.model import Fix
from corral.check.sites import Site
from corral.check.unit import Unit

CAVEAT = "What never ran will run, and this function waits for it."


def awaited(unit: Unit, site: Site) -> Fix | None:
    """For `wait_for` as a statement. A dropped `gather` does run: whether anybody should wait for it, who knows."""
    call = site.call
    if site.kind is not Kind.WAIT_FOR or site.wrapper or site.by_name or site.dropper:
        return None
    if not isinstance(unit.index.parents[call], ast.Expr):
        return None
    if not isinstance(unit.index.function(call), ast.AsyncFunctionDef):
        return None
    draft = Draft(unit)
    draft.replace(unit.text.start(call), unit.text.start(call), "await ")
    return draft.fix("Await it", CAVEAT)
