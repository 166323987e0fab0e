"""The finding for a file that cannot be checked."""

from __future__ import annotations

from corral.check.model import Finding, Level, Span

CODE, NAME = "TG000", "cannot-check"
BEGIN = Span(1, 1, 1, 1)
ADVICE = (
    "Mend the file, run Corral under the Python it is written for, or leave it out with `exclude` in [tool.corral]."
)


def cannot_check(path: str, why: str, span: Span = BEGIN) -> Finding:
    """What is said of a file that was not checked, and why; an error, because nothing is known about it."""
    return Finding(CODE, NAME, Level.ERROR, f"Not checked: {why}.", ADVICE, path, span)
