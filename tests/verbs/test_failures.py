"""What leaves a verb when more has gone wrong than inputs."""

from __future__ import annotations

import asyncio

from corral._failures import Failures


async def test_the_first_bug_leaves_bare_and_the_others_with_it() -> None:
    """Two mistakes in the code: the first is raised as it is, and the second is not lost, it hangs on the first as its cause."""
    failures = Failures("map_tg", "group", show_items=True)
    first, second = TypeError("first"), RuntimeError("second")
    failures.of_code(first)
    failures.of_code(second)
    assert failures.verdict(asyncio.get_running_loop()) is first
    assert isinstance(first.__cause__, ExceptionGroup)
    assert first.__cause__.exceptions == (second,)
    assert failures.verdict(asyncio.get_running_loop()) is None
