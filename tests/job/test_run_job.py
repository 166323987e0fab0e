"""A job from Python: what is recorded, how it goes on, what it refuses."""

from __future__ import annotations

import asyncio
import errno
import gzip
import io
import itertools
import json
import os
import signal
import sys
import threading

import pytest

from corral.job import JobError, JournalError, arun_job, run_job, runner
from corral.job.identity import sidecar
from corral.job.options import Options
from corral.job.progress import PlainMeter
from corral.job.run import prepared
from corral.job.stop import Stop
from tests.job import functions
from tests.job.opened import descriptors
from tests.job.records import outputs, records
from tests.job.waiting import cancelled_meanwhile


@pytest.mark.parametrize("ordered", [False, True])
@pytest.mark.parametrize("limit", [1, 7, None])
@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_equals_a_loop(results, limit, ordered, loop):
    """Every input has its record, as if they had been awaited one after another."""
    summary = run_job(
        functions.nap, [f"in {n}" for n in range(50)], limit=limit, out=results, ordered=ordered, loop=loop
    )
    assert outputs(results) == [f"in {n}" for n in range(50)]
    assert (summary.ok, summary.failed, summary.ran, summary.skipped, summary.total, summary.left) == (
        50,
        0,
        50,
        0,
        50,
        0,
    )
    assert (summary.exit_code, summary.stopped, summary.path) == (0, None, str(results))
    assert summary.p50 <= summary.p95 <= summary.p99


def test_ordered(results):
    """With `ordered` the file has the order of the inputs, whoever finishes first."""

    async def slow_first(item):
        await asyncio.sleep(0.02 if item % 5 == 0 else 0)
        return item

    run_job(slow_first, "range:30", limit=10, out=results, ordered=True)
    assert list(records(results)) == list(range(30))


@pytest.mark.parametrize("name", ["in.txt", "in.jsonl.gz", "in.csv"])
def test_files(results, tmp_path, name):
    """Text, JSONL and CSV, compressed too."""
    contents = {"in.txt": b"a\nb\n", "in.jsonl.gz": gzip.compress(b'{"k": 1}\n[2]\n'), "in.csv": b"k\n1\n2\n"}
    (tmp_path / name).write_bytes(contents[name])
    run_job(f"{functions.__file__}:same", name, limit=2, out=results)
    assert (
        outputs(results)
        == {"in.txt": ["a", "b"], "in.jsonl.gz": [{"k": 1}, [2]], "in.csv": [{"k": "1"}, {"k": "2"}]}[name]
    )


def test_bad_lines_fail_alone(results, tmp_path):
    """A bad line is that input's failure, with its number, and not the end of the run."""
    (tmp_path / "in.jsonl").write_text('1\n{"a":\n\n3\n')
    summary = run_job(functions.same, "in.jsonl", limit=2, out=results)
    assert (summary.ok, summary.failed, summary.exit_code) == (2, 1, 1)
    error = records(results)[1]["error"]
    assert error["type"] == "corral.job.BadInput"
    assert error["message"].startswith("line 2: expected one JSON value on the line")
    assert records(results)[2]["output"] == 3


def test_again_runs_nothing(results):
    """The same call again finds everything recorded."""
    run_job(functions.logs_calls, "range:20", limit=5, out=results)
    summary = run_job(functions.logs_calls, "range:20", limit=5, out=results)
    assert (summary.ran, summary.skipped, summary.ok) == (0, 20, 20)
    assert len(results.with_name("calls").read_text().splitlines()) == 20


@pytest.mark.parametrize("kept", [0, 1, 9, 19])
@pytest.mark.parametrize("torn", [b"", b'{"index":1', b"\0\0\0"])
def test_goes_on_after_a_crash(results, kept, torn):
    """Whatever a crash has left, each input ends up recorded once, and only what was not recorded runs again."""
    run_job(functions.same, "range:20", limit=5, out=results)
    lines = results.read_bytes().splitlines(keepends=True)
    results.write_bytes(b"".join(lines[:kept]) + torn)
    summary = run_job(functions.same, "range:20", limit=5, out=results)
    assert (summary.skipped, summary.ran) == (kept, 20 - kept)
    assert outputs(results) == list(range(20))


def test_last_line_without_its_end(results):
    """A last record that lacks only its line end is kept."""
    run_job(functions.same, "range:3", limit=1, out=results)
    results.write_bytes(results.read_bytes()[:-1])
    assert run_job(functions.same, "range:3", limit=1, out=results).ran == 0
    results.write_bytes(b"".join(results.read_bytes().splitlines(keepends=True)[:2])[:-1])
    assert run_job(functions.same, "range:3", limit=1, out=results).ran == 1
    assert outputs(results) == [0, 1, 2]


