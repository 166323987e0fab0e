"""The report formats, each in a module of its own that is imported when it is asked for."""

from __future__ import annotations

import importlib
from typing import TextIO

from corral.check.tool.result import Result

FORMATS = {
    "full": "corral.check.report.full",
    "concise": "corral.check.report.concise",
    "json": "corral.check.report.json_array",
    "sarif": "corral.check.report.sarif",
    "github": "corral.check.report.github",
    "html": "corral.check.report.html",
}


def write_report(name: str, result: Result, out: TextIO) -> None:
    """Write the result to `out` in the format `name`, one of `FORMATS`."""
    importlib.import_module(FORMATS[name]).write(result, out)
