"""examples/notebook.ipynb, run by a real kernel."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.source import ROOT

NOTEBOOK = ROOT / "examples" / "notebook.ipynb"
RUN = """
import sys, nbformat
from nbclient import NotebookClient
notebook = nbformat.read(sys.argv[1], as_version=4)
NotebookClient(notebook, timeout=60, kernel_name="python3").execute()
nbformat.write(notebook, sys.argv[2])
"""


def told(path: Path) -> list[list[str]]:
    """What each cell of code shows: the text of its outputs."""
    cells = [cell for cell in json.loads(path.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]
    return [["".join(output["data"]["text/plain"]) for output in cell["outputs"]] for cell in cells]


@pytest.mark.heavy
def test_notebook_shows_what_it_shows(tmp_path: Path) -> None:
    """The outputs in the file are those that a kernel gives: a bar drawn by `progress=True`, the failures, and nothing left running."""
    again = tmp_path / "again.ipynb"
    subprocess.run([sys.executable, "-c", RUN, NOTEBOOK, again], check=True, timeout=100, cwd=tmp_path)
    assert told(again) == told(NOTEBOOK)
    defined, (bar, count), failed, running = told(again)
    assert "map_tg:" in bar
    assert (defined, count, running) == ([], "300", ["0"])
    assert failed == ["[(17, 'page 17 is empty'),\n (117, 'page 117 is empty'),\n (217, 'page 217 is empty')]"]
