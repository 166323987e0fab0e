"""TG005, unawaited-gather: a gather, shield or wait_for that nobody awaits."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import partial

from corral.check import calls
from corral.check.calls import Kind
from corral.check.fixes.awaited import awaited
from corral.check.model import Finding
from corral.check.rules.lost import gravity, story
from corral.check.sites import Site
from corral.check.unit import Unit

CODE, NAME = "TG005", "unawaited-gather"
SUMMARY = "A gather, shield or wait_for is never awaited"


def check(unit: Unit) -> Iterator[Finding]:
    """Every one whose way ends nowhere."""
    for site in unit.of(Kind.GATHER, Kind.SHIELD, Kind.WAIT_FOR, Kind.WAIT):
        if site.fate.lost and not (site.kind is Kind.SHIELD and kept_elsewhere(site)):
            yield finding(unit, site)


def kept_elsewhere(site: Site) -> bool:
    """`shield(self._update)`: what it shields was there before, and is its owner's concern."""
    return not isinstance(calls.work(site.call), ast.Call) and not site.by_name


def finding(unit: Unit, site: Site) -> Finding:
    """`gather` and `shield` start at once; `wait_for` and `wait` are coroutines that never do."""
    name = site.api.rpartition(".")[2]
    told = story(unit, site, f"what `{name}` returns")
    if site.kind in {Kind.WAIT_FOR, Kind.WAIT}:
        after = "it is a coroutine that never starts, so nothing is waited for"
    elif site.kind is Kind.GATHER:
        after = "its tasks run with nobody to hold them, and their failures are seen by nobody"
    else:
        after = "what it shields runs with nobody to hold it, and its failure is seen by nobody"
    verb = "gather_tg(...)" if site.kind is Kind.GATHER else f"asyncio.{name}(...)"
    advice = f"Write `await {verb}`" + (
        ", or `spawn(...)` for what nobody waits for." if site.kind in {Kind.GATHER, Kind.SHIELD} else "."
    )
    return unit.finding(
        CODE,
        NAME,
        site.call,
        gravity(unit, site),
        f"{told[0].upper()}{told[1:]}: {after}.",
        advice,
        partial(awaited, unit, site),
    )
