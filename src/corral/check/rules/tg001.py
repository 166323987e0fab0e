"""TG001, lost-task: nothing that lives keeps the task."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from corral.check import calls
from corral.check.calls import Kind
from corral.check.fixes.spawned import spawned
from corral.check.model import Finding, Level
from corral.check.rules.lost import gravity, story
from corral.check.sites import Site
from corral.check.unit import Unit
from corral.check.ways import Way

CODE, NAME = "TG001", "lost-task"
SUMMARY = "Nothing that lives keeps the task"


def check(unit: Unit) -> Iterator[Finding]:
    """Every task whose way ends nowhere."""
    for site in unit.of(Kind.SPAWN):
        if site.fate.lost:
            level = Level.NOTE if unit.settings.strong_task_factory else gravity(unit, site)
            yield unit.finding(
                CODE, NAME, site.call, level, message(unit, site), advice(unit, site), partial(spawned, unit, site)
            )


def work(unit: Unit, site: Site) -> str:
    """What the task runs, as it is written."""
    given = calls.work(site.call)
    return unit.code(given, 40) if given is not None and not site.by_name else ""


def message(unit: Unit, site: Site) -> str:
    """What happens to this task."""
    run = work(unit, site)
    what = f"the task of `{run}`" if run and not site.wrapper else "the task"
    told = story(unit, site, what)
    if unit.settings.strong_task_factory:
        return f"{told[0].upper()}{told[1:]}: the task factory holds it, but its failure is seen by nobody."
    return f"{told[0].upper()}{told[1:]}: the event loop holds it weakly, so it can vanish half-way, and its failure is seen by nobody."


def advice(unit: Unit, site: Site) -> str:
    """What to write."""
    run = work(unit, site) or "work()"
    if site.wrapper:
        return f"Keep what `{site.wrapper}(...)` returns, or let it call `corral.spawn(...)`, which holds the task until it ends."
    if site.by_name:
        return "Pass `corral.spawn`, which holds the task until it ends and reports its failure."
    if site.fate.way in {Way.BRANCH, Way.OVERWRITTEN, Way.DELETED}:
        return f"Await or cancel `{site.fate.name}` first, or write `spawn({run})`, which holds the task until it ends."
    return f"Write `spawn({run})`, which holds the task until it ends and reports its failure, or await it."
