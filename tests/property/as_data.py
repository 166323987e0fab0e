"""Outcomes and exceptions as plain data: what two runs of one program are compared by."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from corral import Err, Ok


def plain(thing: Any) -> Any:
    """Outcomes and values without their identities."""
    match thing:
        case list():
            return [plain(one) for one in thing]
        case Ok(index, item, value):
            return ("Ok", index, item if isinstance(item, int) else "", value)
        case Err(index, item, error):
            return ("Err", index, item if isinstance(item, int) else "", tree(error))
        case _:
            return thing


def tree(error: BaseException | None, depth: int = 6) -> Any:
    """An exception as data: type, words, notes, functions in its traceback, causes and members."""
    if error is None or not depth:
        return None
    frames = []
    trace = error.__traceback__
    while trace is not None:
        frames.append(trace.tb_frame.f_code.co_name)
        trace = trace.tb_next
    words = tuple(map(repr, error.args))
    members = tuple(tree(one, depth - 1) for one in error.exceptions) if isinstance(error, BaseExceptionGroup) else ()
    return (
        type(error).__name__, _nameless(words), _nameless(getattr(error, "__notes__", ())), frames, members,
        tree(error.__cause__, depth - 1), tree(error.__context__, depth - 1),
    )  # fmt: skip


def _nameless(texts: Sequence[str]) -> tuple[str, ...]:
    """Without addresses and the numbers of Tasks, which may differ."""
    return tuple(re.sub(r"0x[0-9a-fA-F]+|Task-\d+", "…", text) for text in texts)
