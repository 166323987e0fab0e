"""Records: as they stand in the results, of inputs that went well and of those that failed; and read back."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

from corral.job.record import Success, encode, failure_line
from corral.job.source import Recorded


def good(index: int, output: object = None) -> bytes:
    """The line of an input that gave `output`."""
    return encode(Success(index, f"in {index}", output, 1, 0.5)) + b"\n"


def bad(index: int, error: Exception) -> bytes:
    """The line of an input that raised `error`."""
    return failure_line(index, f"in {index}", error, 1, 0.5)


def records(results: Path) -> dict[int, dict]:
    """What stands in the results, in their order, by index; each is there once."""
    lines = [json.loads(line) for line in results.read_text().splitlines()]
    assert max(Counter(record["index"] for record in lines).values(), default=1) == 1
    return {record["index"]: record for record in lines}


def outputs(results: Path) -> list:
    """What all inputs gave, in their order; none has failed."""
    found = records(results)
    assert sorted(found) == list(range(len(found)))
    return [found[index]["output"] for index in range(len(found))]


def recorded(*indexes: int) -> Recorded:
    """What a source is told of results that hold these."""
    found = Recorded()
    for index in indexes:
        found.done.add(index)
    return found
