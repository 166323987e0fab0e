"""The figures of `corral run`."""

from __future__ import annotations

from benchmarks.cell import Spec
from benchmarks.row import MB, MILLION, Check, Row, excess, number

ROWS = [
    Row(
        "job",
        "`corral run` over `range:1000000`, inputs that return at once, results on disk, from start to end of the process",
        {"job": Spec("job", "", "at_once", n=MILLION)},
        (
            Check("inputs a second", lambda one: MILLION / one["job"]["seconds"], ">=", 100_000, "/s"),
            Check("peak memory of the process", number("job", "peak", 1 / MB), "<=", 150, "MB"),
        ),
        repeats=3,
    ),
    Row(
        "job_memory",
        "`corral run`, peak memory at 10^7 inputs above that at 10^6",
        {label: Spec("job", "", "at_once", n=n) for label, n in (("1e6", 10**6), ("1e7", 10**7))},
        (Check("more", excess("1e7", "1e6"), "<=", 10, "MB"),),
        repeats=1,
    ),
    Row(
        "job_resume",
        "`corral run` gone on with, 900,000 of 1,000,000 recorded and a torn line: from its start to the first new input",
        {"resume": Spec("resume", "", "at_once", n=MILLION)},
        (
            Check("seconds", number("resume", "first"), "<=", 3, "s"),
            Check("peak memory of the process", number("resume", "peak", 1 / MB), unit="MB"),
        ),
        repeats=3,
    ),
]