def test_retry_failed(results, tmp_path):
    """Failures are run again and only they; the last record of each counts, and the file has each index once."""
    first = run_job(functions.fails_until_healed, "range:10", limit=3, out=results)
    assert (first.ok, first.failed, first.failures[0].type) == (5, 5, "ConnectionError")
    again = run_job(functions.fails_until_healed, "range:10", limit=3, out=results)
    assert (again.ran, again.failed, again.exit_code, again.failures[0].count) == (0, 5, 1, 5)
    (tmp_path / "healed").touch()
    healed = run_job(functions.fails_until_healed, "range:10", limit=3, out=results, retry_failed=True)
    assert (healed.ran, healed.skipped, healed.ok, healed.failed, healed.failures) == (5, 5, 10, 0, ())
    assert outputs(results) == [f"{n} is well" for n in range(10)]


def test_killed_while_retrying(results, tmp_path):
    """A run that was killed between a retry and its compaction is mended by the next one, whatever that is."""
    run_job(functions.fails_until_healed, "range:4", limit=1, out=results)
    before = results.read_bytes()
    (tmp_path / "healed").touch()
    run_job(functions.fails_until_healed, "range:4", limit=1, out=results, retry_failed=True)
    after = results.read_bytes().splitlines(keepends=True)
    results.write_bytes(before + after[-1])
    summary = run_job(functions.fails_until_healed, "range:4", limit=1, out=results)
    assert (summary.ok, summary.failed) == (3, 1)
    assert len(records(results)) == 4


def test_overwrite(results):
    """`overwrite` begins anew, and only over results."""
    run_job(functions.same, "range:5", limit=1, out=results)
    run_job(functions.nap, "range:3", limit=1, out=results, overwrite=True)
    assert outputs(results) == [0, 1, 2]
    results.write_text("precious")
    sidecar(results).unlink()
    with pytest.raises(JobError, match="does not hold results of a job, so it is not overwritten"):
        run_job(functions.same, "range:3", limit=1, out=results, overwrite=True)
    assert results.read_text() == "precious"


def test_overwritten_by_something_only(results):
    """The old results stay until there is something in their place: a job without input, or one that fails first, leaves them."""

    def nothing():
        raise LookupError("no such table")
        yield

    run_job(functions.same, "range:5", limit=1, out=results)
    before = results.read_bytes(), sidecar(results).read_bytes()
    with pytest.raises(LookupError):
        run_job(functions.same, nothing(), limit=1, out=results, overwrite=True)
    assert (results.read_bytes(), sidecar(results).read_bytes()) == before
    assert run_job(functions.same, "range:5", limit=1, out=results).skipped == 5
    assert run_job(functions.same, [], limit=1, out=results, overwrite=True).total == 0
    assert results.read_bytes() == b""


def test_refusals_change_nothing(results, tmp_path):
    """Another function, another input, or no `.corral` file: refused, and every byte stays."""
    (tmp_path / "in.txt").write_text("a\nb\n")
    run_job(functions.same, "in.txt", limit=1, out=results)
    before = results.read_bytes(), sidecar(results).read_bytes()
    with pytest.raises(
        JobError, match=r"begun with the function tests\.job\.functions:same, and this is tests\.job\.functions:nap"
    ):
        run_job(functions.nap, "in.txt", limit=1, out=results)
    with pytest.raises(JobError, match="it is a range now, and was a file"):
        run_job(functions.same, "range:2", limit=1, out=results)
    (tmp_path / "in.txt").write_text("a\nc\n")
    with pytest.raises(JobError, match="the input has changed: its first 4 bytes"):
        run_job(functions.same, "in.txt", limit=1, out=results)
    assert (results.read_bytes(), sidecar(results).read_bytes()) == before
    sidecar(results).unlink()
    with pytest.raises(JobError, match=r"has results, but results.jsonl.corral, .* is not beside it. Put it back"):
        run_job(functions.same, "in.txt", limit=1, out=results)
    assert results.read_bytes() == before[0]


def test_refused_before_it_begins_leaves_nothing(results, tmp_path):
    """A job that may not begin leaves no file."""
    (tmp_path / "in.txt").touch()
    with pytest.raises(JobError, match="is empty"):
        run_job(functions.same, "in.txt", limit=1, out=results)
    assert [path.name for path in tmp_path.iterdir()] == ["in.txt"]


