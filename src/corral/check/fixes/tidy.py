"""After many fixes together: what none of them alone left unused, and all of them did."""

from __future__ import annotations

from corral.check.fixes.draft import Draft
from corral.check.fixes.leftovers import Bound, idle
from corral.check.settings import Settings
from corral.check.source import CannotParse, read
from corral.check.text import CannotDecode, edited


def label(bound: Bound) -> tuple[str, str]:
    """What a name is known by before and after: its own, and that of the function it is in."""
    scope, name = bound
    return (getattr(scope.node, "name", ""), name)


def tidied(before: bytes, after: bytes, path: str, settings: Settings) -> bytes:
    """The fixed file without the imports and local loops that were read before and are not now."""
    try:
        known = {label(b) for b in idle(read(before, path, settings))}
        while True:  # a loop, then the import that got it; each round takes something away
            draft = Draft(read(after, path, settings))
            draft.idle = {b for b in idle(draft.unit) if label(b) not in known}
            fix = draft.fix("Remove what is not used any more") if draft.idle else None
            if fix is None or not fix.edits:
                break
            after = edited(after, fix.edits, draft.text.encoding.removesuffix("-sig"))
    except (CannotDecode, CannotParse, RecursionError):
        pass
    return after
