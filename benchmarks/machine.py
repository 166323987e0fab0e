"""Where and with what a run was made: enough to judge the numbers, nothing that names a host or a path."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from benchmarks.contenders import ALL
from benchmarks.runner import ROOT

_CPUINFO = Path("/proc/cpuinfo")
_MEMINFO = Path("/proc/meminfo")


def cpu_model() -> str:
    """The processor's own name, as far as the system tells it."""
    if _CPUINFO.exists():
        for line in _CPUINFO.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def memory_gb() -> int | None:
    """Gigabytes of main memory."""
    if not _MEMINFO.exists():
        return None
    return round(int(_MEMINFO.read_text(encoding="utf-8").split()[1]) / 1e6)


def commit() -> str:
    """The commit that was measured, marked when the tree had changes."""
    described = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--exclude=*"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return described.stdout.strip() or "unknown"


def versions() -> dict[str, str]:
    """The version of each contender that is not the standard library, and of what runs under it."""
    names = ["uvloop", "aiohttp", *(contender.package for contender in ALL if contender.package)]
    found = {}
    for name in dict.fromkeys(names):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def describe() -> dict[str, object]:
    """Everything a reader needs beside the numbers."""
    return {
        "cpu": cpu_model(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gb": memory_gb(),
        "system": platform.system(),
        "python": platform.python_version(),
        "commit": commit(),
        "versions": versions(),
    }
