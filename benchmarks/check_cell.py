"""The cells of `corral check` and `corral lsp`: the commands as they are typed, ruff beside them on the same tree."""

from __future__ import annotations

import itertools
import os
import resource
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from benchmarks.cell import Spec
    from benchmarks.inputs import Work

TURNS = 3
PROCESSORS = 2
LINES = 2000
KEYSTROKES = 60
# The scripts that are installed, as somebody types them.
CORRAL = [str(Path(sys.executable).with_name("corral")), "check", "--quiet"]
RUFF = [str(Path(sys.executable).with_name("ruff")), "check", "--isolated", "--select", "RUF006", "--quiet"]
# By contender: the command, and whether an earlier run may have left it a cache.
COMMANDS = {
    "ruff": [*RUFF, "--no-cache", "--output-format", "concise", "."],
    "corral": [*CORRAL, "--no-cache", "--format", "concise", "--workers", str(PROCESSORS), "."],
    "ruff_warm": [*RUFF, "--output-format", "concise", "."],
    "corral_warm": [*CORRAL, "--format", "concise", "--workers", str(PROCESSORS), "."],
}


def sources() -> Iterator[bytes]:
    """The Python files of the standard library and of what is installed, in a fixed order, over and over."""
    top = Path(sysconfig.get_path("stdlib"))
    paths = sorted({*top.rglob("*.py"), *Path(sysconfig.get_path("purelib")).rglob("*.py")})
    return (path.read_bytes() for path in itertools.cycle(paths))


def grow(root: Path, n: int) -> None:
    """A tree of `n` files in folders of 50, none of which git or a default leaves out."""
    for number, data in zip(range(n), sources(), strict=False):
        folder = root / f"package{number // 50}"
        folder.mkdir(exist_ok=True)
        (folder / f"module{number}.py").write_bytes(data)


def timed(command: list[str], root: Path) -> tuple[float, float]:
    """Wall and processor seconds of the command, its children included; findings are no failure."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, cwd=root, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
    seconds, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode not in {0, 1}:
        raise AssertionError(f"{command} ended with {done.returncode}: {done.stderr.decode()}")
    return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


async def measure_check(spec: Spec, _: Work) -> dict[str, Any]:
    """Each command in turns over one tree, on two processors; the median of each, in wall and in processor seconds."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:PROCESSORS])
    with tempfile.TemporaryDirectory(prefix="corral-bench-") as name:
        root = Path(name)
        grow(root, spec.n)
        for command in COMMANDS.values():
            timed(command, root)
        turns = [{label: timed(command, root) for label, command in COMMANDS.items()} for _ in range(TURNS)]
    return {
        f"{label}{suffix}": statistics.median(turn[label][at] for turn in turns)
        for label in COMMANDS
        for at, suffix in enumerate(("", "_cpu"))
    }


async def measure_keystroke(_: Spec, __: Work) -> dict[str, Any]:
    """Milliseconds from a change sent to its diagnostics read, in a file of asyncio's own code cut or filled to 2,000 lines."""
    from tests.check.lsp.editor import Editor

    code = (Path(sysconfig.get_path("stdlib")) / "asyncio" / "base_events.py").read_text(encoding="utf-8").splitlines()
    last = max(at for at in range(min(LINES - 10, len(code))) if code[at].startswith("    def "))
    text = "\n".join([*code[:last], *["    # filled"] * (LINES - last - 1), ""])
    with tempfile.TemporaryDirectory(prefix="corral-bench-") as name, Editor(Path(name)) as editor:
        editor.open("a.py", text)
        editor.diagnostics("a.py")
        waits: list[float] = []
        for number in range(KEYSTROKES):
            time.sleep(0.1)  # somebody who types does not type without a pause
            began = time.perf_counter()
            editor.type("a.py", f"{text}# {number}\n")
            editor.diagnostics("a.py")
            waits.append(1000 * (time.perf_counter() - began))
    return {"keystroke": statistics.median(waits), "keystroke_p90": sorted(waits)[KEYSTROKES * 9 // 10]}
