"""What a report says: the line that made the task, what it waits on, plain data, text for people."""

from __future__ import annotations

import asyncio
import concurrent.futures
import inspect
import json
import re
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from corral.guard import LeakedTask, Place, Report, guard, run
from corral.guard.catalogue import CODE_OF, HAZARDS
from corral.guard.places import awaiting, waits_on
from corral.guard.report import cut, shown
from tests.guard.hazards import fail, turns

Loop = Callable[[], asyncio.AbstractEventLoop]


def here() -> int:
    """The line of whoever calls."""
    frame = inspect.currentframe()
    assert frame is not None
    assert frame.f_back is not None
    return frame.f_back.f_lineno


async def sleeper() -> None:
    await asyncio.sleep(3600)


async def ways_to_make_a_task(lines: dict[str, int]) -> None:
    loop = asyncio.get_running_loop()
    asyncio.create_task(sleeper(), name="create_task")
    lines["create_task"] = here() - 1
    loop.create_task(sleeper(), name="method")
    lines["method"] = here() - 1
    loop.create_task(sleeper(), name=None).set_name("method, no name")
    lines["method, no name"] = here() - 1
    asyncio.create_task(sleeper()).set_name("no name")
    lines["no name"] = here() - 1
    asyncio.ensure_future(sleeper()).set_name("ensure_future")
    lines["ensure_future"] = here() - 1
    many = [
        asyncio.create_task(sleeper(), name="several lines"),
    ]
    lines["several lines"] = here() - 2
    loop.call_soon(lambda: asyncio.create_task(sleeper(), name="callback"))
    lines["callback"] = here() - 1
    loop.call_soon(loop.create_task, named("by the loop itself"))
    lines["by the loop itself"] = named.__code__.co_firstlineno
    gathered = asyncio.gather(named("gather"), return_exceptions=True)
    lines["gather"] = here() - 1
    await turns()
    del many, gathered


async def named(name: str) -> None:
    await asyncio.sleep(0)  # 3.13.0 names an eager task anew when its first step is over
    task = asyncio.current_task()
    assert task is not None
    task.set_name(name)
    await asyncio.sleep(3600)


def test_made_at_is_the_line_that_made_the_task(loop_factory: Loop) -> None:
    """However a task is made, the report names the line of the program; of one that the loop made, the function it runs."""
    found: list[Report] = []
    lines: dict[str, int] = {}
    run(ways_to_make_a_task(lines), loop_factory=loop_factory, policy=found.append)
    made = {report.task: report.made_at for report in found}
    assert set(made) == set(lines)
    wrong = {
        name: (place, lines[str(name)])
        for name, place in made.items()
        if place is None or place.line != lines[str(name)]
    }
    assert wrong == {}
    assert all(place is not None and place.file == __file__ for place in made.values())


async def in_a_group() -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(sleeper(), name="child")
        await asyncio.sleep(3600)


async def test_made_at_looks_through_task_groups() -> None:
    """A task of a TaskGroup is made where the group was told to, not inside asyncio."""
    async with guard(policy=lambda _: None) as on:
        task = asyncio.create_task(in_a_group())
        await turns()
    (child,) = (report for report in on.reports if report.task == "child")
    assert child.made_at is not None
    assert (child.made_at.file, child.made_at.function) == (__file__, "in_a_group")
    task.cancel()
    await asyncio.wait([task])


async def own_future() -> None:
    await asyncio.get_running_loop().create_future()


async def task_of_another() -> None:
    await asyncio.create_task(sleeper(), name="other")


async def two() -> None:
    await asyncio.gather(sleeper(), asyncio.sleep(0))


async def event() -> None:
    await asyncio.Event().wait()


async def queue() -> None:
    await asyncio.Queue[int]().get()


async def deeper() -> None:
    await event()


WAITS: list[tuple[Callable[[], Coroutine[Any, Any, None]], str]] = [
    (sleeper, r"sleep\(3600\) at .*test_reports\.py:\d+ in sleeper"),
    (own_future, r"a future of its own at .*:\d+ in own_future"),
    (task_of_another, r"task 'other' at .* in task_of_another"),
    (two, r"a gather of 2, 1 of them not done at .* in two"),
    (event, r"Event\.wait\(\) of <asyncio\.locks\.Event .*> at .* in event"),
    (queue, r"Queue\.get\(\) of <Queue .*> at .* in queue"),
    (deeper, r"Event\.wait\(\) of .* at .* in event"),
]


@pytest.mark.parametrize(("coroutine", "text"), WAITS, ids=[function.__name__ for function, _ in WAITS])
async def test_waits_on_says_what_and_where(coroutine: Callable[[], Coroutine[Any, Any, None]], text: str) -> None:
    """What a task waits on is told by name, with the innermost line of the program that waits."""
    task = asyncio.create_task(coroutine())
    await turns(5)
    assert re.fullmatch(text, waits_on(task))
    for each in asyncio.all_tasks() - {asyncio.current_task()}:
        each.cancel()


async def test_waits_on_of_what_has_not_begun() -> None:
    """A task that has not taken its first step waits on nothing, and one that was woken is about to go on."""
    task = asyncio.create_task(sleeper())
    assert waits_on(task) == "nothing: it has not taken its first step"
    future = asyncio.get_running_loop().create_future()

    async def wait() -> None:
        await future

    waiting = asyncio.create_task(wait())
    await asyncio.sleep(0)
    assert waits_on(waiting).startswith("a future of its own at ")
    task.cancel()
    future.set_result(None)
    assert waits_on(waiting).startswith("nothing: it was about to go on at ")
    await waiting


