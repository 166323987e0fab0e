"""`python -m benchmarks`: measure everything in one run, and write the tables and plots of the docs.

python -m benchmarks                     everything (about 45 minutes on two cores): writes docs/
python -m benchmarks --python python3.11 --python python3.13   the figures on each of these
python -m benchmarks --once              the same, each cell measured once: writes docs/
python -m benchmarks --quick             a smaller grid, one repeat (about 4 minutes): writes nothing
python -m benchmarks --only "sleep(0)" --only figures          parts: writes nothing
python -m benchmarks --out FOLDER        write into FOLDER instead of docs/, whatever was run
python -m benchmarks --render            write docs/ again from the last run that was written there
python -m benchmarks --render --figures FILE   the same, with the figures that benchmarks.figures --json FILE has measured
"""

from __future__ import annotations

import argparse
import json
import shlex
import shutil
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks import grid, machine, report
from benchmarks.figures import Figure, run_rows
from benchmarks.rows import ROWS
from benchmarks.runner import ROOT, Spread

DOCS = ROOT / "docs"
RESULTS = "plots/results.json"
PAGE = "benchmarks.md"
WORKS = list(dict.fromkeys(work for _, work in grid.FULL))


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Corral and its peers, measured in one run."
    )
    parser.add_argument("--quick", action="store_true", help="smaller grid, one repeat, about four minutes")
    parser.add_argument("--once", action="store_true", help="the whole grid, one repeat")
    parser.add_argument(
        "--only", action="append", choices=[*WORKS, "figures", "failures"], help="only this part; repeatable"
    )
    parser.add_argument("--python", action="append", help="interpreter for the figures; repeatable (default: this one)")
    parser.add_argument("--out", type=Path, help="folder to write to (default: docs/ after a full run, else nowhere)")
    parser.add_argument("--render", action="store_true", help="measure nothing, write again what was measured last")
    parser.add_argument("--figures", type=Path, help="with --render: take the figures from this file")
    return parser.parse_args(arguments)


def tell(line: str) -> None:
    print(line, flush=True)


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Everything that was asked for, as one JSON object."""
    began = time.perf_counter()
    parts = options.only or [*WORKS, "figures", "failures"]
    all_sizes = grid.QUICK if options.quick else grid.FULL
    sizes = {key: ns for key, ns in all_sizes.items() if key[1] in parts}
    pythons = options.python or [sys.executable]
    names = [row.name for row in ROWS] if "figures" in parts else []
    once = options.quick or options.once
    figures = run_rows(names, pythons, once)
    points = grid.measure_grid(sizes, 1 if once else grid.REPEATS, tell)
    failures = grid.measure_failures(tell) if "failures" in parts else []
    command = ["python", "-m", "benchmarks", *(["--quick"] if options.quick else ["--once"] if options.once else [])]
    command += [word for part in options.only or [] for word in ("--only", part)]
    return {
        "machine": machine.describe() | {"command": shlex.join(command), "minutes": (time.perf_counter() - began) / 60},
        "figures": [asdict(figure) for figure in figures],
        "points": [asdict(point) for point in points],
        "failures": failures,
    }


def spread(value: dict[str, float] | None) -> Spread | None:
    return Spread(**value) if value else None


def read(results: dict[str, Any]) -> tuple[list[grid.Point], list[Figure]]:
    """The points and the figures that were made into JSON."""
    figures = [Figure(**{**figure, "spread": spread(figure["spread"])}) for figure in results["figures"]]
    measured = ("seconds", "peak", "freeze")
    points = [grid.Point(**{**point, **{key: spread(point[key]) for key in measured}}) for point in results["points"]]
    return points, figures


def with_figures(results: dict[str, Any], path: Path) -> dict[str, Any]:
    """The same run with the figures of a file, and the command that made them."""
    figures = json.loads(path.read_text(encoding="utf-8"))
    spreads = [spread(figure["spread"]) for figure in figures]
    quick = " --quick" if all(each is None or each.low == each.high for each in spreads) else ""
    command = results["machine"]["command"].partition(";")[0]
    machine = results["machine"] | {"command": f"{command}; python -m benchmarks.figures{quick} --json FILE"}
    return results | {"figures": figures, "machine": machine}


def write(results: dict[str, Any], out: Path) -> None:
    """The page, the plots and the raw numbers."""
    points, figures = read(results)
    (out / "plots").mkdir(parents=True, exist_ok=True)
    (out / RESULTS).write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    if not (out / PAGE).exists():
        shutil.copy(DOCS / PAGE, out / PAGE)
    report.write_into(out / PAGE, report.sections(points, figures, results["failures"], results["machine"]))
    if any((point.loop, point.work) == ("asyncio", grid.PLOTTED) for point in points):
        from benchmarks import plots  # who only reads what was measured needs no matplotlib

        plots.draw(points, out / "plots", results["machine"]["python"])
    tell(f"written: {PAGE}, plots/")


def main(arguments: list[str] | None = None) -> int:
    options = parse(arguments)
    if options.render:
        results = json.loads((DOCS / RESULTS).read_text(encoding="utf-8"))
        write(with_figures(results, options.figures) if options.figures else results, options.out or DOCS)
        return 0
    results = measure(options)
    whole = not options.quick and not options.only
    if options.out or whole:
        write(results, options.out or DOCS)
    else:
        points, figures = read(results)
        tell(report.sections(points, figures, results["failures"], results["machine"]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
