"""The same job again: what is run, what is refused, what is begun anew."""

from __future__ import annotations

import os
import sys

import pytest

from corral.job import JobError, arun_job, run_job
from corral.job.identity import sidecar
from tests.job import functions
from tests.job.opened import descriptors
from tests.job.records import outputs, records


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


def test_overwritten_until_the_source_fails(results):
    """What the new run has recorded by then is what there is, and the failure of the source leaves as it is."""

    def some():
        yield from "ab"
        raise LookupError("no such page")

    run_job(functions.same, "range:5", limit=1, out=results)
    with pytest.raises(LookupError, match="no such page"):
        run_job(functions.same, some(), limit=1, out=results, overwrite=True)
    assert outputs(results) == ["a", "b"]


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


def test_stream_is_compared(results):
    """What can only be streamed is compared with what was recorded of it."""
    run_job(functions.same, iter(["a", {"k": [1]}, 3]), limit=1, out=results)
    assert run_job(functions.same, iter(["a", {"k": [1]}, 3, "new"]), limit=1, out=results).ran == 1
    with pytest.raises(JobError, match=r"input 1 is 'b' now, and was {\"k\":\[1\]} in the results"):
        run_job(functions.same, iter(["a", "b"]), limit=1, out=results)
    with pytest.raises(JobError, match="it ended after 1 inputs, and the results hold input 3"):
        run_job(functions.same, iter(["a"]), limit=1, out=results)
    assert len(records(results)) == 4


async def test_async_inputs_are_compared(results):
    """An async iterable goes on behind what is recorded of it, and is refused where it is another one."""

    async def letters(text):
        for letter in text:
            yield letter

    await arun_job(functions.same, letters("ab"), limit=1, out=results)
    assert (await arun_job(functions.same, letters("abc"), limit=1, out=results)).ran == 1
    with pytest.raises(JobError, match="input 1 is 'x' now"):
        await arun_job(functions.same, letters("axc"), limit=1, out=results)


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
