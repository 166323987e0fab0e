"""`--format full`: each finding with its code, what happens, and what to write."""

from __future__ import annotations

import os
from typing import TextIO

from corral.check.tool.result import Result


def write(result: Result, out: TextIO) -> None:
    """Write a box for each finding on a terminal, plain text elsewhere; `FORCE_COLOR` asks for boxes, `NO_COLOR` for no colour."""
    if _boxes(out):
        from corral.check.report import boxes

        boxes.write(result, out)
    else:
        from corral.check.report import plain

        plain.write(result, out)


def _boxes(out: TextIO) -> bool:
    if os.environ.get("TERM") == "dumb":
        return False
    return out.isatty() or bool(os.environ.get("FORCE_COLOR"))
