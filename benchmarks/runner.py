"""Starts cells, one process at a time, in turns: whatever else the machine does, it does to every contender alike."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.cell import IMPORT, Spec

ROOT = Path(__file__).resolve().parent.parent
CELL_TIMEOUT_S = 600
_IMPORT_TIME = """
import json, time
began = time.perf_counter()
import {module}
print(json.dumps({{"seconds": time.perf_counter() - began}}))
"""
Results = dict[str, list[dict[str, Any]]]


class CellFailed(RuntimeError):
    """A cell that ended without a result; the message is the end of its traceback."""


def run_cell(spec: Spec, python: str = sys.executable) -> dict[str, Any]:
    """One measurement in a fresh interpreter.

    Fails: `CellFailed` with what the cell wrote, when it crashed, gave wrong results or took longer than ten minutes.
    """
    command = [python, "-m", "benchmarks.cell", spec.argument()]
    if spec.mode == IMPORT:
        command = [python, "-c", _IMPORT_TIME.format(module=spec.contender)]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=CELL_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise CellFailed(f"{spec.contender} {spec.work} n={spec.n}: more than {CELL_TIMEOUT_S} s") from error
    if done.returncode != 0:
        raise CellFailed(f"{spec.contender} {spec.work} n={spec.n}: {done.stderr.strip()[-2000:]}")
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def interleaved(specs: Mapping[str, Spec], repeats: int, python: str = sys.executable) -> Results:
    """Every cell once, then every cell again in another order: never all repeats of one and then of the next."""
    results: Results = {label: [] for label in specs}
    labels = list(specs)
    for repeat in range(repeats):
        shift = repeat % len(labels)
        for label in labels[shift:] + labels[:shift]:
            results[label].append(run_cell(specs[label], python))
    return results


@dataclass(frozen=True)
class Spread:
    """The middle of several repeats, and how far they lay apart."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: list[float]) -> Spread:
        return cls(statistics.median(values), min(values), max(values))


@contextmanager
def http_server(python: str = sys.executable) -> Iterator[str]:
    """The address of a `benchmarks.http_server` in its own process, which ends with the block."""
    server = subprocess.Popen(
        [python, "-m", "benchmarks.http_server"], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with server:
        try:
            assert server.stdout is not None
            url = server.stdout.readline().strip()
            if not url:
                raise CellFailed("the http server did not start: is aiohttp installed?")
            yield url
        finally:
            assert server.stdin is not None
            server.stdin.close()
            try:
                server.wait(timeout=10)
            except subprocess.TimeoutExpired:
                server.kill()
