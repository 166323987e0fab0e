"""The results as they are written: a record at a time, by one run at a time, on a disk that is full, slow or fails."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from corral.job import journal as module
from corral.job.errors import JobError, JournalError
from corral.job.journal import SYNC_EVERY, Journal
from tests.job.disk import small_disk
from tests.job.opened import descriptors
from tests.job.records import good


def syncers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "corral-fsync"]


def fails(number: int):
    def call(*_):
        raise OSError(number, os.strerror(number))

    return call


class Loop:
    """Takes down what is to be called soon."""

    def __init__(self):
        self.soon = []

    def call_soon(self, call):
        self.soon.append(call)


def started(path: Path, told: list | None = None) -> Journal:
    journal = Journal(path)
    journal.start(Loop(), lambda: None if told is None else told.append(True))
    return journal


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


def test_torn_end_is_cut_for_good(results, synced):
    """The torn end is off the disk before anything is written behind it."""
    results.write_bytes(good(0) + b'{"torn')
    journal = started(results)
    journal.cut(len(good(0)))
    assert synced == [len(good(0))]
    journal.add(good(1))
    journal.finish()
    assert journal.size == len(good(0) + good(1))
    journal.close()
    assert results.read_bytes() == good(0) + good(1)


def test_missing_line_end(results):
    """A last record that lacked its line end gets it, and the next one stands on a line of its own."""
    results.write_bytes(good(0)[:-1])
    journal = started(results)
    journal.end_line()
    assert journal.size == len(good(0))
    journal.add(good(1))
    journal.close()
    assert results.read_bytes() == good(0)  # nobody has flushed
    journal = started(results)
    journal.add(good(1))
    journal.finish()
    journal.close()
    assert results.read_bytes() == good(0) + good(1)


def test_one_write_a_turn(results, monkeypatch):
    """What comes in one turn of the loop is one call and one write; what is too much for that is written in between."""
    writes, real = [], os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: writes.append(len(data)) or real(descriptor, data))
    journal, loop = Journal(results), Loop()
    journal.start(loop, lambda: None)
    for index in range(10):
        journal.add(good(index))
    assert len(loop.soon) == 1
    loop.soon.pop()()
    journal.add(good(10))
    assert len(loop.soon) == 1
    loop.soon.pop()()
    assert len(writes) == 2
    writes.clear()
    line = b"x" * (module._FULL // 4)
    for _ in range(8):
        journal.add(line)
    assert writes == [module._FULL, module._FULL]
    journal.close()


def test_short_writes(results, monkeypatch):
    """A disk that takes a few bytes at a time gets all of them, once."""
    real = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: real(descriptor, bytes(data)[:7]))
    journal = started(results)
    journal.add(good(0))
    journal.add(good(1))
    journal.finish()
    assert journal.size == results.stat().st_size
    journal.close()
    assert results.read_bytes() == good(0) + good(1)


async def test_full_disk_keeps_whole_records(results):
    """When the file can grow no further, its last record is whole, the run is told at once, and the next one goes on there."""
    lines = [good(index, "x" * 50) for index in range(100)]
    room = len(b"".join(lines[:30])) + 20
    journal = Journal(results)
    told = []
    journal.start(asyncio.get_running_loop(), lambda: told.append(True))
    journal.add(lines[0])
    journal.flush()
    with small_disk(room):
        for line in lines[1:]:
            journal.add(line)
        journal.flush()
    assert told == [True]
    assert results.read_bytes() == b"".join(lines[:30])
    assert journal.size == results.stat().st_size
    with pytest.raises(JournalError, match=r"File too large; 70 finished results could not be written.*make room"):
        journal.finish()
    journal.close()
    again = Journal(results)
    await written(again, *lines[30:])
    again.finish()
    again.close()
    assert results.read_bytes() == b"".join(lines)


def test_disk_that_fails_in_every_way(results, monkeypatch):
    """Where not even the torn end can be cut off, the first error is the one that is told; the next run cuts it."""
    journal = started(results)
    monkeypatch.setattr(os, "write", fails(errno.ENOSPC))
    monkeypatch.setattr(os, "ftruncate", fails(errno.EIO))
    monkeypatch.setattr(os, "fsync", fails(errno.EIO))
    journal.add(good(0))
    with pytest.raises(JournalError, match="No space left on device"):
        journal.finish()
    journal.close()


def test_last_sync(results, synced):
    """At the end everything is on the disk, however short the run was; and it may be said twice."""
    journal = started(results)
    journal.add(good(0))
    journal.finish()
    assert synced == [len(good(0))]
    journal.finish()
    journal.close()


def test_last_sync_fails(results, monkeypatch):
    """A disk that fails at the last moment is told: the run did not end well."""
    told = []
    journal = started(results, told)
    monkeypatch.setattr(os, "fsync", fails(errno.EIO))
    with pytest.raises(
        JournalError, match=r"error\. Everything recorded so far is intact; mend what is wrong and repeat"
    ):
        journal.finish()
    assert told == [True]
    journal.close()


@pytest.mark.parametrize("end", ["finish", "close"])
def test_sync_thread_has_ended(results, monkeypatch, end):
    """At the end the thread is gone, also when the disk is slow: it would `fsync` what is somebody else's file by then."""
    monkeypatch.setattr(module, "SYNC_EVERY", 0.01)
    inside, go_on, real = threading.Event(), threading.Event(), os.fsync

    def slow(descriptor):
        if threading.current_thread() in syncers():
            inside.set()
            assert go_on.wait(60)
        real(descriptor)

    monkeypatch.setattr(os, "fsync", slow)
    journal = started(results)
    journal.add(good(0))
    journal.flush()
    assert inside.wait(60)
    (thread,) = syncers()
    assert thread.daemon  # and never holds up the end of the process
    threading.Timer(0.1, go_on.set).start()
    getattr(journal, end)()
    assert syncers() == []
    if end == "finish":
        journal.close()


