"""What is done about a leak: policies, hook, patterns, grace."""

from __future__ import annotations

import asyncio
import json
import logging
import warnings
from typing import Any

import pytest

from corral.guard import LeakedTask, LeakWarning, Report, guard
from corral.guard.scope import warn
from tests.guard.hazards import fail, gathered, turns


async def sleeper() -> None:
    await asyncio.sleep(3600)


async def test_warn_is_the_default(caplog: pytest.LogCaptureFixture) -> None:
    """A warning that points to the line which made the task, and a log record with the data."""
    with pytest.warns(LeakWarning, match=r"TG001 lost-task: task .* was still running when the guard ended") as caught:
        async with guard() as on:
            task = asyncio.create_task(sleeper())
    (warning,) = caught
    (report,) = on.reports
    assert report.made_at is not None
    assert (warning.filename, warning.lineno) == (__file__, report.made_at.line)
    (record,) = (each for each in caplog.records if each.name == "corral.guard")
    assert record.levelno == logging.WARNING
    assert record.corral == report.as_dict()  # type: ignore[attr-defined]  # `extra` makes it one
    assert not task.cancelled()
    task.cancel()


async def test_warnings_that_are_errors_are_raised_at_the_end() -> None:
    """Where a filter turns the warning into an error, it comes out of the block as the policy "raise" does."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ExceptionGroup, match=r"corral\.guard: 1 leak"):
            async with guard():
                task = asyncio.create_task(sleeper())
    task.cancel()


async def test_raise_is_a_group_of_leaked_tasks() -> None:
    """Each leak is an exception with its report; what nobody had seen is its cause."""
    with pytest.raises(ExceptionGroup, match=r"corral\.guard: 2 leaks") as raised:
        async with guard(policy="raise"):
            task = asyncio.create_task(sleeper())
            asyncio.create_task(fail("unseen"))
            await turns()
    failed, pending = raised.value.exceptions
    assert isinstance(failed, LeakedTask)
    assert isinstance(pending, LeakedTask)
    assert (failed.report.kind, pending.report.kind) == ("failed", "pending")
    assert str(failed.__cause__) == "unseen"
    assert any(note.strip().startswith("made at:") for note in pending.__notes__)
    task.cancel()


async def test_own_error_of_the_block_comes_first() -> None:
    """The policy "raise" never replaces what the block raises: the leaks are a note on that."""
    with pytest.raises(KeyError) as raised:
        async with guard(policy="raise"):
            task = asyncio.create_task(sleeper())
            await asyncio.sleep(0)
            raise KeyError("mine")
    (note,) = raised.value.__notes__
    assert note.startswith("corral.guard: 1 leak")
    assert "TG001 lost-task" in note
    task.cancel()


async def test_cancel_cancels_what_runs_and_waits_for_it(caplog: pytest.LogCaptureFixture) -> None:
    """What still runs at the end is cancelled, and has ended when the block is left; it is logged, not warned about."""
    caplog.set_level(logging.INFO, "corral.guard")
    wound_up = asyncio.Event()

    async def slow() -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            await turns()
            wound_up.set()

    async with guard(policy="cancel") as on:
        task = asyncio.create_task(slow())
        await asyncio.sleep(0)
    assert task.cancelled()
    assert wound_up.is_set()
    assert [report.kind for report in on.reports] == ["pending"]
    assert "(cancelled)" in caplog.text


async def test_cancel_takes_siblings_at_once() -> None:
    """Under `orphaned="cancel"` the siblings of a failed gather are cancelled while the program goes on."""
    async with guard(orphaned="cancel") as on:
        with pytest.raises(ValueError, match="boom"):
            await gathered(fail(), asyncio.sleep(3600))
        await turns()
        assert len(asyncio.all_tasks()) == 1
    assert [report.kind for report in on.reports] == ["orphaned"]


@pytest.mark.virtual_time
async def test_cancel_of_a_task_that_refuses_ends_after_the_grace() -> None:
    """A task that does not let itself be cancelled is waited for as long as the grace says, no longer."""
    release = asyncio.Event()

    async def stubborn() -> None:
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue

    loop = asyncio.get_running_loop()
    began = loop.time()
    async with guard(policy="cancel", grace=10):
        task = asyncio.create_task(stubborn())
        await asyncio.sleep(0)
    assert loop.time() - began == pytest.approx(10)
    assert not task.done()
    release.set()
    await task


async def test_function_decides_for_each() -> None:
    """A function is called with each report, and what it returns is done: nothing for None."""
    seen: list[str] = []

    def decide(report: Report) -> Any:
        seen.append(report.kind)
        return "raise" if report.kind == "failed" else None

    with pytest.raises(ExceptionGroup) as raised:
        async with guard(policy=decide):
            task = asyncio.create_task(sleeper())
            asyncio.create_task(fail())
            await turns()
    assert seen == ["failed", "pending"]
    assert len(raised.value.exceptions) == 1
    task.cancel()


async def test_each_kind_has_a_policy_of_its_own() -> None:
    """A policy for a kind goes before the one for all."""
    with pytest.raises(ExceptionGroup, match="1 leak"):
        async with guard(policy=lambda _: None, failed="raise"):
            task = asyncio.create_task(sleeper())
            asyncio.create_task(fail())
            await turns()
    task.cancel()


async def test_hook_is_called_whatever_the_policy() -> None:
    """The hook gets plain data: strings and numbers that are JSON, and the exception itself beside."""
    told: list[Report] = []
    async with guard(policy=lambda _: None, hook=told.append):
        asyncio.create_task(fail("unseen"), name="worker-1")
        await turns()
    (report,) = told
    data = json.loads(json.dumps(report.as_dict()))
    assert data == report.as_dict()
    assert {
        "kind": "failed",
        "code": "TG001",
        "hazard": "lost-task",
        "task": "worker-1",
        "coroutine": "fail",
    }.items() <= data.items()
    assert (data["file"], data["function"], data["exception"]) == (
        __file__,
        "test_hook_is_called_whatever_the_policy",
        "ValueError('unseen')",
    )
    assert str(report.exception) == "unseen"


@pytest.mark.parametrize("where", ["hook", "policy"])
async def test_hook_that_raises_is_told_and_never_fatal(where: str) -> None:
    """A broken hook or policy is warned about with the report that it broke on; the program goes on, the leak is told."""

    def broken(report: Report) -> None:
        raise RuntimeError("the hook is broken")

    options: dict[str, Any] = {where: broken}
    caught = await warned(**options)
    messages = [str(each.message) for each in caught]
    assert any("broken" in message and "failed on a report" in message and "TG001" in message for message in messages)
    assert sum(each.category is LeakWarning for each in caught) == 1


async def test_hook_that_raises_where_warnings_are_errors_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    """Not even then is a broken hook fatal: its traceback goes to standard error."""

    def broken(report: Report) -> None:
        raise KeyError("the hook is broken")

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        async with guard(hook=broken, policy=lambda _: None):
            asyncio.create_task(sleeper())
            await asyncio.sleep(0)
    assert "KeyError: 'the hook is broken'" in capsys.readouterr().err


def test_what_was_made_nowhere_is_warned_about_all_the_same() -> None:
    """A leak whose line is not known has its warning, and no line of its own in the text."""
    report = Report("lost", "TG001", "a task was lost")
    with pytest.warns(LeakWarning, match="TG001 lost-task: a task was lost") as caught:
        assert warn(report)
    assert "made at" not in str(caught[0].message)


async def test_policy_that_answers_nonsense_is_told() -> None:
    """What a function returns has to be a policy; otherwise that is told, and the leak warned about."""
    caught = await warned(policy=lambda _: "explode")
    messages = [str(each.message) for each in caught]
    assert any("expected None or one of warn, raise, cancel, got 'explode'" in message for message in messages)
    assert sum(each.category is LeakWarning for each in caught) == 1


async def warned(**options: Any) -> list[warnings.WarningMessage]:
    """What a failure that nobody sees warns with."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        async with guard(**options):
            asyncio.create_task(fail())
            await turns()
    return caught


