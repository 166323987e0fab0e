"""The figures of `corral.guard`."""

from __future__ import annotations

from benchmarks.cell import Spec
from benchmarks.row import Check, Row, excess, number


def times(way: str, text: str, target: float | None = None) -> Check:
    """A way's processor time over that of plain asyncio, in the same process."""
    return Check(text, lambda one: float(one["cell"][way]) / float(one["cell"]["plain"]), "<=", target)


ROWS = [
    Row(
        "guard",
        "`create_task` of a coroutine that returns at once: processor time for each task, in batches of 100",
        {"cell": Spec("guard", "", "at_once", seconds=2.0)},
        (
            times("guard", "under `corral.guard`, times plain asyncio", 2.0),
            times("off", "when it is off again", 1.05),
            times("strong", "under a bare task factory that keeps strong references"),
            times("debug", "in asyncio's debug mode"),
            times("pyleak", "under pyleak"),
            Check("microseconds for each task, plain", number("cell", "plain", 1e6), unit="µs"),
        ),
    ),
    Row(
        "guard_memory",
        "a day in a process: peak memory of 10^7 tasks under the guard above that of 10^5",
        {label: Spec("guard_memory", "", "at_once", n=n) for label, n in (("1e5", 10**5), ("1e7", 10**7))},
        (Check("more", excess("1e7", "1e5"), "<=", 1, "MB"),),
        repeats=1,
    ),
]
