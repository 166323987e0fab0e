"""The figures of `corral check` and `corral lsp`."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.cell import Spec
from benchmarks.row import Check, One, Row, number


def over(above: str, below: str) -> Callable[[One], float]:
    """One command's time over another's, on the same tree."""
    return lambda one: float(one["tree"][above]) / float(one["tree"][below])


ROWS = [
    Row(
        "check",
        "`corral check` beside `ruff check --select RUF006` over 10,000 files, two processors",
        {"tree": Spec("check", "", n=10_000)},
        (
            Check("times ruff, both cold", over("corral", "ruff"), "<=", 3),
            Check("times ruff's processor time, both cold", over("corral_cpu", "ruff_cpu"), "<=", 3),
            Check("times cold ruff, with a warm cache", over("corral_warm", "ruff"), "<=", 1.5),
            Check("times ruff, both with a warm cache", over("corral_warm", "ruff_warm")),
            Check("seconds, cold", number("tree", "corral"), unit="s"),
            Check("seconds, with a warm cache", number("tree", "corral_warm"), unit="s"),
        ),
        repeats=1,
    ),
    Row(
        "keystroke",
        "`corral lsp`: from a change of a 2,000-line file sent to its diagnostics read",
        {"editor": Spec("keystroke", "")},
        (
            Check("milliseconds, median", number("editor", "keystroke"), "<=", 50, "ms"),
            Check("milliseconds, nine of ten below", number("editor", "keystroke_p90"), unit="ms"),
        ),
        repeats=1,
    ),
]
