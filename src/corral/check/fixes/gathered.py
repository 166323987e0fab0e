"""`await gather(...)` becomes `gather_tg`, `join_tg` or `map_tg`, whichever it is exactly."""

from __future__ import annotations

import ast

from corral.check import calls
from corral.check.fixes.arguments import appended
from corral.check.fixes.by_hand import Inlined, inlined, take_away
from corral.check.fixes.draft import Draft
from corral.check.fixes.mapped import mapping
from corral.check.fixes.raising import CANCELLED, GROUP, bare_error_matters, made_for_it
from corral.check.fixes.shape import by_position
from corral.check.model import Fix
from corral.check.rules.joined import option
from corral.check.sites import Site
from corral.check.unit import Unit

# Calls that take a coroutine where they took the future of a gather, and start it as soon.
OURS = frozenset({"gather_tg", "join_tg"})
WAITERS = frozenset(f"asyncio.{name}" for name in ("wait_for", "shield", "run", "gather")) | {
    f"corral.{v}" for v in OURS
}
CANCELS = (
    "When one fails, the others are cancelled and waited for before the error is raised; `gather` let them run on."
)
START = "The calls are made one by one as the tasks start, no longer all before the first."
FIRST = 'on_error="first"'


def gathered(unit: Unit, site: Site) -> Fix | None:
    """The fix of an awaited gather; none where the future of the gather itself may be wanted."""
    call = site.call
    if (
        site.wrapper
        or site.by_name
        or not consumed(unit, call)
        or any(k.arg != "return_exceptions" for k in call.keywords)
    ):
        return None
    if unit.names.qualify(call.func) != "asyncio.gather":
        return None
    draft = Draft(unit)
    hand = inlined(unit, call)
    first = said(call) or bare_error_matters(unit, call, by_hand=hand is not None and not hand.starred)
    each = mapping(unit, hand.comprehension if hand and hand.comprehension else call.args)
    stopped = unit.around.asks_for_cancelled(call)
    if stopped and each is None and not all(made_for_it(w) for w in (hand.work if hand else call.args)):
        return None
    if each is not None:
        verb = draft.verb("map_tg", call)
        options = f", limit=None, {FIRST}" if first else ", limit=None"
        draft.swap(call, f"{verb}({each}{options})")
        draft.keep(call.args)
        caveats = [CANCELS, START]
    else:
        verb = draft.verb("join_tg" if by_position(unit, call, hand.work if hand else call.args) else "gather_tg", call)
        draft.swap(call.func, verb)
        options_of(unit, draft, call, first=first)
        caveats = [CANCELS]
    if hand is not None:
        take_in(draft, hand, whole=each is not None)
    caveats += [text for text, holds in ((GROUP, not first), (CANCELLED, stopped)) if holds]
    return draft.fix(f"Write `{verb}(...)`", " ".join(caveats))


def consumed(unit: Unit, call: ast.Call) -> bool:
    """Whether the gather is awaited where it stands, or given to a call that waits for it."""
    parent = unit.index.parents[call]
    if isinstance(parent, ast.Await):
        return True
    if isinstance(parent, ast.Starred) or not isinstance(parent, ast.Call) or call not in parent.args:
        return False
    return unit.names.qualify(parent.func) in WAITERS or calls.callee(parent) == "run_until_complete"


def said(call: ast.Call) -> bool:
    """Whether the call says `return_exceptions=False`, which `on_error="first"` says after it."""
    return option(call, "return_exceptions") is not None


def options_of(unit: Unit, draft: Draft, call: ast.Call, *, first: bool) -> None:
    """`on_error` in the place of `return_exceptions=False`, or after the last argument."""
    if said(call):
        draft.swap(call.keywords[0], FIRST)
    elif first:
        draft.replace(*appended(unit, call, FIRST))


def take_in(draft: Draft, hand: Inlined, *, whole: bool) -> None:
    """The statements that made the tasks go, and their coroutines stand in the call."""
    take_away(draft, hand)
    if not whole:
        for name, text in hand.texts.items():
            draft.replace(draft.text.start(name), draft.text.end(name), text)