def test_text_is_for_people() -> None:
    """A report is a few lines: what happened, where it was made, what it waits on, what failed, what to read."""
    report = Report(
        "failed",
        "TG001",
        "task 'a' failed",
        "a",
        "work",
        Place(str(Path.cwd() / "a.py"), 3, "main"),
        "sleep(1)",
        ValueError("x"),
    )
    assert str(report).splitlines() == [
        "TG001 lost-task: task 'a' failed",
        "  made at:  a.py:3 in main",
        "  waits on: sleep(1)",
        "  failure:  ValueError('x')",
        "  read:     corral explain TG001, or docs/rules/TG001.md",
    ]
    leak = LeakedTask(report)
    assert str(leak) == "TG001 lost-task: task 'a' failed"
    assert leak.__notes__ == str(report).splitlines()[1:]
    assert leak.__cause__ is report.exception


def test_data_is_plain_and_leaves_out_what_is_not_known() -> None:
    """`as_dict` is strings and numbers, ready for JSON, a log record or a span."""
    full = Report(
        "pending", "TG001", "runs", "a", "work", Place("a.py", 3, "main"), "sleep(1)", ValueError("x")
    ).as_dict()
    assert json.loads(json.dumps(full)) == {
        "kind": "pending",
        "code": "TG001",
        "hazard": "lost-task",
        "page": "docs/rules/TG001.md",
        "what": "runs",
        "task": "a",
        "coroutine": "work",
        "file": "a.py",
        "line": 3,
        "function": "main",
        "waits_on": "sleep(1)",
        "exception": "ValueError('x')",
    }
    assert set(Report("unawaited", "TG005", "dropped").as_dict()) == {"kind", "code", "hazard", "page", "what"}


def test_every_kind_has_a_hazard() -> None:
    """Each kind of report is a hazard of the catalogue."""
    assert set(CODE_OF.values()) <= set(HAZARDS)


def test_repr_that_raises_or_goes_on_is_survived() -> None:
    """What is shown is cut, and a broken `repr` is no failure of the guard's."""

    class Broken:
        def __repr__(self) -> str:
            raise RuntimeError("no")

    assert shown(Broken()) == "<Broken whose repr raised RuntimeError>"
    assert len(shown("x" * 1000)) == 200
    assert cut("short") == "short"


async def test_failure_with_a_broken_repr_is_told() -> None:
    """An exception whose `repr` raises is reported like any other."""

    class Broken(Exception):
        def __repr__(self) -> str:
            raise RuntimeError("no")

    async def work() -> None:
        raise Broken

    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda *_: None)
    async with guard(policy=lambda _: None) as on:
        asyncio.create_task(work())
        await turns()
    assert "whose repr raised RuntimeError" in str(on.reports[0])
    loop.set_exception_handler(None)


async def test_futures_that_are_dropped_are_told_with_their_makers() -> None:
    """A failed `run_in_executor` names the line that gave the work away; a bare future that nobody reads is told, too."""

    def work() -> None:
        raise ValueError("in a thread")

    loop = asyncio.get_running_loop()
    async with guard(policy=lambda _: None) as on:
        loop.run_in_executor(None, work)
        line = here() - 1
        while not on.reports:
            await asyncio.sleep(0.001)
        loop.create_future().set_exception(ValueError("bare"))
        await turns()
    thread, bare = on.reports
    assert thread.made_at is not None
    assert (thread.code, thread.made_at.file, thread.made_at.line) == ("TG004", __file__, line)
    assert (bare.kind, str(bare.exception)) == ("future", "bare")


async def test_result_that_a_thread_reads_is_no_leak() -> None:
    """A future of `run_coroutine_threadsafe` is the library's own to whoever has it, in every way it can be read."""
    loop, release = asyncio.get_running_loop(), asyncio.Event()

    def read() -> str:
        futures = [asyncio.run_coroutine_threadsafe(fail(str(number)), loop) for number in range(4)]
        assert all(isinstance(future, concurrent.futures.Future) for future in futures)
        assert repr(futures[0]).startswith("<Future at ")
        concurrent.futures.wait(futures)
        with pytest.raises(ValueError, match="0"):
            futures[0].result(5)
        assert str(futures[1].exception(5)) == "1"
        with pytest.raises(TimeoutError):
            asyncio.run_coroutine_threadsafe(release.wait(), loop).result(0.001)
        futures[3].add_done_callback(lambda future: future.exception())
        return str(asyncio.run_coroutine_threadsafe(fail("now"), loop).exception(5))

    async with guard(policy=lambda _: None) as on:
        assert await asyncio.to_thread(read) == "now"
        release.set()
        await turns()
    assert [str(report.exception) for report in on.reports] == ["2"]


async def test_suspended_coroutines_can_be_walked() -> None:
    """From a coroutine's own frame to the innermost one, generators among them."""

    async def outer() -> None:
        await deeper()

    coro = outer()
    coro.send(None)
    assert [frame.f_code.co_name for frame in awaiting(coro)] == ["outer", "deeper", "event", "wait"]
    coro.close()
    assert list(awaiting(None)) == []


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