@pytest.mark.parametrize("pattern", ["heart*", "fail", "*/test_policies.py", "test_what_is_allowed*", "*.py:[0-9]*"])
async def test_what_is_allowed_is_not_told(pattern: str) -> None:
    """`allow` fits the task's name, its coroutine, the file or the function that made it, or the very line."""
    async with guard(policy="raise", allow=["nothing", pattern]) as on:
        asyncio.create_task(fail(), name="heartbeat")
        await turns()
    assert [report.task for report in on.reports] == []


@pytest.mark.virtual_time
async def test_grace_is_how_long_a_failure_may_go_unseen() -> None:
    """A failure whose task somebody holds is told after the grace, while the program runs, and only once."""
    told: list[Report] = []
    async with guard(policy=told.append, grace=10):
        task = asyncio.create_task(fail())
        await asyncio.sleep(9)
        assert told == []
        await asyncio.sleep(2)
        assert "somebody holds it, and 10.0 s later nobody has looked" in told[0].what
        await asyncio.sleep(60)
    assert len(told) == 1
    task.exception()


async def test_seen_within_the_grace_is_seen() -> None:
    """Who looks in time has looked, at however many."""
    async with guard(policy="raise", grace=60):
        tasks = [asyncio.create_task(fail(str(number))) for number in range(200)]
        await turns()
        for task in tasks:
            task.exception()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"policy": "explode"}, ValueError, "expected 'warn', 'raise', 'cancel' or a function of one Report as policy"),
        ({"failed": "cancel"}, ValueError, "failed='cancel': nothing is left to cancel there"),
        ({"grace": -1}, ValueError, "expected seconds, or None for never, as grace, got -1"),
        ({"grace": float("nan")}, ValueError, "expected seconds"),
        ({"grace": True}, ValueError, "expected seconds"),
        ({"allow": "worker-*"}, TypeError, r"write allow=\['worker-\*'\]"),
        ({"hook": "print"}, TypeError, "expected a function of one Report as hook, got 'print'"),
        ({"polciy": "warn"}, TypeError, "unknown option 'polciy'; there are policy, pending,"),
    ],
)
def test_bad_options_are_refused_at_the_call(options: dict[str, Any], error: type[Exception], message: str) -> None:
    """A wrong option is told where it is written, and nothing is guarded."""
    with pytest.raises(error, match=message):
        guard(**options)


async def test_of_very_many_leaks_the_newest_are_kept() -> None:
    """A program that leaks for months does not fill the memory with what it leaked: 200 reports are kept, all are counted."""
    with pytest.raises(ExceptionGroup, match=r"corral\.guard: 300 leaks, the last 200 of them") as raised:
        async with guard(policy="raise") as on:
            for _ in range(300):
                asyncio.create_task(fail())
            await turns()
    assert len(on.reports) == 200
    assert len(raised.value.exceptions) == 200


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
