"""The command `corral`, called as a user calls it: in this process where nothing speaks against it, else in one of its own."""

from __future__ import annotations

import io
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from corral.cli import main

PROCESS = [sys.executable, "-c", "import sys; from corral.cli import main; sys.exit(main())"]


@dataclass(frozen=True)
class Done:
    """What a call left: its status, and what it wrote."""

    status: int
    out: str
    err: str


def process(*arguments: str, stdin: bytes = b"", **options: object) -> Done:
    """The command in a process of its own."""
    done = subprocess.run([*PROCESS, *arguments], input=stdin, capture_output=True, timeout=100, check=False, **options)  # type: ignore[call-overload]  # what the caller gives is subprocess's own
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
