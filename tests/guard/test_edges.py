"""What happens seldom: loops and tasks of others' making, calls out of nowhere, failures of the guard's own."""

from __future__ import annotations

import _thread
import asyncio
import contextlib
import gc
import logging
import warnings
from typing import Any

import pytest

from corral.guard import Report, guard, run
from corral.guard import coroutines as dropped
from corral.guard.coroutines import _one_frame_further
from tests.guard.hazards import fail, tick, turns


class Slotted(asyncio.SelectorEventLoop):
    """A loop that takes no attributes any more, as those written in C do."""

    full = False

    def __setattr__(self, name: str, value: object) -> None:
        if self.full and not hasattr(self, name):
            raise AttributeError(name)
        super().__setattr__(name, value)


def test_loop_that_takes_no_attributes_is_refused() -> None:
    """Asked for such a loop in so many words, the guard says that it cannot, and of which class the loop is."""

    async def main() -> None:
        asyncio.get_running_loop().full = True  # type: ignore[attr-defined]  # that is what `Slotted` has
        with pytest.raises(TypeError, match="a loop of the class Slotted cannot be guarded"), guard():
            raise AssertionError

    with asyncio.Runner(loop_factory=Slotted) as runner:
        runner.run(main())


def test_bad_options_of_run_leave_no_coroutine_behind() -> None:
    """A mistake in the options is raised at once, and the coroutine that was given is closed."""
    coro = tick()
    with pytest.raises(ValueError, match="policy"):
        run(coro, policy="nonsense")  # type: ignore[arg-type]  # that is the mistake
    assert coro.cr_frame is None


async def test_task_made_out_of_nowhere_is_held() -> None:
    """A thread whose first call is the loop's `create_task` has no line in Python; its task is told all the same."""
    found: list[Report] = []
    loop = asyncio.get_running_loop()
    async with guard(policy=found.append):
        coro = asyncio.Event().wait()
        _thread.start_new_thread(loop.create_task, (coro,))
        while coro.cr_frame is not None and not found and coro.cr_await is None:
            await asyncio.sleep(0.001)
    assert [report.kind for report in found] == ["pending"]
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()


class Unspeakable:
    def __str__(self) -> str:
        raise ValueError("no words")


async def test_own_failure_in_the_exception_handler_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Whatever is handed to the loop's exception handler, the program's own handler gets it."""
    loop, got = asyncio.get_running_loop(), []
    loop.set_exception_handler(lambda _, context: got.append(context))
    context = {"message": Unspeakable()}
    with caplog.at_level(logging.ERROR, "corral.guard"):
        async with guard():
            loop.call_exception_handler(context)
    assert got == [context]
    assert any("corral.guard failed on" in record.message for record in caplog.records)


async def test_own_failure_about_a_coroutine_is_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Python's own warning of a dropped coroutine comes even if ours fails."""

    def broken(coro: object) -> None:
        raise ValueError("no words")

    with caplog.at_level(logging.ERROR, "corral.guard"):
        async with guard():
            monkeypatch.setattr(dropped, "_tell", broken)
            with pytest.warns(RuntimeWarning, match="never awaited"):
                [tick()].clear()
            monkeypatch.undo()
    assert any("corral.guard failed on" in record.message for record in caplog.records)


def test_others_ways_to_warn_are_called_as_they_are() -> None:
    """Only Python's own function is given a longer way to the line; anything else in its place is called as it is."""
    assert _one_frame_further(print) is print


# --- siblings


async def test_sibling_by_hand_that_ends_within_the_grace_is_told_then() -> None:
    """A task made by hand may still be dealt with; once it has run to its end, it was not."""
    found: list[Report] = []

    async def careless() -> None:
        pair = [asyncio.create_task(fail()), asyncio.create_task(tick(30))]
        with contextlib.suppress(ValueError):
            await asyncio.gather(*pair)
        await turns(60)

    async with guard(policy=found.append):
        await careless()
    assert [(report.kind, "ran on to its end" in report.what) for report in found] == [("orphaned", True)]


