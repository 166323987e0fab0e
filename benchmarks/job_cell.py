"""The cells of `corral run`: the command as it is typed, in a process and a folder of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from benchmarks.cell import Spec
    from benchmarks.inputs import Work

# A resumed cell runs the command twice, and must fail by itself before its own ten minutes are over: only it can end the command.
ENDS_WITHIN_S = 280
FUNCTIONS = {"at_once": "at_once", "sleep(0)": "suspends"}
# The command itself, and then what the kernel says its memory was at its highest.
_COMMAND = """
import sys
from corral.cli import main
status = main(["run", *sys.argv[1:]])
from corral.cli.demo_meter import peak_bytes
print(peak_bytes(), file=sys.stderr)
sys.exit(status)
"""


def corral_run(spec: Spec, folder: Path, n: int) -> dict[str, Any]:
    """Runs `n` inputs into `results.jsonl`; what the summary says, the seconds of the whole process, and its peak memory."""
    function = f"{Path(__file__).with_name('job_work.py')}:{FUNCTIONS[spec.work]}"
    arguments = [function, f"range:{n}", "--limit", str(spec.limit), "--loop", spec.loop, "--json"]
    began = time.time()
    done = subprocess.run(
        [sys.executable, "-c", _COMMAND, *arguments],
        cwd=folder,
        env={**os.environ, "FIRST_CALL": str(folder / "first")},
        capture_output=True,
        text=True,
        check=False,
        timeout=ENDS_WITHIN_S,
    )
    if done.returncode != 0:
        raise AssertionError(f"corral run ended with {done.returncode}: {done.stderr}")
    summary = json.loads(done.stdout)
    if summary["ok"] != n:
        raise AssertionError(f"wrong results: {summary['ok']} of {n}")
    first = float((folder / "first").read_text()) - began
    return {"seconds": time.time() - began, "peak": int(done.stderr.split()[-1]), "first": first, "ran": summary["ran"]}


async def measure_job(spec: Spec, _: Work) -> dict[str, Any]:
    """From the start of the process to its end, results on disk; interpreter and imports are in it."""
    with tempfile.TemporaryDirectory(prefix="corral-bench-") as name:
        return corral_run(spec, Path(name), spec.n)


async def measure_resume(spec: Spec, _: Work) -> dict[str, Any]:
    """Nine tenths are recorded, as by a run that was killed there: `first` is when the first new input starts."""
    with tempfile.TemporaryDirectory(prefix="corral-bench-") as name:
        folder = Path(name)
        corral_run(spec, folder, spec.n)
        results = folder / "results.jsonl"
        with results.open("rb") as file:
            kept = sum(len(next(file)) for _ in range(spec.n * 9 // 10))
        os.truncate(results, kept + 10)  # and a torn line
        result = corral_run(spec, folder, spec.n)
    if result["ran"] != spec.n - spec.n * 9 // 10:
        raise AssertionError(f"the resumed run ran {result['ran']} inputs")
    return result
