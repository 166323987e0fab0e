"""Who would notice that an ExceptionGroup is raised instead of the bare error."""

from __future__ import annotations

import ast

from corral.check.scopes import FUNCTIONS
from corral.check.unit import Unit

HOPS = 3
GROUP = "What is raised is an `ExceptionGroup`, also for one failure."
CANCELLED = "An input that is cancelled by others is raised as `ItemCancelled`, which is no `CancelledError`."


def depends(unit: Unit, node: ast.AST, hops: int = HOPS) -> bool:
    """Whether anything in this file around the node, or around the calls of its function, asks what kind of error it is."""
    if unit.around.depends_on_type(node):
        return True
    frame = unit.index.function(node)
    if not hops or not isinstance(frame, FUNCTIONS) or unit.around.catcher(node) is not None:
        return False
    return any(depends(unit, ref, hops - 1) for ref in unit.sites.mentions(frame))


def stays_here(unit: Unit, node: ast.AST) -> bool:
    """Whether the error surely leaves this file only through the end of the program: caught here, or raised out of `asyncio.run`."""
    if unit.around.catcher(node) is not None:
        return True
    frame = unit.index.function(node)
    if not isinstance(frame, ast.AsyncFunctionDef) or not isinstance(unit.index.parents[frame], ast.Module):
        return False
    refs = unit.sites.mentions(frame)
    return frame.name in unit.around.run and len(refs) == 1


def bare_error_matters(unit: Unit, node: ast.AST, *, by_hand: bool) -> bool:
    """Whether the fix must keep what is raised: `on_error="first"`.

    Tasks made by hand are a program's own business, and nobody outside of it waits for them by name; a plain gather may be
    anybody's `except ValueError` away, unless the error never leaves the file.
    """
    return depends(unit, node) or not (by_hand or stays_here(unit, node))


def made_for_it(work: ast.expr) -> bool:
    """Whether this is a call, or a display of calls, so that nobody else has a handle by which to cancel what comes of it."""
    if isinstance(work, ast.Starred):
        inner = work.value
        if isinstance(inner, ast.ListComp | ast.GeneratorExp):
            return made_for_it(inner.elt)
        return isinstance(inner, ast.List | ast.Tuple) and all(made_for_it(e) for e in inner.elts)
    return isinstance(work, ast.Call)