async def test_sibling_that_is_awaited_within_the_grace_is_not_told() -> None:
    """Whoever awaits the other later, alone or in `asyncio.wait`, has dealt with it."""
    found: list[Report] = []
    for alone in (True, False):
        async with guard(policy=found.append, grace=0.01):
            other = asyncio.create_task(asyncio.sleep(0.05))
            with contextlib.suppress(ValueError):
                await asyncio.gather(fail(), other)
            await turns()
            await (other if alone else asyncio.wait([other]))
    assert found == []


async def test_gather_that_fails_in_the_last_moment_is_judged() -> None:
    """A block that ends right behind the failed gather tells of the sibling, too."""
    found: list[Report] = []
    other = None
    with guard(policy=found.append):
        other = asyncio.create_task(asyncio.sleep(3600))
        with contextlib.suppress(ValueError):
            await asyncio.gather(fail(), other)
    assert [report.code for report in found] == ["TG002"]
    other.cancel()


async def test_of_very_many_discarded_outcomes_the_first_are_told() -> None:
    """A gather of a hundred failures that nobody reads is no hundred reports."""
    found: list[Report] = []
    async with guard(policy=found.append):
        await asyncio.gather(*[fail() for _ in range(100)], return_exceptions=True)
    assert {report.kind for report in found} == {"discarded"}
    assert len(found) == 20


async def test_outcomes_that_are_used_in_place_are_not_discarded() -> None:
    """What is done with them is anything but a dropped value: indexed, returned through a task, given to a callback."""
    found: list[Report] = []

    async def both() -> list[Any]:
        return await asyncio.gather(tick(), fail(), return_exceptions=True)

    async with guard(policy=found.append):
        assert isinstance((await asyncio.gather(tick(), fail(), return_exceptions=True))[1], ValueError)
        assert len(await asyncio.create_task(both())) == 2
        gathered = asyncio.gather(tick(), fail(), return_exceptions=True)
        seen: list[Any] = []
        gathered.add_done_callback(seen.append)
        await turns()
        assert len(seen) == 1
        gathered.result()
    assert found == []


async def test_task_that_goes_on_next_says_so() -> None:
    """A task that has been woken up and not gone on yet waits on nothing."""
    found: list[Report] = []
    event = asyncio.Event()

    async def wait() -> None:
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    with guard(policy=found.append):
        task = asyncio.create_task(wait())
        await asyncio.sleep(0)
    event.set()
    assert [report.kind for report in found] == ["pending"]
    await task


async def test_what_is_reported_after_the_end_is_not() -> None:
    """A failure that comes to light when the block is over is asyncio's to tell."""
    found: list[Report] = []
    with warnings.catch_warnings(), guard(policy=found.append):
        task = asyncio.create_task(fail(after=5))
        await asyncio.sleep(0)
    assert [report.kind for report in found] == ["pending"]
    with contextlib.suppress(ValueError):
        await task
    assert len(found) == 1


async def test_task_that_bypasses_the_loop_is_told_when_it_is_lost() -> None:
    """A task made by calling `asyncio.Task` is not held; once the collector has taken it, that is told."""
    found: list[Report] = []

    async def wait() -> None:
        await asyncio.Event().wait()

    async with guard(policy=found.append):
        asyncio.Task(wait(), name="bypass")
        await turns(3)
        gc.collect()
        await turns(1)
    assert [(report.kind, report.code, report.task) for report in found] == [("lost", "TG001", "bypass")]


async def test_failure_younger_than_the_grace_is_looked_at_again() -> None:
    """Each failure has the whole grace to be seen, whenever another one ran out of its own."""
    found: list[Report] = []
    async with guard(policy=found.append, grace=0.05):
        first = asyncio.create_task(fail("first"))
        await asyncio.sleep(0.03)
        second = asyncio.create_task(fail("second"))
        while len(found) < 2:
            await asyncio.sleep(0.01)
    assert [str(report.exception) for report in found] == ["first", "second"]
    assert all(task.done() for task in (first, second))
