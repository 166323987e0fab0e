"""A job from Python: what is recorded, and what is told of it."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import threading

import pytest

from corral.job import JournalError, arun_job, run_job
from tests.job import functions
from tests.job.records import outputs, records


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


def test_bad_lines_fail_alone(results, tmp_path):
    """A bad line is that input's failure, with its number, and not the end of the run."""
    (tmp_path / "in.jsonl").write_text('1\n{"a":\n\n3\n')
    summary = run_job(functions.same, "in.jsonl", limit=2, out=results)
    assert (summary.ok, summary.failed, summary.exit_code) == (2, 1, 1)
    error = records(results)[1]["error"]
    assert error["type"] == "corral.job.BadInput"
    assert error["message"].startswith("line 2: expected one JSON value on the line")
    assert records(results)[2]["output"] == 3


def test_input_that_cancels_itself(results):
    """An input that cancels its own task is a failure like any other, and the message tells of it and not of our parts."""
    summary = run_job(functions.cancels_itself, range(2), limit=1, out=results)
    assert (summary.failed, summary.stopped) == (2, None)
    for record in records(results).values():
        assert record["error"]["type"] == "corral.outcome.ItemCancelled"
        assert "cancelled" in record["error"]["message"]
        assert "map_tg" not in json.dumps(record)
        assert "stream_tg" not in json.dumps(record)


def test_nothing_to_run_over(results):
    """An empty list is a job of no inputs."""
    summary = run_job(functions.same, [], limit=1, out=results)
    assert (summary.total, summary.ok, summary.exit_code) == (0, 0, 0)
    assert results.read_bytes() == b""


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


@pytest.mark.parametrize(("overwrite", "told"), [(False, "to go on"), (True, "to go on, but without overwrite=True")])
async def test_full_disk(results, monkeypatch, overwrite, told):
    """When the results can no longer be written the run stops at once, and goes on when there is room, in the way that is told."""
    if overwrite:
        await arun_job(functions.same, range(3), limit=1, out=results)
    real = os.write

    def write(descriptor, data):
        if results.stat().st_size > 1000:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(descriptor, data)

    monkeypatch.setattr("corral.job.journal.os.write", write)
    with pytest.raises(JournalError, match=rf"No space left on device.*intact; make room and repeat the call {told}$"):
        await arun_job(functions.nap, "range:200", limit=10, out=results, overwrite=overwrite)
    monkeypatch.undo()
    recorded = len(records(results))
    assert 0 < recorded < 100
    summary = await arun_job(functions.nap, "range:200", limit=50, out=results)
    assert (summary.skipped, summary.ran) == (recorded, 200 - recorded)
    assert outputs(results) == list(range(200))


def test_summary_of_streams(results):
    """The total of a stream is known at its end."""
    assert run_job(functions.same, iter("abc"), limit=1, out=results).total == 3