async def test_synced_again_and_again(results, monkeypatch):
    """Each round of writing is followed by an `fsync`, and nothing written by none, as often as the docs say."""
    monkeypatch.setattr(module, "SYNC_EVERY", 0.01)
    calls, real, loop, done = 0, os.fsync, asyncio.get_running_loop(), asyncio.Event()

    def fsync(descriptor):
        nonlocal calls
        calls += 1
        real(descriptor)
        loop.call_soon_threadsafe(done.set)

    monkeypatch.setattr(os, "fsync", fsync)
    journal = Journal(results)
    journal.start(loop, lambda: None)
    journal.flush()
    await asyncio.sleep(0.05)
    assert calls == 0
    for index in range(3):
        done.clear()
        journal.add(good(index))
        await asyncio.wait_for(done.wait(), 60)
    await asyncio.sleep(0.05)
    assert calls == 3
    journal.close()
    assert (
        f"the file is `fsync`ed every {SYNC_EVERY} s" in Path(__file__).parents[2].joinpath("docs/job.md").read_text()
    )


async def test_failed_sync_is_told_once(results, monkeypatch):
    """After an `fsync` that failed nothing more is taken, and the run is told once."""
    monkeypatch.setattr(module, "SYNC_EVERY", 0.01)
    told, failed = [], asyncio.Event()

    def on_error():
        told.append(True)
        failed.set()

    monkeypatch.setattr(os, "fsync", fails(errno.EIO))
    journal = Journal(results)
    journal.start(asyncio.get_running_loop(), on_error)
    journal.add(good(0))
    await asyncio.wait_for(failed.wait(), 60)
    with pytest.raises(JournalError, match=r"can no longer be written: Input/output error.*repeat the call"):
        journal.add(good(1))
    await asyncio.sleep(0.05)
    assert told == [True]
    journal.close()
    assert results.read_bytes() == good(0)


async def test_nothing_is_written_after_a_failed_sync(results, monkeypatch):
    """What was taken and not yet written when an `fsync` failed stays out of the file, and runs again."""
    journal = Journal(results)
    journal.start(asyncio.get_running_loop(), lambda: None)
    journal.add(good(0))
    journal._fail(OSError(errno.EIO, "Input/output error"))
    with pytest.raises(JournalError):
        journal.finish()
    journal.close()
    assert results.read_bytes() == b""


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


def put_in_place(monkeypatch, act):
    """Has `act` done between the first opening of a journal and its lock."""
    real, todo = fcntl.flock, [act]

    def flock(descriptor, how):
        if todo:
            todo.pop()()
        real(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", flock)


@pytest.mark.parametrize("replaced", [True, False])
def test_replaced_between_opening_and_lock(results, tmp_path, monkeypatch, replaced):
    """A compaction that puts another file there, or somebody who deletes it, at that moment: what is locked is what has the name."""
    results.write_bytes(good(0))
    (tmp_path / "new").write_bytes(good(1))
    before = descriptors()
    put_in_place(monkeypatch, lambda: (tmp_path / "new").replace(results) if replaced else results.unlink())
    journal = started(results)
    assert descriptors() == before + 1
    with pytest.raises(JobError, match="another run is writing to"):
        Journal(results)
    assert descriptors() == before + 1
    journal.add(good(2))
    journal.finish()
    journal.close()
    assert results.read_bytes() == (good(1) if replaced else b"") + good(2)
    assert descriptors() == before


def test_disk_without_locks(results, monkeypatch):
    """Where a file cannot be locked two runs could spoil it: refused."""
    before = descriptors()
    monkeypatch.setattr(fcntl, "flock", fails(errno.ENOLCK))
    with pytest.raises(JobError, match=r"cannot be locked \(No locks available\).*an out on a local disk"):
        Journal(results)
    assert descriptors() == before


@pytest.mark.parametrize(
    ("make", "name", "told"),
    [
        (Path.mkdir, "there", "it is a directory; expected a path such as results.jsonl"),
        (Path.mkdir, "no/results.jsonl", "there is no folder .*no$"),
        (os.mkfifo, "there", "it is no regular file"),
        (Path.touch, "there/results.jsonl", "Not a directory"),
        (Path.touch, "x" * 300, "File name too long"),
    ],
)
def test_no_place_for_results(tmp_path, make, name, told):
    """Where there can be no results it is said why."""
    make(tmp_path / "there")
    with pytest.raises(JobError, match=f"the results cannot be written to .*{told}"):
        Journal(tmp_path / name)


@pytest.mark.parametrize(("mask", "mode"), [(0, 0o666), (0o027, 0o640)])
def test_mode_of_a_new_file(results, mask, mode):
    """Who may read the results is decided by the umask, as for any other file."""
    before = os.umask(mask)
    try:
        Journal(results).close()
    finally:
        os.umask(before)
    assert results.stat().st_mode & 0o777 == mode
