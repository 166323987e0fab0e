"""A job that is ended before its inputs are: by failures, by its inputs, by a signal, by who has called it."""

from __future__ import annotations

import asyncio
import io
import itertools
import signal
import threading

import pytest

from corral.job import arun_job, run_job, runner
from corral.job.options import Options
from corral.job.progress import PlainMeter
from corral.job.run import prepared
from corral.job.stop import Stop
from tests.job import functions
from tests.job.records import outputs, records
from tests.job.waiting import cancelled_meanwhile
from tests.processes import until

AHEAD = 2  # at a limit of 1: an input that runs, and one whose record waits, when the failure is recorded


def test_on_error_stop(results):
    """`on_error="stop"` starts nothing once the first failure is recorded, and records what was running."""
    summary = run_job(functions.odd_fails, "range:1000", limit=1, out=results, on_error="stop")
    assert (summary.stopped, summary.exit_code) == ("on-error", 1)
    assert 2 <= summary.ran <= 2 + AHEAD
    assert sorted(records(results)) == list(range(summary.ran))


def test_max_failures(results):
    """More failures than allowed end the run."""
    summary = run_job(functions.odd_fails, "range:1000", limit=1, out=results, max_failures=10)
    assert (summary.stopped, summary.left) == ("max-failures", 1000 - summary.ran)
    assert 22 <= summary.ran <= 22 + AHEAD
    summary = run_job(functions.odd_fails, "range:1000", limit=1, out=results, max_failures="10%")
    assert summary.stopped == "max-failures"
    assert 100 <= summary.ran <= 100 + AHEAD


def test_stop_while_inputs_come(results):
    """After a stop nothing more is taken from an iterable, async or not."""
    taken = []

    async def inputs():
        for number in itertools.count():
            taken.append(number)
            yield number

    async def job(source, where):
        return await arun_job(functions.odd_fails, source, limit=1, out=where, on_error="stop", grace=10)

    assert asyncio.run(job(inputs(), results)).stopped == "on-error"
    assert len(taken) <= 4
    numbers = itertools.count()
    assert asyncio.run(job(numbers, results.with_name("other.jsonl"))).stopped == "on-error"
    assert next(numbers) <= 4


def test_timeout_of_the_inputs(results):
    """A `TimeoutError` of the iterable itself is no end of a grace: it is raised, and what was recorded stays."""

    def inputs():
        yield "a"
        raise TimeoutError("the database is away")

    with pytest.raises((TimeoutError, ExceptionGroup)) as caught:
        run_job(functions.same, inputs(), limit=1, out=results)
    assert "the database is away" in repr(caught.value)
    assert outputs(results) == ["a"]


def test_exit_of_the_function(results):
    """`sys.exit` inside the function ends the program with what was recorded intact."""
    with pytest.raises(SystemExit) as stop:
        run_job(functions.exits, "range:100", limit=3, out=results)
    assert stop.value.code == 3
    assert 40 < len(records(results)) < 51
    assert run_job(functions.same, "range:100", limit=3, out=results, overwrite=True).ok == 100


@pytest.mark.parametrize(("number", "raised"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit)])
def test_signal(results, number, raised):
    """After Ctrl-C or SIGTERM what ran has finished and is recorded, and the program ends as it would have."""
    handlers = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)

    def send():
        until(lambda: results.exists() and results.stat().st_size)
        signal.pthread_kill(threading.main_thread().ident, number)

    sender = threading.Thread(target=send)
    sender.start()
    with pytest.raises(raised):
        run_job(functions.nap, "range:100000", limit=10, out=results)
    sender.join()
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == handlers
    recorded = len(records(results))
    assert recorded
    assert sorted(records(results)) == list(range(recorded))


async def test_cancelled(results):
    """When `arun_job` is cancelled, what has finished is in the file and nothing is left running."""
    before = asyncio.all_tasks()
    task = asyncio.ensure_future(arun_job(functions.nap, "range:100000", limit=10, out=results))
    while not (results.exists() and results.stat().st_size):
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert asyncio.all_tasks() == before
    assert len(records(results)) >= 1
    assert (await arun_job(functions.nap, "range:100", limit=50, out=results, overwrite=True)).ok == 100


@pytest.fixture
def slow_plan(monkeypatch):
    """The look at the results goes on when it is told to, and tells when it has begun."""
    begun, go_on, real = threading.Event(), threading.Event(), runner.plan

    def slow(*args):
        begun.set()
        assert go_on.wait(20)
        return real(*args)

    monkeypatch.setattr(runner, "plan", slow)
    return begun, go_on


async def test_cancelled_while_it_looks(results, slow_plan):
    """Cancelled while the results are looked through, it ends when that has ended: without a file, without a lock."""
    begun, go_on = slow_plan
    task = asyncio.ensure_future(arun_job(functions.same, "range:3", limit=1, out=results))
    await cancelled_meanwhile(task, begun, go_on)
    assert [*results.parent.iterdir()] == []
    assert (await arun_job(functions.same, "range:3", limit=1, out=results)).ok == 3


async def test_signal_while_it_looks(results, slow_plan):
    """A signal that comes while the results are looked through is answered at once, and then nothing is started."""
    begun, go_on = slow_plan
    stop, shown = Stop(grace=5.0), PlainMeter(io.StringIO())
    job = prepared(functions.same, "range:3", results, Options(limit=1), stop, shown)
    task = asyncio.ensure_future(job.run())
    await asyncio.to_thread(begun.wait, 20)
    with stop.on_signals(asyncio.get_running_loop()):
        signal.raise_signal(signal.SIGINT)
    await asyncio.sleep(0.01)
    assert shown._stream.getvalue() == "stopping: nothing new is started; once more to end at once\n"
    go_on.set()
    summary = await task
    assert (summary.ran, summary.stopped, summary.left) == (0, "SIGINT", 3)
