"""`--format github`: workflow commands, which GitHub shows beside the lines of a pull request."""

from __future__ import annotations

from typing import TextIO

from corral.check.model import Level
from corral.check.tool.result import Result

_COMMAND = {Level.ERROR: "error", Level.WARNING: "warning", Level.NOTE: "notice"}


def write(result: Result, out: TextIO) -> None:
    """Write one `::error ...::message` for each finding, escaped as the runner wants it."""
    for finding in result.findings:
        span = finding.span
        # A column range is allowed within one line only.
        columns = f",col={span.column},endColumn={span.end_column}" if span.row == span.end_row else ""
        place = f"file={_property(finding.path)},line={span.row},endLine={span.end_row}{columns}"
        title = _property(f"{finding.code} {finding.name}")
        message = _message(
            f"{finding.path}:{span.row}:{span.column}: {finding.code} {finding.message} {finding.advice}"
        )
        out.write(f"::{_COMMAND[finding.level]} title={title},{place}::{message}\n")


def _message(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _message(text).replace(":", "%3A").replace(",", "%2C")
