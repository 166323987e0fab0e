"""`--format json`: an array of findings, with the field names of `ruff check --output-format json`."""

from __future__ import annotations

import json
import os
from typing import TextIO

from corral.check.model import Finding, Fix
from corral.check.report.source_text import SourceText
from corral.check.report.sources import Sources
from corral.check.tool.result import Result


def write(result: Result, out: TextIO) -> None:
    """Write the array; `location` and `end_location` count from 1, the end is exclusive, `filename` is absolute."""
    sources = Sources(result)
    json.dump([_entry(finding, sources) for finding in result.findings], out, indent=2)
    out.write("\n")


def _entry(finding: Finding, sources: Sources) -> dict[str, object]:
    span = finding.span
    return {
        "code": finding.code,
        "name": finding.name,
        "level": finding.level.label,
        "message": finding.message,
        "advice": finding.advice,
        "filename": "-" if finding.path == "-" else os.path.abspath(finding.path),  # noqa: PTH100 - the path is not resolved
        "location": {"row": span.row, "column": span.column},
        "end_location": {"row": span.end_row, "column": span.end_column},
        "fix": finding.fix and _fix(finding.fix, sources[finding.path]),
        "noqa_row": span.row,
    }


def _fix(fix: Fix, source: SourceText) -> dict[str, object]:
    return {
        "applicability": "safe" if fix.safe else "unsafe",
        "message": fix.title,
        "caveat": fix.caveat,
        "edits": [
            {"content": edit.text, "location": _place(source, edit.start), "end_location": _place(source, edit.end)}
            for edit in fix.edits
        ],
    }


def _place(source: SourceText, offset: int) -> dict[str, int]:
    row, column = source.place(offset)
    return {"row": row, "column": column}
