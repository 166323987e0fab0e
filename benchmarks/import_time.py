"""How long `import corral` takes beside `import asyncio`, each in new processes, in turn: `python benchmarks/import_time.py`.

The figure to reach: at most 1.5 times. The clock starts after the interpreter has; bytecode is cached by a first run.
"""

import json
import platform
import statistics
import subprocess
import sys

REPEATS = 25
PROGRAM = "from time import perf_counter as now; start = now(); import {}; print(now() - start)"


def seconds(module: str) -> float:
    """Of one import, in a process of its own."""
    run = subprocess.run([sys.executable, "-c", PROGRAM.format(module)], capture_output=True, text=True, check=True)
    return float(run.stdout)


def main() -> None:
    modules = ["asyncio", "corral"]
    for module in modules:
        seconds(module)
    taken = {module: [] for module in modules}
    for _ in range(REPEATS):
        for module in modules:
            taken[module].append(seconds(module))
    medians = {module: round(statistics.median(times) * 1000, 2) for module, times in taken.items()}
    ratio = round(medians["corral"] / medians["asyncio"], 2)
    print(json.dumps({"python": platform.python_version(), "milliseconds": medians, "ratio": ratio}))


if __name__ == "__main__":
    main()
