"""Loops, tasks, factories, handlers and futures of others' making: what is theirs goes on as if nobody were here."""

from __future__ import annotations

import asyncio
import concurrent.futures
import gc
import logging
import sys
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from corral.guard import Report, guard
from corral.guard.watch import Watch
from tests.guard.hazards import fail, tick, turns

Loop = Callable[[], asyncio.AbstractEventLoop]


class Tracer:
    """A task factory as tracers set one: it wraps each coroutine, and calls the factory that was there."""

    def __init__(self, before: Any) -> None:
        self.before = before
        self.seen: list[str] = []

    def __call__(self, loop: asyncio.AbstractEventLoop, coro: Any, **more: Any) -> Any:
        self.seen.append(coro.__qualname__)

        async def traced() -> Any:
            return await coro

        if self.before is not None:
            return self.before(loop, traced(), **more)
        return asyncio.Task(traced(), loop=loop, **more)


@pytest.mark.parametrize("when", ["before", "inside"])
def test_task_factories_of_others_go_on(when: str, loop_factory: Loop) -> None:
    """A tracer's factory, set before the guard or inside it, sees every task, stays set, and takes nothing from the reports."""
    found: list[Report] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        tracer = Tracer(loop.get_task_factory())
        if when == "before":
            loop.set_task_factory(tracer)
        async with guard(policy=found.append):
            if when == "inside":
                loop.set_task_factory(tracer)
            asyncio.create_task(fail())
            waiting = asyncio.create_task(asyncio.sleep(3600), name="mine")
            await turns()
            assert loop.get_task_factory() is tracer
        assert loop.get_task_factory() is tracer
        assert tracer.seen[:2] == ["fail", "sleep"]
        waiting.cancel()

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(main())
    assert [report.kind for report in found] == ["failed", "pending"]
    assert [report.made_at and report.made_at.file for report in found] == [__file__, __file__]


@pytest.mark.skipif(sys.version_info < (3, 12), reason="eager tasks are of Python 3.12")
async def test_eager_tasks_set_inside_the_block() -> None:
    """The eager factory can be set while the guard is on: what ends at once is not held, and its failure is told."""
    found: list[Report] = []
    loop = asyncio.get_running_loop()

    async def now() -> None:
        raise ValueError("now")

    async with guard(policy=found.append) as on:
        loop.set_task_factory(asyncio.eager_task_factory)
        for _ in range(100):
            asyncio.create_task(tick(0))
        asyncio.create_task(now())
        await turns()
        assert on.reports
    loop.set_task_factory(None)
    (report,) = found
    assert (report.kind, report.coroutine) == ("failed", "test_eager_tasks_set_inside_the_block.<locals>.now")
    assert f"({report.coroutine}) failed, and" in report.what
    assert report.made_at is not None
    assert report.made_at.file == __file__


async def test_programs_may_set_exception_handlers() -> None:
    """A handler that the program sets, before or inside, is called as ever, and takes nothing from the reports."""
    called: list[str] = []
    loop = asyncio.get_running_loop()
    async with guard(policy=lambda _: None) as on:
        loop.set_exception_handler(lambda _, context: called.append(context["message"]))
        asyncio.create_task(fail())
        await turns()
        loop.call_exception_handler({"message": "something else"})
    assert called == ["Task exception was never retrieved", "something else"]
    assert [report.kind for report in on.reports] == ["failed"]
    loop.set_exception_handler(None)


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


async def test_what_others_tell_the_loop_is_not_taken_for_a_task(caplog: pytest.LogCaptureFixture) -> None:
    """Whoever calls the exception handler with words or a future of theirs reaches the program's, and is no leak."""
    loop, got, found = asyncio.get_running_loop(), list[object](), list[Report]()
    loop.set_exception_handler(lambda _, context: got.append(context))
    future: asyncio.Future[None] = loop.create_future()
    future.set_exception(ValueError("theirs"))
    contexts: list[dict[str, Any]] = [
        {"message": "ValueError in theirs", "future": future},
        {"message": "Task exception was never retrieved"},
        {"message": "Task exception was never retrieved", "future": object()},
        {"message": "Task was destroyed but it is pending!", "task": object()},
        {},
    ]
    with caplog.at_level(logging.ERROR, "corral.guard"):
        async with guard(policy=found.append):
            for context in contexts:
                loop.call_exception_handler(context)
    assert future.exception()
    assert got == contexts
    assert found == []
    assert caplog.records == []


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


async def test_task_that_bypasses_the_loop_is_told_when_it_fails() -> None:
    """Nobody saw who made it: it is told by its function when nobody holds it any more."""
    found: list[Report] = []
    async with guard(policy=found.append):
        asyncio.Task(fail("unseen"), name="bypass")
        await turns()
    (report,) = found
    assert (report.kind, report.task, str(report.exception)) == ("failed", "bypass", "unseen")
    assert report.what.startswith("task 'bypass' (fail) failed, and nobody can see it any more: ")
    assert report.made_at is not None
    assert report.made_at.function == "fail"


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
