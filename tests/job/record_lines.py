"""Records as they stand in the results, of inputs that went well and of those that failed."""

from __future__ import annotations

from corral.job.record import Success, encode, failure_line


def good(index: int, output: object = None) -> bytes:
    """The line of an input that gave `output`."""
    return encode(Success(index, f"in {index}", output, 1, 0.5)) + b"\n"


def bad(index: int, error: Exception) -> bytes:
    """The line of an input that raised `error`."""
    return failure_line(index, f"in {index}", error, 1, 0.5)
