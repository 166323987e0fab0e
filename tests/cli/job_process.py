"""`corral run` as a process of its own: started, watched, and at the end of the test killed with all that it has started."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from tests.cli.command import PROCESS
from tests.job import functions
from tests.job import records as job_records

CORRAL = [*PROCESS, "run"]


def fn(name: str) -> str:
    """A function of the tests, as it is given on the command line."""
    return f"{functions.__file__}:{name}"


class Starter:
    """Starts the command in the current folder, each time in a process group of its own."""

    def __init__(self) -> None:
        self._started: list[subprocess.Popen[str]] = []

    def __call__(self, *arguments: object, **options: object) -> subprocess.Popen[str]:
        """The running command, its streams in pipes unless `options` of `Popen` say otherwise."""
        streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
        process = subprocess.Popen([*CORRAL, *map(str, arguments)], text=True, start_new_session=True, **streams)  # type: ignore[call-overload]  # what the caller gives is Popen's own
        self._started.append(process)
        return process

    def kill(self) -> None:
        """Whatever is left of it."""
        for process in self._started:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream is not None:
                    stream.close()


def records(folder: Path) -> list[dict]:
    """The records, each index there once."""
    return [*job_records.records(folder / "results.jsonl").values()]


def has_records(folder: Path, lines: int = 1) -> Callable[[], bool]:
    """Whether so many records are in the file."""
    results = folder / "results.jsonl"
    return lambda: results.exists() and results.read_bytes().count(b"\n") >= lines