def test_failed_before_its_first_record(results):
    """A job that fails before anything is recorded leaves no file either, or the empty one that was there; nor a lock."""

    def inputs():
        raise LookupError("no such table")
        yield

    for found in ([], [results]):
        with pytest.raises(LookupError):
            run_job(functions.same, inputs(), limit=1, out=results)
        assert [*results.parent.iterdir()] == found
        results.touch()
    assert run_job(functions.same, "range:3", limit=1, out=results).ok == 3


def test_record_of_no_input(results):
    """Results that hold a record of an input beyond the last one are refused."""
    run_job(functions.same, "range:5", limit=1, out=results)
    results.write_text(results.read_text().replace('{"index":4', '{"index":5'))
    with pytest.raises(JobError, match="holds a record of input 5, and there are 5 inputs: give another out"):
        run_job(functions.same, "range:5", limit=1, out=results)


def test_sidecar_that_cannot_be_written_or_read(results):
    """Where what identifies the run cannot stand beside the results, nothing is begun; where it cannot be read, nothing goes on."""
    blocking = sidecar(results).with_name(f"{sidecar(results).name}.new")
    blocking.mkdir()
    with pytest.raises(JobError, match=r"results.jsonl.corral cannot be written: Is a directory"):
        run_job(functions.same, range(3), limit=1, out=results)
    assert not results.exists()
    blocking.rmdir()
    run_job(functions.same, range(3), limit=1, out=results)
    sidecar(results).unlink()
    sidecar(results).mkdir()
    with pytest.raises(JobError, match=r"results.jsonl.corral cannot be read: Is a directory"):
        run_job(functions.same, range(3), limit=1, out=results)


def test_input_that_cancels_itself(results):
    """An input that cancels its own task is a failure like any other, and the message tells of it and not of our parts."""
    summary = run_job(functions.cancels_itself, range(2), limit=1, out=results)
    assert (summary.failed, summary.stopped) == (2, None)
    for record in records(results).values():
        assert record["error"]["type"] == "corral.outcome.ItemCancelled"
        assert "cancelled" in record["error"]["message"]
        assert "map_tg" not in json.dumps(record)
        assert "stream_tg" not in json.dumps(record)


def test_timeout_of_the_inputs(results):
    """A `TimeoutError` of the iterable itself is no end of a grace: it is raised, and what was recorded stays."""

    def inputs():
        yield "a"
        raise TimeoutError("the database is away")

    with pytest.raises((TimeoutError, ExceptionGroup)) as caught:
        run_job(functions.same, inputs(), limit=1, out=results)
    assert "the database is away" in repr(caught.value)
    assert outputs(results) == ["a"]


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


def test_inputs_that_have_no_json(results):
    """What JSON has no form for is recorded by its repr, and compared by that when the job goes on."""

    class Odd:
        def __init__(self, name):
            self.name = name

        def __repr__(self):
            return f"Odd({self.name})"

    assert run_job(functions.same, [Odd(1), Odd(2)], limit=1, out=results).failed == 2
    assert run_job(functions.same, [Odd(1), Odd(2)], limit=1, out=results).ran == 0
    with pytest.raises(JobError, match=r"input 1 is Odd\(3\) now, and was \"Odd\(2\)\" in the results"):
        run_job(functions.same, [Odd(1), Odd(3)], limit=1, out=results)


async def test_async_inputs_are_compared(results):
    """An async iterable goes on behind what is recorded of it, and is refused where it is another one."""

    async def letters(text):
        for letter in text:
            yield letter

    await arun_job(functions.same, letters("ab"), limit=1, out=results)
    assert (await arun_job(functions.same, letters("abc"), limit=1, out=results)).ran == 1
    with pytest.raises(JobError, match="input 1 is 'x' now"):
        await arun_job(functions.same, letters("axc"), limit=1, out=results)


def test_input_that_grew(results, tmp_path):
    """What is appended to the input is run, and what was recorded is not."""
    (tmp_path / "in.txt").write_text("a\nb\n")
    run_job(functions.same, "in.txt", limit=1, out=results)
    with (tmp_path / "in.txt").open("a") as file:
        file.write("c\n")
    assert run_job(functions.same, "in.txt", limit=1, out=results).ran == 1
    assert outputs(results) == ["a", "b", "c"]


def test_stream_is_compared(results):
    """What can only be streamed is compared with what was recorded of it."""
    run_job(functions.same, iter(["a", {"k": [1]}, 3]), limit=1, out=results)
    assert run_job(functions.same, iter(["a", {"k": [1]}, 3, "new"]), limit=1, out=results).ran == 1
    with pytest.raises(JobError, match=r"input 1 is 'b' now, and was {\"k\":\[1\]} in the results"):
        run_job(functions.same, iter(["a", "b"]), limit=1, out=results)
    with pytest.raises(JobError, match="it ended after 1 inputs, and the results hold input 3"):
        run_job(functions.same, iter(["a"]), limit=1, out=results)
    assert len(records(results)) == 4


