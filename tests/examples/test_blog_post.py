"""The programs of examples/ that the project began with, run as their reader would."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.parametrize(
    ("program", "arguments", "printed"),
    [
        ("post_handful.py", [], "[2, 4, 6]\n"),
        ("post_million.py", [], "[2, 4, 6, ..., 1999998, 2000000]\n"),
        ("post_million.py", ["10"], "[2, 4, 6, ..., 18, 20]\n"),
        ("post_mixed_types.py", [], "[0, 1, 2, 3, 4]\n[1, 1]\n[1, '4']\n1 4\n"),
    ],
)
def test_program_prints_what_it_says(program: str, arguments: list[str], printed: str) -> None:
    """Each program ends by itself, without a warning, having printed what its comments promise."""
    command = [sys.executable, "-W", "error", str(EXAMPLES / program), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr, done.stdout) == (0, "", printed)
