"""`python -m benchmarks.figures`: the figures this project set out to reach, each a ratio within one run.

    python -m benchmarks.figures                          every row, on this interpreter
    python -m benchmarks.figures --row map_now --row http some of them
    python -m benchmarks.figures --python python3.11 --python python3.13
    python -m benchmarks.figures --quick                  one repeat each
    python -m benchmarks.figures --json figures.json

Exits with 1 if a target is missed.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.rows import BY_NAME, ROWS, Row
from benchmarks.runner import CellFailed, Spread, http_server, interleaved

_VERDICTS = {True: "reached", False: "MISSED", None: ""}


@dataclass(frozen=True)
class Figure:
    """One published number with its verdict; `spread` is None where the row failed."""

    row: str
    measure: str
    text: str
    python: str
    bound: str
    target: float | None
    unit: str
    spread: Spread | None
    reached: bool | None
    error: str = ""

    @property
    def value(self) -> str:
        if self.spread is None:
            return f"failed: {self.error.splitlines()[-1] if self.error else ''}"
        unit = self.unit if self.unit in {"x", "%"} else f" {self.unit}"
        low, middle, high = (_number(value) for value in (self.spread.low, self.spread.median, self.spread.high))
        return f"{middle}{unit}".strip() + f" ({low} to {high})"

    @property
    def goal(self) -> str:
        if self.target is None:
            return ""
        unit = self.unit if self.unit in {"x", "%"} else f" {self.unit}"
        return f"{'≥' if self.bound == '>=' else '≤'} {_number(self.target)}{unit}".strip()

    @property
    def verdict(self) -> str:
        return "FAILED" if self.spread is None else _VERDICTS[self.reached]


def _number(value: float) -> str:
    if value == int(value) or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}"


def version_of(python: str) -> str:
    """`3.13.0` for the interpreter at `python`."""
    code = "import platform; print(platform.python_version())"
    return subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def figures_of(row: Row, python: str, repeats: int) -> list[Figure]:
    """Run the row's cells in turns and judge every check on the median of its repeats."""
    version = version_of(python)
    errors = ""
    results: dict[str, list[dict[str, Any]]] = {}
    with ExitStack() as stack:
        cells = dict(row.cells)
        try:
            if any(spec.work == "http" for spec in cells.values()):
                url = stack.enter_context(http_server(python))
                cells = {label: replace(spec, url=url) for label, spec in cells.items()}
            results = interleaved(cells, repeats, python)
        except CellFailed as error:
            errors = str(error)
    figures = []
    for check in row.checks:
        spread = reached = None
        if results:
            one_by_one = [{label: results[label][i] for label in results} for i in range(repeats)]
            spread = Spread.of([check.value(one) for one in one_by_one])
            reached = check.holds(spread.median)
        figures.append(
            Figure(
                row.name,
                row.measure,
                check.text,
                version,
                check.bound,
                check.target,
                check.unit,
                spread,
                reached,
                errors,
            )
        )
    return figures


def run_rows(names: list[str], pythons: list[str], quick: bool) -> list[Figure]:
    """Every row on every interpreter in turn, telling each as it comes."""
    figures: list[Figure] = []
    for name in names:
        row = BY_NAME[name]
        for python in pythons:
            began = time.perf_counter()
            made = figures_of(row, python, 1 if quick else row.repeats)
            figures += made
            print(f"{made[0].python}  {row.name}: {row.measure}  [{time.perf_counter() - began:.0f} s]", flush=True)
            for figure in made:
                print(f"    {figure.verdict:8} {figure.value:32} {figure.goal:10} {figure.text}", flush=True)
    return figures


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.figures", description="The figures to reach, measured.")
    parser.add_argument("--row", action="append", choices=[row.name for row in ROWS], help="only this row; repeatable")
    parser.add_argument("--python", action="append", help="interpreter to measure on; repeatable (default: this one)")
    parser.add_argument("--quick", action="store_true", help="one repeat of each")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    options = parse(arguments)
    figures = run_rows(options.row or [row.name for row in ROWS], options.python or [sys.executable], options.quick)
    if options.json:
        options.json.write_text(json.dumps([asdict(figure) for figure in figures], indent=1) + "\n", encoding="utf-8")
    missed = [figure for figure in figures if figure.spread is None or figure.reached is False]
    print(f"{len(figures)} figures, {len(missed)} missed")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