def test_nothing_to_run_over(results):
    """An empty list is a job of no inputs."""
    summary = run_job(functions.same, [], limit=1, out=results)
    assert (summary.total, summary.ok, summary.exit_code) == (0, 0, 0)
    assert results.read_bytes() == b""


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


def test_sync_function_is_refused(results):
    """What cannot be run is refused before anything is written."""
    with pytest.raises(JobError, match="is not async"):
        run_job(functions.plain, "range:3", limit=1, out=results)
    assert not results.exists()


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
    timer = threading.Timer(0.3, signal.raise_signal, (number,))
    handlers = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    threading.Timer(0.3, lambda: signal.pthread_kill(threading.main_thread().ident, number)).start()
    with pytest.raises(raised):
        run_job(functions.nap, "range:100000", limit=10, out=results)
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == handlers
    recorded = len(records(results))
    assert recorded
    assert sorted(records(results)) == list(range(recorded))
    timer.cancel()


@pytest.mark.parametrize(
    "asked", [{"out": "no/results.jsonl"}, {"loop": "uvloop"}, {"resource": "nowhere:of_that_name"}]
)
def test_refused_job_lets_go_of_its_pipe(folder, monkeypatch, asked):
    """A named pipe that was to be the input of a job that is refused is closed, or was never opened."""
    monkeypatch.setitem(sys.modules, "uvloop", None)
    os.mkfifo("in.txt")
    other_end = os.open("in.txt", os.O_RDWR)
    before = descriptors()
    with pytest.raises(JobError):
        run_job(
            functions.with_resource if "resource" in asked else functions.same,
            "in.txt",
            **{"limit": 1, "out": "results.jsonl", **asked},
        )
    assert descriptors() == before
    os.close(other_end)


async def test_in_a_running_loop(results):
    """`arun_job` is the same for a program that has a loop."""
    summary = await arun_job(functions.nap, "range:30", limit=10, out=results)
    assert summary.ok == 30
    assert outputs(results) == list(range(30))


async def test_not_in_a_running_loop(results):
    """`run_job` inside a loop says what to write instead, before anything is written."""
    with pytest.raises(RuntimeError, match=r"await arun_job\(fn, inputs, ...\)  # right"):
        run_job(functions.same, "range:3", limit=1, out=results)
    assert not results.exists()


def test_in_a_thread(results):
    """`run_job` in a thread other than the main one leaves signals alone and is otherwise the same."""
    found = []
    thread = threading.Thread(target=lambda: found.append(run_job(functions.same, "range:3", limit=1, out=results)))
    thread.start()
    thread.join()
    assert found[0].ok == 3


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


async def test_async_iterable(results):
    """Inputs may come from an async iterable."""

    async def items():
        for n in range(5):
            await asyncio.sleep(0)
            yield n

    assert (await arun_job(functions.same, items(), limit=2, out=results)).ok == 5


async def test_loop_is_never_blocked_for_long(results):
    """While a hundred thousand records are written, the loop goes round."""
    turns = 0

    async def watch():
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    watcher = asyncio.ensure_future(watch())
    await arun_job(functions.same, "range:100000", limit=100, out=results)
    watcher.cancel()
    assert turns > 50


async def test_results_are_there_while_it_runs(results):
    """Each result is in the file as soon as it is there, for whoever reads along."""
    seen = []

    async def looks(item):
        await asyncio.sleep(0.01)
        seen.append(results.read_bytes().count(b"\n"))
        return item

    await arun_job(looks, "range:5", limit=1, out=results)
    assert seen == [0, 1, 2, 3, 4]


async def test_full_disk(results, monkeypatch):
    """When the results can no longer be written the run stops at once, and goes on when there is room."""
    real = os.write

    def write(descriptor, data):
        if results.stat().st_size > 1000:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(descriptor, data)

    monkeypatch.setattr("corral.job.journal.os.write", write)
    with pytest.raises(JournalError, match=r"No space left on device.*intact; make room and repeat the call to go on$"):
        await arun_job(functions.nap, "range:200", limit=10, out=results)
    monkeypatch.undo()
    recorded = len(records(results))
    assert 0 < recorded < 100
    summary = await arun_job(functions.nap, "range:200", limit=50, out=results)
    assert (summary.skipped, summary.ran) == (recorded, 200 - recorded)
    assert outputs(results) == list(range(200))


def test_summary_of_streams(results):
    """The total of a stream is known at its end."""
    assert run_job(functions.same, iter("abc"), limit=1, out=results).total == 3
