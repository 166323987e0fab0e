"""How loud to be about a lost value: what its frame does next decides whether anything still holds it."""

from __future__ import annotations

import ast

from corral.check.model import Level
from corral.check.sites import Site
from corral.check.unit import Unit
from corral.check.ways import Way

LOCAL = frozenset({Way.UNUSED, Way.GLANCED, Way.CONTAINER, Way.CLOSURE})


def gravity(unit: Unit, site: Site) -> Level:
    """`error` when nothing holds the value any more, lower while a frame that goes on still does or where it is only likely."""
    if site.dropper:
        return Level.ERROR if site.sure else Level.NOTE if site.dropper == "?" else Level.WARNING
    if site.fate.way is Way.BRANCH:
        return Level.WARNING
    if site.fate.way is Way.OVERWRITTEN and guarded(unit, site):
        return Level.NOTE
    if site.fate.way not in LOCAL:
        return Level.ERROR
    frame = unit.index.function(site.call)
    row = site.call.end_lineno or site.call.lineno
    if unit.around.endless(frame, row):
        return Level.NOTE
    return Level.WARNING if unit.around.awaits_after(frame, row) else Level.ERROR


def guarded(unit: Unit, site: Site) -> bool:
    """A store under an `if` that only the next round of its loop overwrites: the test may well know that there is none."""
    over = site.fate.node
    if over is None or unit.index.statement(over) is not unit.index.statement(site.call):
        return False
    kinds = (ast.If, ast.For, ast.AsyncFor, ast.While)
    return isinstance(next((a for a in unit.index.ancestors(site.call) if isinstance(a, kinds)), None), ast.If)


def story(unit: Unit, site: Site, what: str) -> str:
    """What happens to the value, up to where it is lost; `what` names it."""
    name = site.fate.name
    row = getattr(site.fate.node, "lineno", 0)
    if site.dropper:
        by = (
            f"`{site.dropper}` throws away what its callback returns"
            if site.dropper != "?"
            else "whoever calls this lambda may throw away what it returns"
        )
        return f"{by}, and nothing else keeps {what}"
    if site.wrapper:
        what = f"{what} that `{site.wrapper}` returns"
    ends = f"once {unit.where(site.call)} returns"
    return {
        Way.STATEMENT: f"nothing keeps {what}",
        Way.TESTED: f"{what} is looked at once and then kept by nobody",
        Way.LOGGED: f"{what} is only printed, and then kept by nobody",
        Way.CHAINED: f"`.{name}(...)` does not keep {what}, and nothing else does",
        Way.UNUSED: f"nothing reads `{name}`, so {ends} nothing keeps {what}",
        Way.GLANCED: f"`{name}` is only logged or given a callback, so {ends} nothing keeps {what}",
        Way.OVERWRITTEN: f"`{name}` is overwritten at line {row} while it may be all that keeps {what}",
        Way.DELETED: f"`{name}` is deleted at line {row}, and nothing else keeps {what}",
        Way.BRANCH: f"one way through {unit.where(site.call)} (to line {row}) never uses `{name}`, and leaves {what} to nobody",
        Way.CONTAINER: f"nothing reads `{name}`, so {ends} nothing keeps {what}",
        Way.CLOSURE: f"only a function that nobody keeps uses `{name}`, so {ends} nothing keeps {what}",
        Way.WEAK: f"{f'`{name}`' if name else 'the reference'} is weak, and nothing else keeps {what}",
    }[site.fate.way]
