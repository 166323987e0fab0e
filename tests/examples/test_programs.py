"""The programs of examples/, run by themselves as their reader would."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.house.source import ROOT

EXAMPLES = ROOT / "examples"
PRINTED = {
    "post_handful.py": "[2, 4, 6]\n",
    "post_million.py": "[2, 4, 6, ..., 1999998, 2000000]\n",
    "post_million.py 10": "[2, 4, 6, ..., 18, 20]\n",
    "post_mixed_types.py": "[0, 1, 2, 3, 4]\n[1, 1]\n[1, '4']\n1 4\n",
    "crawler.py": "60 pages, 10 failed: aiohttp.client_exceptions.ClientResponseError\n",
    "llm_batch.py": (
        "100 answers, 0 failed; each paid for once: True\n"
        "some were refused first: True, and each of those was tried again: True\n"
    ),
    "rows_to_sqlite.py": "998 rows, 2 failed; in the database: (998, 2494915)\n",
}
OF_THE_POST = {line for line in PRINTED if line.startswith("post_")}


@pytest.mark.parametrize(
    "line", [line if line in OF_THE_POST else pytest.param(line, marks=pytest.mark.heavy) for line in PRINTED]
)
def test_program_prints_what_it_says(line: str) -> None:
    """Each program ends by itself, without a warning, having printed what its comments promise."""
    program, *arguments = line.split()
    command = [sys.executable, "-W", "error", str(EXAMPLES / program), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert (done.returncode, done.stderr, done.stdout) == (0, "", PRINTED[line])


def test_no_program_is_left_out() -> None:
    """Whoever adds a program says what it prints."""
    assert {line.split()[0] for line in PRINTED} == {path.name for path in EXAMPLES.glob("*.py")}
