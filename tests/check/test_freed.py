"""What a check leaves behind in memory."""

from __future__ import annotations

import gc

from corral.check.settings import Settings
from corral.check.source import check_source
from tests.check.specimens import SAFE, UNSAFE


def test_what_was_parsed_is_freed_at_once():
    """No circle keeps a file's tree: a run over a large tree needs the memory of one file, with the collector switched off."""
    filler = "".join(f"def f{number}(a, b):\n    return a + b\n" for number in range(100))
    left: dict[str, int] = {}
    gc.collect()
    gc.freeze()  # each collection below walks what the check left, and nothing else
    gc.disable()
    try:
        for specimen in UNSAFE + SAFE:
            check_source(f"{specimen.code}\n{filler}".encode(), "app.py", Settings())
            left[specimen.title] = gc.collect()
    finally:
        gc.enable()
    assert {title: count for title, count in left.items() if count > 200} == {}
