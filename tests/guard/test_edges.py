"""What happens seldom: loops and tasks of others' making, calls out of nowhere, failures of the guard's own."""

from __future__ import annotations

import _thread
import asyncio
import concurrent.futures
import contextlib
import gc
import logging
import sys
import warnings
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from corral.guard import Report, guard, run
from corral.guard import coroutines as dropped
from corral.guard.coroutines import _one_frame_further
from corral.guard.watch import Watch
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
    assert _one_frame_further(len) is len


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


@pytest.mark.virtual_time
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


@pytest.mark.parametrize("after", range(3, 8))
@pytest.mark.parametrize("alone", [True, False])
async def test_sibling_that_fails_while_it_is_waited_for_is_not_told(alone: bool, after: int) -> None:
    """Whoever waits for it already, alone or in `asyncio.wait`, has its failure, in whichever turn that comes."""
    found: list[Report] = []

    async def careful(other: asyncio.Task[None]) -> None:
        with contextlib.suppress(ValueError):
            await asyncio.gather(fail("first"), other)
        with contextlib.suppress(ValueError):
            await (other if alone else asyncio.wait([other, asyncio.create_task(tick(20))]))

    async with guard(policy=found.append):
        other = asyncio.create_task(fail("second", after))
        await careful(other)
        assert str(other.exception()) == "second"
    assert found == []


async def test_sibling_that_fails_before_it_is_judged_is_told() -> None:
    """It fails a turn or two after the first, and nobody waits for it."""
    found: list[Report] = []

    async def careless() -> None:
        pair = [asyncio.create_task(fail("first")), asyncio.create_task(fail("second", after=2))]
        with contextlib.suppress(ValueError):
            await asyncio.gather(*pair)
        await turns()

    async with guard(policy=found.append):
        await careless()
    assert [(report.kind, str(report.exception)) for report in found] == [("swallowed", "second")]


@pytest.mark.virtual_time
async def test_after_the_grace_only_those_are_told_that_were_not() -> None:
    """The sibling that the gather had made is told at once, the one made by hand after the grace; each is told once."""
    found: list[Report] = []
    async with guard(policy=found.append, grace=0.01):
        by_hand = asyncio.create_task(asyncio.sleep(1, "hand"))
        with contextlib.suppress(ValueError):
            await asyncio.gather(fail(), asyncio.sleep(1, "gather"), by_hand)
        await asyncio.sleep(0.5)
    assert [report.kind for report in found] == ["orphaned", "orphaned"]
    assert len({report.task for report in found}) == 2
    by_hand.cancel()


async def test_future_that_fails_second_is_told_as_what_it_is() -> None:
    """A sibling need not be a task."""
    found: list[Report] = []
    async with guard(policy=found.append):
        future = asyncio.get_running_loop().create_future()
        gathered = asyncio.gather(fail(), future)
        await turns(1)
        future.set_exception(ValueError("second"))
        with contextlib.suppress(ValueError):
            await gathered
        await turns()
    assert [(report.kind, report.what.split(",")[0]) for report in found] == [("swallowed", "a Future failed")]


async def test_outcomes_of_tasks_that_are_asked_one_by_one_are_not_discarded() -> None:
    """Whoever made the tasks, threw away what the gather returned and then asks each of them has lost nothing."""
    found: list[Report] = []
    async with guard(policy=found.append):
        pair = [asyncio.create_task(fail()), asyncio.create_task(tick())]
        await asyncio.gather(*pair, return_exceptions=True)
        assert [type(task.exception()) for task in pair] == [ValueError, type(None)]
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


@pytest.mark.virtual_time
async def test_failure_younger_than_the_grace_is_looked_at_again() -> None:
    """Each failure has the whole grace to be seen, and no more, whenever another one ran out of its own."""
    found: list[Report] = []
    async with guard(policy=found.append, grace=5):
        first = asyncio.create_task(fail("first"))
        await asyncio.sleep(3)
        second = asyncio.create_task(fail("second"))
        await asyncio.sleep(4)
        assert [str(report.exception) for report in found] == ["first"]
        await asyncio.sleep(2)
        assert [str(report.exception) for report in found] == ["first", "second"]
    assert all(task.done() for task in (first, second))


# --- what is told too late, twice, or by nobody


@pytest.mark.parametrize(("after", "told"), [(0, ["pending"]), (1, []), (2, ["failed"]), (3, ["failed"])])
async def test_failure_is_told_at_most_once_whichever_turn_the_block_ends_in(after: int, told: list[str]) -> None:
    """The block may end before the task fails, in that turn (then it is asyncio's to tell), or before its waiters had theirs."""
    found: list[Report] = []
    with guard(policy=found.append):
        task = asyncio.create_task(fail())
        await turns(after)
    await turns()
    assert [report.kind for report in found] == told
    assert isinstance(task.exception(), ValueError)


async def test_gather_that_dies_as_the_block_ends_is_not_told() -> None:
    """It could only be told by a scope that is over."""
    found: list[Report] = []
    with guard(policy=found.append):
        asyncio.gather(tick(0))
        await turns(2)
    before = list(found)
    await turns()
    assert found == before


async def test_gather_that_is_awaited_the_turn_after_its_end_is_not_told() -> None:
    """Done and not awaited yet is not the same as never awaited; nor is done and kept."""
    found: list[Report] = []
    async with guard(policy=found.append):
        for late in range(6):
            gathered = asyncio.gather(tick(0))
            await turns(late)
            assert await gathered == [1]
        kept = asyncio.gather(tick(0))
        await turns()
        kept.cancel()
    assert found == []


