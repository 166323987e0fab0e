"""The clock that jumps: no time passes while a test sleeps, and what can never happen is said."""

from __future__ import annotations

import asyncio

import pytest

from tests import loops
from tests.loops import VIRTUAL_LOOPS, Deadlock


@pytest.mark.parametrize("kind", VIRTUAL_LOOPS)
def test_sleep_takes_no_time_and_keeps_the_order(kind: str) -> None:
    """An hour on the loop's clock is over at once, far within the time a test has; timers strike in their order."""
    struck: list[int] = []

    async def sleeps(seconds: int) -> None:
        await asyncio.sleep(seconds)
        struck.append(seconds)

    async def main() -> float:
        begun = asyncio.get_running_loop().time()
        await asyncio.gather(*map(sleeps, (3600, 1, 60)))
        return asyncio.get_running_loop().time() - begun

    with asyncio.Runner(loop_factory=VIRTUAL_LOOPS[kind]) as runner:
        assert runner.run(main()) == pytest.approx(3600)
    assert struck == [1, 60, 3600]


@pytest.mark.parametrize("kind", VIRTUAL_LOOPS)
def test_what_can_never_happen_is_said(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that waits for what nobody will do is told so, instead of hanging."""
    monkeypatch.setattr(loops, "DEADLOCK_SECONDS", 0.05)
    loop = VIRTUAL_LOOPS[kind]()
    task = loop.create_task(asyncio.Event().wait())
    with pytest.raises(Deadlock, match="nothing is scheduled"):
        loop.run_until_complete(task)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        loop.run_until_complete(task)
    loop.close()
