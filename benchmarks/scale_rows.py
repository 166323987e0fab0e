"""The figures of `executor=`."""

from __future__ import annotations

from benchmarks.cell import Spec
from benchmarks.row import Check, Row, number, ratio
from benchmarks.scale_cell import KINDS

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
            f"{name}, {kind}": Spec(mode, kind, "at_once", n=TINY)
            for name, mode in (("corral", "end_to_end"), ("aiomultiprocess", "aiomultiprocess"))
            for kind in KINDS
        },
        (
            Check(
                "times aiomultiprocess, results taken one by one",
                ratio("corral, one by one", "aiomultiprocess, one by one", "rate"),
                ">=",
                100,
            ),
            Check("times aiomultiprocess, results as a list", ratio("corral, list", "aiomultiprocess, list", "rate")),
            Check("inputs a second, one by one", number("corral, one by one", "rate"), unit="/s"),
            Check("inputs a second, as a list", number("corral, list", "rate"), unit="/s"),
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
