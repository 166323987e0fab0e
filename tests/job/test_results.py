"""The results file: what is written, what a crash leaves, what is read back."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import signal
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corral.job.compact import compact
from corral.job.errors import JobError, JournalError
from corral.job.identity import Identity, check_same, read_identity, sidecar, write_identity
from corral.job.journal import Journal
from corral.job.record import Success, encode, failure_line
from corral.job.scan import Scan, _whole_lines
from corral.job.source import InputIdentity


def good(index: int, output: object = None) -> bytes:
    return encode(Success(index, f"in {index}", output, 1, 0.5)) + b"\n"


def bad(index: int, error: Exception) -> bytes:
    return failure_line(index, f"in {index}", error, 1, 0.5)


@pytest.fixture
def results(tmp_path):
    return tmp_path / "results.jsonl"


def test_scan(results):
    """Reading back tells what is recorded, what failed, and of which types."""
    results.write_bytes(good(0) + bad(2, ValueError("first")) + bad(1, ValueError("second")) + bad(9, OSError("x")))
    scan = Scan(results)
    assert [index for index in range(12) if index in scan.done] == [0, 1, 2, 9]
    assert [index for index in range(12) if index in scan.failed] == [1, 2, 9]
    assert scan.errors == {"ValueError": (2, 2, "first"), "OSError": (1, 9, "x")}
    assert (scan.torn, scan.superseded, scan.unended, scan.size) == (0, 0, False, results.stat().st_size)


@pytest.mark.parametrize("block", [16, 64, 1 << 21])
def test_torn_line(results, monkeypatch, block):
    """Wherever a last record is cut, what is before it is kept and the rest of it is torn; only the line end may lack."""
    monkeypatch.setattr("corral.job.scan._BLOCK", block)
    whole, last = good(0) + good(1), good(2, {"key": ["é", 1]})
    for cut in range(len(last)):
        results.write_bytes(whole + last[:cut])
        scan = Scan(results)
        unended = cut == len(last) - 1
        assert (scan.torn, scan.unended, len(scan.done)) == (0 if unended else cut, unended, 2 + unended)


@pytest.mark.parametrize("rest", [b"\0" * 5000, b'{"ind\n\0\0\0\n\0', b"\xff\xfe\n", b'"text"\n[]\n'])
def test_torn_end_of_many_lines(results, rest):
    """A crash of the machine may leave zeros or several torn lines: all after the last record is cut off."""
    results.write_bytes(good(0) + rest)
    assert (Scan(results).torn, len(Scan(results).done)) == (len(rest), 1)


def test_foreign_line_is_refused(results):
    """A line that is no record, with records after it, was written by somebody else: nothing is cut."""
    content = good(0) + b"# a note\n" + good(1)
    results.write_bytes(content)
    with pytest.raises(JobError, match=r"line 2 of .* is not a record: expected .* got b'# a note"):
        Scan(results)
    assert results.read_bytes() == content


def test_absurd_index_is_refused(results):
    """A number that no run can have written does not claim the memory for its bits."""
    results.write_bytes(b'{"index":99999999999999}\n')
    with pytest.raises(JobError, match="a record of input 99999999999999"):
        Scan(results)


def test_block_of_good_and_torn_lines(results):
    """Where one read finds good lines and torn ones, the good ones count, with what stood before them, and no more."""
    results.write_bytes(good(0) + bad(1, ValueError("x")) + good(0) + b'{"torn\n' + b"\0" * 100)
    scan = Scan(results)
    assert (scan.size, scan.torn) == (len(good(0) + bad(1, ValueError("x")) + good(0)), 107)
    assert (len(scan.done), len(scan.failed), scan.superseded, scan.unended) == (2, 1, 1, False)


@pytest.mark.parametrize("block", [16, 1 << 21])
def test_torn_line_before_foreign_records(results, monkeypatch, block):
    """Nothing behind the first line that is no record is taken, however the file is read, and a record there is told of."""
    monkeypatch.setattr("corral.job.scan._BLOCK", block)
    results.write_bytes(good(0) + good(1) + b"[]\n\0\n[1]\n" + good(2) + b'{"torn')
    with pytest.raises(JobError, match=r"line 3 of .* got b'\[\]\\n'.*its input will run again"):
        Scan(results)


def test_superseded_are_counted(results):
    """Each record that a later one replaces is counted."""
    results.write_bytes(good(0) + good(1) + good(0) + good(0) + good(1))
    assert Scan(results).superseded == 3


def test_largest_index(results):
    """An index that a run of this size could have is taken, and one more than any could have is not."""
    results.write_bytes(b'{"index":10000000}\n')
    assert Scan(results).done.end() == 10_000_001
    results.write_bytes(b'{"index":-1}\n')
    with pytest.raises(JobError, match="a record of input -1"):
        Scan(results)


def test_inputs_are_remembered(results):
    """For a stream the inputs are kept, as hashes that equal inputs have; the input itself is found again to be shown."""
    content = encode(Success(3, {"b": 1, "a": 2}, None, 1, 0.5)) + b"\n" + good(1) + b'{"index":'
    results.write_bytes(content)
    scan = Scan(results, remember_inputs=True)
    scan.compare(3, {"a": 2, "b": 1})
    scan.compare(1, "in 1")
    with pytest.raises(JobError, match=r"input 3 is 'other' now, and was {\"b\":1,\"a\":2} in the results"):
        scan.compare(3, "other")
    assert Scan(results).hashes is None


def test_inputs_that_are_gone(results):
    """Where the recorded input cannot be found any more, the change is told all the same."""
    results.write_bytes(good(0))
    scan = Scan(results, remember_inputs=True)
    results.write_bytes(good(1))
    with pytest.raises(JobError, match="input 0 is 'other' now, and was something else in the results"):
        scan.compare(0, "other")


@pytest.mark.parametrize("block", [16, 1 << 21])
def test_blank_lines(results, monkeypatch, block):
    """A blank line that an editor has left among the records is passed over, and gone when they are compacted."""
    monkeypatch.setattr("corral.job.scan._BLOCK", block)
    content = b"\n" + good(0) + b"\r\n" + good(1) + b" \n" + good(0, "again")
    results.write_bytes(content + b'{"torn')
    scan = Scan(results, remember_inputs=True)
    assert (len(scan.done), scan.superseded, scan.size, scan.torn, scan.unended) == (2, 1, len(content), 6, False)
    with pytest.raises(JobError, match="input 1 is 'other' now, and was \"in 1\" in the results"):
        scan.compare(1, "other")
    results.write_bytes(content[:-1])
    assert (Scan(results).torn, Scan(results).unended) == (0, True)
    results.write_bytes(content)
    journal = Journal(results)
    assert compact(journal) == 1
    journal.close()
    assert results.read_bytes() == good(1) + good(0, "again")


def test_read_in_blocks(results, monkeypatch):
    """No more of the results is in memory than a block and the longest line."""
    monkeypatch.setattr("corral.job.scan._BLOCK", 256)
    content = b"".join(good(index) for index in range(100))
    results.write_bytes(content)
    with results.open("rb") as file:
        blocks = list(_whole_lines(file.fileno()))
    assert b"".join(blocks) == content
    assert max(map(len, blocks)) < 256 + len(good(99))
    assert all(block.endswith(b"\n") for block in blocks)


def test_two_records_on_a_line(results):
    """A line has one record: nobody but us has written more of them on one."""
    results.write_bytes(good(0) + good(1)[:-1] + good(2) + good(3))
    with pytest.raises(JobError, match=r"line 2 of .* is not a record"):
        Scan(results)


@given(
    records=st.lists(st.tuples(st.integers(0, 12), st.booleans()), max_size=30),
    block=st.integers(8, 200),
    cut=st.integers(0, 60),
)
def test_scan_against_a_naive_reader(tmp_path_factory, records, block, cut):
    """Whatever the order, the repetitions, the block size and the cut: the same as reading line by line."""
    path = tmp_path_factory.mktemp("scan") / "results.jsonl"
    lines = [bad(i, ValueError("x")) if failed else good(i) for i, failed in records]
    content = b"".join(lines)
    content = content[: max(len(content) - cut, 0)]
    path.write_bytes(content)
    whole = [
        json.loads(line) for line in content.splitlines() if line.endswith(b"}") and line in [a[:-1] for a in lines]
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("corral.job.scan._BLOCK", block)
        scan = Scan(path)
    assert {index for index in range(13) if index in scan.done} == {record["index"] for record in whole}
    assert scan.superseded == len(whole) - len({record["index"] for record in whole})


async def written(journal: Journal, *lines: bytes) -> None:
    journal.start(asyncio.get_running_loop(), lambda: None)
    for line in lines:
        journal.add(line)
    await asyncio.sleep(0)


async def test_written_within_a_turn(results):
    """A record is in the file before the loop has gone round, without any flush or close."""
    journal = Journal(results)
    await written(journal, good(0), good(1))
    assert results.read_bytes() == good(0) + good(1)
    journal.finish()
    journal.close()


async def test_many_records_do_not_wait_for_the_turn(results):
    """What is collected within one turn of the loop is bounded."""
    journal = Journal(results)
    journal.start(asyncio.get_running_loop(), lambda: None)
    for index in range(10_000):
        journal.add(good(index))
    assert results.stat().st_size > len(good(9999)) * 5000
    journal.finish()
    journal.close()
    assert len(Scan(results).done) == 10_000


async def test_synced_within_half_a_second(results, monkeypatch):
    """`fsync` comes by itself, in a thread, and only after something was written."""
    monkeypatch.setattr("corral.job.journal.SYNC_EVERY", 0.01)
    journal = Journal(results)
    await written(journal)
    synced = asyncio.Event()
    loop, real, calls = asyncio.get_running_loop(), os.fsync, []

    def fsync(descriptor):
        calls.append(descriptor)
        real(descriptor)
        loop.call_soon_threadsafe(synced.set)

    monkeypatch.setattr("corral.job.journal.os.fsync", fsync)
    await asyncio.sleep(0.05)
    assert not calls
    journal.add(good(0))
    await asyncio.wait_for(synced.wait(), 10)
    await asyncio.sleep(0.05)
    assert len(calls) == 1
    journal.close()


async def test_failed_sync_is_told(results, monkeypatch):
    """An `fsync` that fails (a disk that fills up behind the kernel's back) ends the run."""
    monkeypatch.setattr("corral.job.journal.SYNC_EVERY", 0.01)
    journal = Journal(results)
    told = asyncio.Event()
    journal.start(asyncio.get_running_loop(), told.set)

    def fsync(_):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("corral.job.journal.os.fsync", fsync)
    journal.add(good(0))
    await asyncio.wait_for(told.wait(), 10)
    with pytest.raises(JournalError, match=r"can no longer be written: Input/output error.*repeat the call"):
        journal.add(good(1))
    journal.close()


def test_second_run_is_refused(results):
    """Results have one writer at a time."""
    journal = Journal(results)
    with pytest.raises(JobError, match="another run is writing to"):
        Journal(results)
    journal.close()
    Journal(results).close()


def test_lock_dies_with_its_process(results):
    """A writer that was killed leaves no lock behind."""
    code = f"from pathlib import Path; from corral.job.journal import Journal; Journal(Path({str(results)!r})); print(flush=True); input()"
    other = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    other.stdout.readline()
    with pytest.raises(JobError, match="another run"):
        Journal(results)
    other.send_signal(signal.SIGKILL)
    other.communicate()
    Journal(results).close()


@pytest.mark.parametrize("name", ["", "no/results.jsonl"])
def test_unwritable_place(tmp_path, name):
    """A folder, or a place that does not exist, is refused by its reason."""
    with pytest.raises(JobError, match=r"the results cannot be written to .*(it is a directory|there is no folder)"):
        Journal(tmp_path / name)


async def test_full_disk_keeps_whole_records(results):
    """When the file can grow no further, its last record is whole, and the run is told at once."""
    lines = [good(index, "x" * 50) for index in range(100)]
    room = len(b"".join(lines[:30])) + 20
    journal = Journal(results)
    told = []
    journal.start(asyncio.get_running_loop(), lambda: told.append(True))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
    try:
        for line in lines:
            journal.add(line)
        journal.flush()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert told == [True]
    assert results.read_bytes() == b"".join(lines[:30])
    with pytest.raises(JournalError, match=r"File too large; 70 finished results could not be written.*make room"):
        journal.finish()
    journal.close()
    again = Journal(results)
    await written(again, *lines[30:])
    again.finish()
    again.close()
    assert results.read_bytes() == b"".join(lines)


def test_compaction(results):
    """Each index is kept once, by its last record, in the order of the file; the file stays locked and keeps its mode."""
    results.write_bytes(good(0, "a") + bad(1, ValueError("x")) + good(2) + good(1, "b") + good(0, "c") + good(1, "d"))
    results.chmod(0o641)
    journal = Journal(results)
    assert compact(journal) == 3
    with pytest.raises(JobError, match="another run"):
        Journal(results)
    journal.close()
    assert results.read_bytes() == good(2) + good(0, "c") + good(1, "d")
    assert results.stat().st_mode & 0o777 == 0o641
    assert [path.name for path in results.parent.iterdir()] == ["results.jsonl"]
    before = results.stat()
    journal = Journal(results)
    assert compact(journal) == 0
    journal.close()
    assert results.stat().st_ino == before.st_ino  # nothing is written anew for nothing


def test_compaction_behind_a_link(results, tmp_path):
    """Results that are reached by a link stay where they are, and so does the link."""
    real = tmp_path / "elsewhere"
    real.mkdir()
    (real / "r.jsonl").write_bytes(good(0, "a") + good(0, "b"))
    results.symlink_to(real / "r.jsonl")
    journal = Journal(results)
    assert compact(journal) == 1
    journal.close()
    assert results.is_symlink()
    assert (real / "r.jsonl").read_bytes() == good(0, "b")
    assert [path.name for path in real.iterdir()] == ["r.jsonl"]


def test_compaction_without_room(results):
    """When there is no room for a second copy, the results stay as they are."""
    content = good(0, "a" * 5000) + good(0, "b" * 5000)
    results.write_bytes(content)
    journal = Journal(results)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(JournalError, match=r"File too large. Nothing is lost"):
            compact(journal)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    journal.close()
    assert results.read_bytes() == content
    assert [path.name for path in results.parent.iterdir()] == ["results.jsonl"]


def test_identity(results):
    """What identifies a run is a few lines of JSON, read back as they were written."""
    identity = Identity(1, "module:fn", InputIdentity("range", "range:5", size=5))
    assert read_identity(results) is None
    write_identity(results, identity)
    assert read_identity(results) == identity
    assert json.loads(sidecar(results).read_text())["function"] == "module:fn"
    assert [path.name for path in results.parent.iterdir()] == ["results.jsonl.corral"]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "cannot be read"),
        (b"{}", "cannot be read"),
        (
            b'{"corral": 2, "function": "f", "input": {"kind": "range"}}',
            "has format 2, and this version of Corral knows format 1",
        ),
    ],
)
def test_unreadable_identity(results, content, expected):
    """A damaged or later identity is refused."""
    sidecar(results).write_bytes(content)
    with pytest.raises(JobError, match=expected):
        read_identity(results)


def test_other_runs_are_refused(results):
    """Another function, kind of input, or order is refused with what differs and what to do."""
    before = Identity(1, "m:f", InputIdentity("range", "range:5", size=5))
    check_same(before, "m:f", "range", results, ordered=False)
    check_same(Identity(1, "m:f", before.input, ordered=True), "m:f", "range", results, ordered=False)
    with pytest.raises(JobError, match=r"begun with the function m:f, and this is m:g.*overwrite=True"):
        check_same(before, "m:g", "range", results, ordered=False)
    with pytest.raises(JobError, match="it is a file now, and was a range"):
        check_same(before, "m:f", "file", results, ordered=False)
    with pytest.raises(JobError, match="begun without ordered"):
        check_same(before, "m:f", "range", results, ordered=True)
