"""The finding for a file that cannot be checked."""

from __future__ import annotations

from corral.check.model import Finding, Level, Span

CODE = "TG000"


def cannot_check(path: str, why: str) -> Finding:
    """What is said of a file that was not checked, and why; an error, because nothing is known about it."""
    from corral.check.registry import META

    advice = "Nothing was checked in it; mend that, or leave it out with `exclude` in [tool.corral]."
    return Finding(CODE, META[CODE][0], Level.ERROR, f"Not checked: {why}.", advice, path, Span(1, 1, 1, 1))
