"""TG004, lost-future: work was given to a loop or an executor, and its future dropped."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from corral.check import calls
from corral.check.calls import Kind
from corral.check.fixes.handed_over import handed_over
from corral.check.model import Finding, Level
from corral.check.rules.lost import gravity, story
from corral.check.sites import Site
from corral.check.unit import Unit
from corral.check.ways import Way

CODE, NAME = "TG004", "lost-future"
SUMMARY = "The future of work given to a loop or an executor is dropped"


def check(unit: Unit) -> Iterator[Finding]:
    """Every dropped `run_coroutine_threadsafe` or `run_in_executor`."""
    for site in unit.of(Kind.FUTURE):
        if site.fate.lost and not quiet(unit, site):
            yield finding(unit, site)


def quiet(unit: Unit, site: Site) -> bool:
    """Whether what the executor runs catches all its failures itself: then nothing is lost with the future."""
    return site.api == "loop.run_in_executor" and len(site.call.args) > 1 and unit.around.quiet(site.call.args[1])


def finding(unit: Unit, site: Site) -> Finding:
    """A coroutine can vanish and fails in silence; a thread works on, and only its failure is lost."""
    executor = site.api == "loop.run_in_executor"
    args = site.call.args[1:2] if executor else site.call.args[:1]
    given = args[0] if args else calls.work(site.call)
    work = unit.code(given, 40) if given is not None and not site.by_name else "work"
    told = story(unit, site, f"the future of `{work}`")
    level = gravity(unit, site)
    if executor or site.fate.way is Way.CHAINED:
        level = min(level, Level.WARNING)
    if executor:
        after = "its failure is seen by nobody until the future is collected, if then"
        advice = f"Await it: `await loop.run_in_executor(None, {work})`, or `await asyncio.to_thread({work})`."
    else:
        after = "its failure is seen by nobody, ever, and while it waits the task itself may be collected"
        advice = f"Keep the future and ask for its `.result()`, or hand it over for good: `loop.call_soon_threadsafe(spawn, {work})`."
    return unit.finding(
        CODE, NAME, site.call, level, f"{told[0].upper()}{told[1:]}: {after}.", advice, partial(handed_over, unit, site)
    )
