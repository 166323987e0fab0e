"""TG003, discarded-outcomes: failures are collected, and nobody reads them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import partial

from corral.check.calls import Kind
from corral.check.fixes.outcomes import outcomes
from corral.check.model import Finding, Level
from corral.check.rules.joined import flag, option, result_names
from corral.check.rules.tg002 import describe, later
from corral.check.siblings import Family
from corral.check.sites import Site
from corral.check.surroundings import cancels
from corral.check.unit import Unit
from corral.check.ways import Way

CODE, NAME = "TG003", "discarded-outcomes"
SUMMARY = "Failures are collected and never read"


def check(unit: Unit) -> Iterator[Finding]:
    """Every gather with `return_exceptions=True`, and every `wait`, whose result goes nowhere."""
    for site in unit.of(Kind.GATHER, Kind.WAIT):
        awaited = awaited_by(unit, site)
        if awaited is None or not collects(site):
            continue
        names = result_names(unit, awaited)
        if names is None or any(names):
            continue
        family = (
            unit.families.of(site.call.args)
            if site.kind is Kind.GATHER
            else unit.families.of(site.call.args[:1], many=True)
        )
        quiet = all(c.work is not None and unit.around.quiet(c.work.func) for c in family.children)
        if not quiet and not read_one_by_one(unit, site, family):
            yield finding(unit, site, family)


def awaited_by(unit: Unit, site: Site) -> ast.AST | None:
    """The await that waits for it: its own, or that of the `wait_for` or `shield` around it."""
    if site.fate.way is Way.AWAITED:
        return site.fate.node
    outer = unit.index.parents[site.node]
    if isinstance(outer, ast.Call) and unit.names.qualify(outer.func) in {"asyncio.wait_for", "asyncio.shield"}:
        parent = unit.index.parents[outer]
        return parent if isinstance(parent, ast.Await) else None
    return None


def collects(site: Site) -> bool:
    """Whether the call turns failures into values."""
    if site.kind is Kind.GATHER:
        return flag(site.call, "return_exceptions") is True
    when = option(site.call, "return_when")
    return option(site.call, "timeout") is None and (when is None or "ALL_COMPLETED" in ast.unparse(when))


def read_one_by_one(unit: Unit, site: Site, family: Family) -> bool:
    """Whether the tasks are cancelled before, or asked for their results after."""
    statement = unit.index.statement(site.call)
    return cancels(unit.around.before(statement), family.names) or later(unit, site.call, family.names)


def finding(unit: Unit, site: Site, family: Family) -> Finding:
    """Quiet where something is being closed: there it is a habit, and often right; and where others may ask how it ended."""
    closing = unit.around.cleaning(site.call) or any(unit.around.closing_call(c.work) for c in family.children)
    level = Level.WARNING if family.made_here and not family.verbs <= {"wait", "sleep"} and not closing else Level.NOTE
    what = describe(family)
    if site.kind is Kind.WAIT:
        message = f"`wait` raises nothing: when one of {what} fails, nobody looks at its error, and all seems well."
    else:
        message = (
            f"When one of {what} fails, its error becomes an item of a list that nobody reads, and all seems well."
        )
    advice = (
        'Read the outcomes: `for outcome in await gather_tg(..., on_error="collect"): outcome.unwrap()`, '
        "or let `gather_tg(...)` raise."
    )
    return unit.finding(
        CODE, NAME, site.call, level, message, advice, None if level is Level.NOTE else partial(outcomes, unit, site)
    )
