"""Every contender, on every kind of input, at every size, on both loops."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from benchmarks.cell import Spec
from benchmarks.contenders import ALL
from benchmarks.runner import CellFailed, Spread, http_server, run_cell

REPEATS = 3
# A cell that takes longer than this is run once: what it shows does not hang on a tenth of a second.
ONCE_ABOVE_S = 4.0
NEVER_ABOVE_S = {"asyncio": 45.0, "uvloop": 10.0}
SHORT_N = 1000
SHORT_S = 0.12
LIMITS = {"http": 200}
LIMIT = 1000
PLOTTED = "sleep(0)"

Sizes = dict[tuple[str, str], list[int]]
FULL: Sizes = {
    ("asyncio", "at_once"): [10, 1_000, 100_000, 1_000_000],
    ("asyncio", "sleep(0)"): [10, 1_000, 100_000, 1_000_000],
    ("asyncio", "sleep(0.05)"): [10, 1_000, 100_000],
    ("asyncio", "http"): [10, 1_000, 10_000],
    ("uvloop", "at_once"): [1_000, 100_000, 1_000_000],
    ("uvloop", "sleep(0)"): [1_000, 100_000, 1_000_000],
    ("uvloop", "sleep(0.05)"): [1_000],
    ("uvloop", "http"): [1_000],
}
QUICK: Sizes = {
    ("asyncio", "at_once"): [1_000, 10_000],
    ("asyncio", "sleep(0)"): [1_000, 10_000],
    ("asyncio", "http"): [1_000],
}


@dataclass
class Point:
    """One contender at one size.

    Args:
        contender: A name of `benchmarks.contenders`.
        seconds: Of one call; None where it was not run.
        peak: Bytes of memory above the baseline.
        freeze: Seconds of the longest freeze; None for calls too short to have one.
        skipped: Why there is no number.
    """

    loop: str
    work: str
    n: int
    contender: str
    runs: int = 0
    seconds: Spread | None = None
    peak: Spread | None = None
    freeze: Spread | None = None
    skipped: str = ""


def _spec(point: Point, url: str | None) -> Spec:
    limit = LIMITS.get(point.work, LIMIT)
    if point.n <= SHORT_N:
        return Spec("repeated", point.contender, point.work, point.n, limit, point.loop, url=url, seconds=SHORT_S)
    return Spec("run", point.contender, point.work, point.n, limit, point.loop, url=url)


def _summary(point: Point, results: list[dict[str, Any]]) -> None:
    point.runs = len(results)
    point.seconds = Spread.of([result["seconds"] for result in results])
    point.peak = Spread.of([result["peak"] for result in results])
    if all("freeze" in result for result in results):
        point.freeze = Spread.of([result["freeze"] for result in results])


def measure_size(points: list[Point], expected: dict[str, float], repeats: int, url: str | None) -> None:
    """All contenders at one size, in turns; fills the points, and `expected` for the next size."""
    results: dict[str, list[dict[str, Any]]] = {point.contender: [] for point in points}
    for repeat in range(repeats):
        shift = repeat % len(points)
        for point in points[shift:] + points[:shift]:
            guess = expected.get(point.contender, 0.0) * point.n
            if guess > NEVER_ABOVE_S[point.loop]:
                point.skipped = f"would take about {guess:.0f} s"
            if point.skipped or (repeat and results[point.contender][0]["seconds"] > ONCE_ABOVE_S):
                continue
            try:
                results[point.contender].append(run_cell(_spec(point, url)))
            except CellFailed as error:
                point.skipped = f"failed: {str(error).splitlines()[-1]}"
    for point in points:
        if results[point.contender] and not point.skipped:
            _summary(point, results[point.contender])
            assert point.seconds is not None
            expected[point.contender] = point.seconds.median / point.n


def measure_grid(sizes: Sizes, repeats: int, tell: Callable[[str], None]) -> list[Point]:
    """Every point of `sizes`."""
    points: list[Point] = []
    for (loop, work), ns in sizes.items():
        expected = {"sequential await": 0.05} if work == "sleep(0.05)" else {}
        with ExitStack() as stack:
            url = stack.enter_context(http_server(sys.executable)) if work == "http" else None
            for n in ns:
                began = time.perf_counter()
                row = [Point(loop, work, n, contender.name) for contender in ALL]
                measure_size(row, expected, repeats, url)
                points += row
                tell(f"{loop:8} {work:12} n={n:<9,} [{time.perf_counter() - began:.0f} s]")
    return points


def measure_failures(tell: Callable[[str], None]) -> list[dict[str, Any]]:
    """What each contender leaves running when the first of 100 inputs fails while ten at a time may run."""
    found = []
    for contender in ALL:
        try:
            result = run_cell(Spec("failure", contender.name, n=100, limit=10))
        except CellFailed as error:
            result = {"left": None, "ran_on": None, "raised": str(error).splitlines()[-1]}
        found.append({"contender": contender.name, **result})
    tell("failures: done")
    return found
