"""The figures this project set out to reach: what each compares, in which cells, and the target."""

from __future__ import annotations

from benchmarks import check_rows, guard_rows, job_rows, scale_rows
from benchmarks.cell import IMPORT, Spec
from benchmarks.row import MILLION, Check, One, Row, excess, number, ratio, runs

SLEEPERS, SLEEP_S, SLEEP_LIMIT = 20_000, 0.05, 1000
IDEAL_S = SLEEPERS * SLEEP_S / SLEEP_LIMIT


ROWS = [
    Row(
        "map_now",
        "`map_tg`, a million that return at once, `limit=1000`",
        runs("at_once", "map_tg", "asyncio.gather", "sequential await"),
        (
            Check("times faster than `asyncio.gather`", ratio("asyncio.gather", "map_tg"), ">=", 18),
            Check("times the bare sequential `await` loop", ratio("map_tg", "sequential await"), "<=", 5),
            Check("microseconds per input", number("map_tg", "seconds"), unit="µs"),
        ),
    ),
    Row(
        "map_sleep0",
        "`map_tg`, a million of `sleep(0)`, `limit=1000`",
        runs("sleep(0)", "map_tg", "asyncio.gather", "gather + Semaphore", "worker loop"),
        (
            Check("times faster than `asyncio.gather`", ratio("asyncio.gather", "map_tg"), ">=", 7),
            Check("times faster than gather + Semaphore", ratio("gather + Semaphore", "map_tg"), ">=", 12),
            Check("times the bare worker loop", ratio("map_tg", "worker loop"), "<=", 1.5),
            Check("microseconds per input", number("map_tg", "seconds"), unit="µs"),
        ),
        repeats=3,
    ),
    Row(
        "map_worker",
        "`map_tg` beside the bare worker loop alone, a million of `sleep(0)`, `limit=1000`",
        runs("sleep(0)", "map_tg", "worker loop"),
        (Check("times the bare worker loop", ratio("map_tg", "worker loop"), "<=", 1.5),),
        repeats=7,
    ),
    Row(
        "gather_now",
        "`gather_tg(*coros)`, a million that return at once, coroutines made inside the measurement",
        runs("at_once", "gather_tg", "asyncio.gather"),
        (
            Check("times faster than `asyncio.gather`", ratio("asyncio.gather", "gather_tg"), ">=", 5),
            Check("of its peak memory", ratio("gather_tg", "asyncio.gather", "peak"), "<=", 0.5),
        ),
    ),
    Row(
        "gather_ready",
        "`gather_tg(*coros)`, the same from the moment its arguments exist",
        {name: Spec("ready", name, n=MILLION) for name in ("gather_tg", "asyncio.gather")},
        (
            Check("times faster than `asyncio.gather`", ratio("asyncio.gather", "gather_tg")),
            Check("longest freeze of the loop", number("gather_tg", "freeze", 1000), "<=", 350, "ms"),
            Check("longest freeze under `asyncio.gather`", number("asyncio.gather", "freeze", 1000), unit="ms"),
        ),
    ),
    Row(
        "three_now",
        "`gather_tg` of 3 coroutines that return at once, from call to result",
        {"three": Spec("three", "", "at_once", seconds=2.0)},
        (Check("times the blog's helper", lambda one: one["three"]["ours"] / one["three"]["helper"], "<=", 1.1),),
    ),
    Row(
        "three_sleep0",
        "`gather_tg` of 3 coroutines that suspend once, from call to result",
        {"three": Spec("three", "", "sleep(0)", seconds=2.0)},
        (Check("times the blog's helper", lambda one: one["three"]["ours"] / one["three"]["helper"], "<=", 1.2),),
    ),
    Row(
        "stream",
        "`stream_tg` from a generator, ordered, 100,000 of `sleep(0)`, outcomes dropped, `limit=1000`",
        {name: Spec("stream", name, "sleep(0)", n=100_000) for name in ("stream_tg", "streamable", "aiostream")},
        (
            Check("times faster than streamable", ratio("streamable", "stream_tg"), ">=", 2),
            Check("times faster than aiostream", ratio("aiostream", "stream_tg"), ">=", 20),
            Check("microseconds per input", number("stream_tg", "seconds", 10), unit="µs"),
        ),
        repeats=3,
    ),
    Row(
        "stream_memory",
        "`stream_tg` from a generator, outcomes dropped: peak memory at 10^7 inputs above that at 10^5",
        {label: Spec("stream", "stream_tg", "sleep(0)", n=n) for label, n in (("1e5", 10**5), ("1e7", 10**7))},
        (Check("more", excess("1e7", "1e5"), "<=", 5, "MB"),),
        repeats=1,
    ),
    Row(
        "map_memory",
        "`map_tg`, peak memory above the list of results alone, a million inputs",
        runs("at_once", "map_tg", "sequential await") | {"sleep(0)": Spec("run", "map_tg", "sleep(0)", n=MILLION)},
        (
            Check("more, inputs that return at once", excess("map_tg", "sequential await"), "<=", 10, "MB"),
            Check("more, inputs of `sleep(0)`", excess("sleep(0)", "sequential await"), "<=", 10, "MB"),
        ),
        repeats=3,
    ),
    Row(
        "freeze",
        "longest freeze of the loop, a million inputs, `limit=1000`",
        {
            "map_tg at_once": Spec("run", "map_tg", "at_once", n=MILLION),
            "map_tg sleep(0)": Spec("run", "map_tg", "sleep(0)", n=MILLION),
            "stream_tg at_once": Spec("stream", "stream_tg", "at_once", n=MILLION),
            "stream_tg sleep(0)": Spec("stream", "stream_tg", "sleep(0)", n=MILLION),
        },
        tuple(
            Check(f"`{verb}`, {work}", number(f"{verb} {work}", "freeze", 1000), "<=", 30, "ms")
            for verb in ("map_tg", "stream_tg")
            for work in ("at_once", "sleep(0)")
        ),
    ),
    Row(
        "sleep_rate",
        "20,000 of `sleep(0.05)` at `limit=1000`",
        runs("sleep(0.05)", "map_tg", "worker loop", n=SLEEPERS, limit=SLEEP_LIMIT),
        (
            Check("of the ideal rate", lambda one: 100 * IDEAL_S / one["map_tg"]["seconds"], ">=", 95, "%"),
            Check("the worker loop's", lambda one: 100 * IDEAL_S / one["worker loop"]["seconds"], unit="%"),
        ),
    ),
    Row(
        "idle_cpu",
        "processor time while 1,000 inputs sleep for 2 s",
        runs("sleep(2)", "map_tg", "asyncio.gather", n=1000, heartbeat=False),
        (Check("times `asyncio.gather`", ratio("map_tg", "asyncio.gather", "cpu"), "<=", 1.2),),
        repeats=15,  # of two seconds some twenty milliseconds are work: one in three is half as much again
    ),
    Row(
        "http",
        "20,000 HTTP GETs on loopback at `limit=200`",
        runs("http", "map_tg", "gather + Semaphore", n=20_000, limit=200),
        (
            Check("times gather + Semaphore", ratio("map_tg", "gather + Semaphore"), "<=", 1.0),
            Check("requests per second", lambda one: 20_000 / one["map_tg"]["seconds"], unit="/s"),
        ),
    ),
    Row(
        "workers",
        "tasks started per million inputs: is the reuse of workers alive?",
        {
            "at_once": Spec("tasks", "map_tg", "at_once", n=MILLION),
            "sleep(0)": Spec("tasks", "map_tg", "sleep(0)", n=MILLION),
            "stream": Spec("tasks", "stream_tg", "sleep(0)", n=100_000),
        },
        (
            Check("`map_tg`, at once", number("at_once", "per_million"), "<=", 10, ""),
            Check("`map_tg`, `sleep(0)`, `limit=1000`", number("sleep(0)", "per_million"), "<=", 2000, ""),
            Check("`stream_tg`, `sleep(0)`, 100,000 inputs", number("stream", "tasks"), "<=", 2000, ""),
        ),
        repeats=1,
    ),
    Row(
        "progress",
        "the bar of `map_tg(progress=True)`",
        runs("at_once", "map_tg", "map_tg, bar")
        | {f"{name} sleep(0)": spec for name, spec in runs("sleep(0)", "map_tg", "map_tg, bar").items()},
        (
            Check("more time, `sleep(0)`", lambda one: percent(one, " sleep(0)"), "<=", 5, "%"),
            Check("more time, at once", lambda one: percent(one, ""), "<=", 5, "%"),
        ),
    ),
    Row(
        IMPORT,
        "time of `import corral`",
        {"corral": Spec(IMPORT, "corral"), "asyncio": Spec(IMPORT, "asyncio")},
        (
            Check("times `import asyncio`, which it needs", ratio("corral", "asyncio"), "<=", 1.5),
            Check(
                "milliseconds more",
                lambda one: 1000 * (one["corral"]["seconds"] - one["asyncio"]["seconds"]),
                unit="ms",
            ),
        ),
        repeats=15,
    ),
    *job_rows.ROWS,
    *guard_rows.ROWS,
    *scale_rows.ROWS,
    *check_rows.ROWS,
]
BY_NAME = {row.name: row for row in ROWS}


def percent(one: One, suffix: str) -> float:
    """What the bar costs, in percent of the call without it."""
    without, with_bar = one[f"map_tg{suffix}"]["seconds"], one[f"map_tg, bar{suffix}"]["seconds"]
    return 100 * (float(with_bar) / float(without) - 1)
