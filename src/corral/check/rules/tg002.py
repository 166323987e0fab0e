"""TG002, orphaned-siblings: the first failure leaves the others running."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import partial

from corral.check import calls
from corral.check.calls import Kind
from corral.check.fixes.gathered import gathered
from corral.check.model import Finding, Level
from corral.check.names import dotted
from corral.check.rules.joined import flag, option, result_names, waited
from corral.check.siblings import Family, Origin
from corral.check.sites import Site
from corral.check.surroundings import cancels
from corral.check.unit import Unit
from corral.check.ways import Way

CODE, NAME = "TG002", "orphaned-siblings"
SUMMARY = "The first failure leaves the other tasks running"
ADVICE = (
    "Write `gather_tg(...)`, which cancels the others and waits for them before it raises "
    '(`on_error="first"` raises what `gather` raised).'
)
STREAM = (
    "Write `async with stream_tg(fn, items, limit=None, ordered=False) as results`, "
    "which cancels and awaits the rest when the block is left."
)


def check(unit: Unit) -> Iterator[Finding]:
    """Every gather, `as_completed` loop and early `wait` that leaves somebody behind."""
    for site in unit.of(Kind.GATHER, Kind.AS_COMPLETED, Kind.WAIT):
        if site.kind is Kind.GATHER:
            found = gather(unit, site)
        else:
            found = as_completed(unit, site) if site.kind is Kind.AS_COMPLETED else early_wait(unit, site)
        if found is not None:
            yield found


def gather(unit: Unit, site: Site) -> Finding | None:
    """`await gather(...)` without `return_exceptions`, of more than one that nobody cancels, before or after."""
    if site.fate.lost or site.by_name or not waited(unit, site) or flag(site.call, "return_exceptions") is not False:
        return None
    family = unit.families.of(site.call.args)
    if (
        not family.several
        or all(c.origin is Origin.OWNED for c in family.children)
        or unit.around.mended(site.call, family.names)
        or stopped(unit, site.call, family)
    ):
        return None
    level, why = gravity(unit, site.call, family)
    if all(c.work is not None and unit.around.quiet(c.work.func) for c in family.children):
        level = Level.NOTE
    what = describe(family)
    return unit.finding(
        CODE,
        NAME,
        site.call,
        level,
        f"When one of {what} fails, `gather` raises at once and the others run on{why}.",
        ADVICE,
        partial(gathered, unit, site),
    )


def stopped(unit: Unit, call: ast.Call, family: Family) -> bool:
    """Whether every one was cancelled before: each that has a name here, or all by way of what holds them."""
    before = unit.around.before(unit.index.statement(call))
    if all(isinstance(a, ast.Name) for a in call.args):
        return all(cancels(before, {dotted(a)} | unit.families.holders(a)) for a in call.args)
    return cancels(before, family.names)


def describe(family: Family) -> str:
    """The siblings by their functions, at most three of them."""
    functions = list(dict.fromkeys(c.function for c in family.children if c.function))
    if not functions:
        return f"`{min(family.names)}`" if len(family.names) == 1 else "them"
    more = ", …" if len(functions) > 3 else ""
    return f"`{', '.join(f'{f}()' for f in functions[:3])}{more}`"


def gravity(unit: Unit, node: ast.AST, family: Family) -> tuple[Level, str]:
    """How bad it is that siblings run on, and the words that say why."""
    catcher = unit.around.catcher(node)
    if family.has(Origin.HANDMADE):
        return Level.ERROR, ", held by nobody: tasks made by hand are nobody's to cancel"
    if catcher is not None:
        row = getattr(catcher, "lineno", None) or getattr(getattr(catcher, "context_expr", None), "lineno", 0)
        return (
            Level.WARNING if family.reads else Level.ERROR
        ), f" while the program, which caught the error at line {row}, goes on without them"
    resource = borrowed(unit, node)
    if resource:
        return Level.WARNING, f" with `{resource}`, which is closed under them"
    if family.writes:
        return Level.WARNING, ", and what they write comes after the failure was reported"
    return Level.NOTE, " unseen"


def borrowed(unit: Unit, node: ast.AST) -> str:
    """A resource opened by a `with` around the node, and used in it."""
    used = {dotted(n) for n in ast.walk(node) if isinstance(n, ast.Name)}
    for item in unit.around.withs(node):
        if isinstance(item.optional_vars, ast.Name) and item.optional_vars.id in used:
            return item.optional_vars.id
    return ""


def as_completed(unit: Unit, site: Site) -> Finding | None:
    """A loop over `as_completed` that can be left before the last one is done."""
    loop = unit.index.parents[site.call]
    if not isinstance(loop, ast.For | ast.AsyncFor | ast.comprehension) or not site.call.args:
        return None
    family = unit.families.of(site.call.args[:1], many=True)
    if all(c.origin is Origin.OWNED for c in family.children) or unit.around.mended(site.call, family.names):
        return None
    body: list[ast.stmt] = [] if isinstance(loop, ast.comprehension) else loop.body
    leaves = [n for s in body for n in ast.walk(s) if isinstance(n, ast.Break | ast.Return)]
    guarded = bool(body) and all(
        isinstance(s, ast.Try) and s.handlers for s in body if any(isinstance(n, ast.Await) for n in ast.walk(s))
    )
    if not leaves and guarded:
        return None
    level, why = gravity(unit, site.call, family)
    if leaves and level is Level.NOTE:
        level = Level.WARNING
    how = f"When the loop is left at line {leaves[0].lineno}" if leaves else f"When one of {describe(family)} fails"
    return unit.finding(CODE, NAME, site.call, level, f"{how}, the others run on{why}.", STREAM)


def early_wait(unit: Unit, site: Site) -> Finding | None:
    """`wait` that comes back early, and whose pending tasks nobody asks about."""
    when = option(site.call, "return_when")
    early = when is not None and "ALL_COMPLETED" not in ast.unparse(when)
    timed = option(site.call, "timeout") is not None
    if not (early or timed) or site.fate.way is not Way.AWAITED or site.fate.node is None:
        return None
    family = unit.families.of(site.call.args[:1], many=True)
    names = result_names(unit, site.fate.node)
    if names is None or unit.around.cleaning(site.call) or unit.around.mended(site.call, family.names):
        return None
    pending = names[1] if len(names) == 2 else None
    if pending or later(unit, site.call, family.names):
        return None
    if all(c.origin is Origin.OWNED for c in family.children):
        return None
    level = Level.ERROR if family.has(Origin.HANDMADE) else Level.WARNING if family.made_here else Level.NOTE
    reason = (
        "the timeout"
        if timed and not early
        else f"the first {'failure' if when and 'EXCEPTION' in ast.unparse(when) else 'result'}"
    )
    message = f"After {reason} `wait` comes back while the pending tasks run on, and nothing cancels or awaits them."
    return unit.finding(CODE, NAME, site.call, level, message, f"Cancel and await what is pending, or w{STREAM[1:]}")


def later(unit: Unit, node: ast.AST, names: set[str]) -> bool:
    """Whether one of the variables is used after the node, or anywhere in a loop around it."""
    frame = unit.index.function(node)
    loop = next((a for a in unit.index.ancestors(node) if isinstance(a, ast.While | ast.For | ast.AsyncFor)), None)
    row = getattr(node, "end_lineno", 0)
    for name in names:
        for other in unit.index.attributes.get(name.rpartition(".")[2], []) if "." in name else reads(unit, node, name):
            inside = (
                loop is not None
                and loop in unit.index.ancestors(other)
                and unit.index.statement(other) is not unit.index.statement(node)
            )
            if (other.lineno > row and unit.index.function(other) is frame) or inside:
                parent = unit.index.parents[other]
                filling = isinstance(parent, ast.Attribute) and parent.attr in calls.TRIMS
                if not filling:
                    return True
    return False


def reads(unit: Unit, node: ast.AST, name: str) -> list[ast.Name]:
    """Every read of a variable as it is seen from the node."""
    frame = unit.index.function(node)
    scope = unit.names.lookup(name, unit.index.scopes[frame]) if frame in unit.index.scopes else None
    return unit.index.uses(scope, name) if scope else []