async def test_failures_that_were_seen_after_all_are_forgotten() -> None:
    """A program that keeps its failed tasks, and looks at each a moment later, does not fill the guard's memory."""
    found: list[Report] = []
    async with guard(policy=found.append):
        watch = Watch.of(asyncio.get_running_loop())
        kept: list[asyncio.Task[None]] = []
        for _ in range(5):
            more = [asyncio.create_task(fail()) for _ in range(50)]
            await turns(3)
            assert all(task.exception() for task in more)
            kept += more
        assert len(watch.failures._unread) < 200
    assert found == []


async def test_coroutine_dropped_in_a_thread_without_a_loop_is_not_the_blocks() -> None:
    """A block answers for its loop: what another thread drops is Python's to tell."""
    found: list[Report] = []
    async with guard(policy=found.append):
        with pytest.warns(RuntimeWarning, match="never awaited"):
            await asyncio.to_thread(lambda: [tick()].clear())
    assert found == []


async def test_nothing_is_told_while_the_interpreter_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """What dies then has always been lost: neither a coroutine nor a task is told of, and both are asyncio's and Python's again."""
    found: list[Report] = []
    got: list[object] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: got.append(context["message"]))
    with monkeypatch.context() as patch:
        patch.setattr(sys, "is_finalizing", lambda: True)
        async with guard(policy=found.append):
            with pytest.warns(RuntimeWarning, match="never awaited"):
                [tick()].clear()
            loop.call_exception_handler({"message": "Task was destroyed but it is pending!"})
    assert got == ["Task was destroyed but it is pending!"]
    assert found == []


# --- other people's tasks, futures and loops


class Foreign:
    """A task of somebody's own kind: it can be awaited and called back, and is nothing of asyncio's."""

    def __init__(self, loop: asyncio.AbstractEventLoop, coro: Coroutine[Any, Any, Any], **options: Any) -> None:
        self._task = asyncio.Task(coro, loop=loop, **options)

    def add_done_callback(self, callback: Callable[[Any], object]) -> None:
        self._task.add_done_callback(lambda _: callback(self))

    def done(self) -> bool:
        return self._task.done()

    def set_name(self, name: object) -> None:
        self._task.set_name(name)

    def __await__(self) -> Any:
        return self._task.__await__()


def test_tasks_of_somebodys_own_kind_are_let_go() -> None:
    """What a task factory makes need not know whether its exception was retrieved; then nothing is said of it."""
    found: list[Report] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        async with guard(policy=found.append):
            loop.set_task_factory(Foreign)  # type: ignore[arg-type]  # that is what it is about
            task = asyncio.create_task(fail())
            loop.set_task_factory(None)
            with pytest.raises(ValueError, match="boom"):
                await task
            assert task not in Watch.of(loop).held

    asyncio.run(main())
    assert found == []


async def test_task_that_yields_by_itself_waits_on_nothing() -> None:
    """An awaitable may give up its turn without a future."""

    class Turn:
        def __await__(self) -> Any:
            yield

    async def spin() -> None:
        while True:
            await Turn()

    found: list[Report] = []
    async with guard(policy=found.append):
        task = asyncio.create_task(spin())
        await turns(3)
    task.cancel()
    assert found[0].waits_on is not None
    assert found[0].waits_on.startswith("nothing: it was about to go on at ")


async def test_loop_that_asks_for_a_thread_by_itself_has_no_line() -> None:
    """`loop.getaddrinfo` in a task of its own is nobody's `run_in_executor`."""
    found: list[Report] = []
    loop = asyncio.get_running_loop()
    async with guard(policy=found.append):
        assert await loop.create_task(loop.getaddrinfo("127.0.0.1", 80))
    assert found == []


class Own(concurrent.futures.Future[Any]):
    """Somebody's class in the place of the library's."""


async def test_futures_of_somebodys_own_class_stay_what_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the library's own futures are made ones that remember who looked; of others nothing is known, and nothing said."""
    found: list[Report] = []
    loop = asyncio.get_running_loop()
    monkeypatch.setattr(concurrent.futures, "Future", Own)
    async with guard(policy=found.append):
        future = asyncio.run_coroutine_threadsafe(fail(), loop)
        assert type(future) is Own
        await turns()
    assert found == []


async def test_future_that_fails_when_the_block_is_over_is_not_told() -> None:
    """Its task was told as pending; its failure comes after."""
    found: list[Report] = []
    loop = asyncio.get_running_loop()
    with guard(policy=found.append):
        future = asyncio.run_coroutine_threadsafe(fail(after=5), loop)
        await turns(2)
    assert [report.kind for report in found] == ["pending"]
    await turns()
    assert future.done()
    del future
    assert len(found) == 1


def test_future_that_is_dropped_when_its_loop_is_closed_is_told_at_the_end() -> None:
    """There is no turn of the loop left to tell it in."""
    found: list[Report] = []
    kept: list[Any] = []
    on = guard(policy=found.append)

    async def main() -> None:
        on.__enter__()
        kept.append(asyncio.run_coroutine_threadsafe(fail(), asyncio.get_running_loop()))
        await turns()

    loop = asyncio.new_event_loop()
    loop.run_until_complete(main())
    loop.close()
    kept.clear()
    assert found == []
    on.__exit__(None, None, None)
    assert [report.kind for report in found] == ["future"]
