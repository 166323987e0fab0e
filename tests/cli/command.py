"""The command `corral`, called as a user calls it: in this process where nothing speaks against it, else in one of its own."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from corral.cli import main

PROCESS = [sys.executable, "-c", "import sys; from corral.cli import main; sys.exit(main())"]


class Done(NamedTuple):
    """What a call left: its status, and what it wrote."""

    status: int
    out: str
    err: str


def process(*arguments: object, seconds: float = 100) -> Done:
    """The command in a process of its own, with nothing on its standard input; so long it may take."""
    words = [*PROCESS, *map(str, arguments)]
    done = subprocess.run(words, input=b"", capture_output=True, timeout=seconds, check=False)
    return Done(done.returncode, done.stdout.decode(), done.stderr.decode())


class Corral:
    """The command in this process; its streams are those of pytest."""

    def __init__(self, capture: pytest.CaptureFixture[bytes], patch: pytest.MonkeyPatch) -> None:
        self._capture = capture
        self._patch = patch

    def __call__(self, *arguments: str, stdin: bytes = b"") -> Done:
        with self._patch.context() as patch:
            patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
            status = main(arguments)
        written = self._capture.readouterr()
        return Done(status, written.out.decode(), written.err.decode())


def write(files: dict[str, str]) -> None:
    """Make these files, below the current folder."""
    for name, text in files.items():
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
