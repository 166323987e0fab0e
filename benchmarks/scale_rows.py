"""The figures of `executor=`."""

from __future__ import annotations

from benchmarks.cell import Spec
from benchmarks.row import Check, Row, number, ratio

TINY, KILLED = 20_000, 50

ROWS = [
    Row(
        "processes",
        "3,000 inputs of 1 ms of processor time each, over two processes and in one; the pool is there already",
        {
            "one": Spec("one_process", "", "spin(1ms)", n=3000),
            "two": Spec("processes", "", "spin(1ms)", n=3000),
        },
        (Check("times one process", ratio("one", "two"), ">=", 1.8),),
    ),
    Row(
        "processes_tiny",
        f"{TINY:,} inputs that return at once over two processes, `limit=1000`, start and end of the pool included",
        {
            "corral": Spec("end_to_end", "", "at_once", n=TINY),
            "aiomultiprocess": Spec("aiomultiprocess", "", "at_once", n=TINY),
            "raised": Spec("aiomultiprocess", "raised", "at_once", n=TINY),
        },
        (
            Check(
                "times aiomultiprocess, as its documentation says",
                ratio("corral", "aiomultiprocess", "rate"),
                ">=",
                100,
            ),
            Check("times aiomultiprocess with `childconcurrency=500`", ratio("corral", "raised", "rate")),
            Check("inputs a second", number("corral", "rate"), unit="/s"),
        ),
        repeats=1,
    ),
    Row(
        "processes_killed",
        f"a worker of a pool of two is killed in the middle of a call, {KILLED} times",
        {"killed": Spec("killed", "", n=KILLED)},
        (
            Check("clear errors", number("killed", "clear"), ">=", KILLED, ""),
            Check("hangs", number("killed", "hangs"), "<=", 0, ""),
        ),
        repeats=1,
    ),
]
