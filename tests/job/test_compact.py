"""Superseded records are dropped: by a second file in the place of the first, or not at all."""

from __future__ import annotations

import asyncio
import errno
import os

import pytest

from corral.job.compact import compact
from corral.job.errors import JobError, JournalError
from corral.job.journal import Journal
from tests.job.disk import small_disk
from tests.job.opened import descriptors
from tests.job.records import bad, good


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
    with small_disk(1000), pytest.raises(JournalError, match=r"File too large. Nothing is lost"):
        compact(journal)
    journal.close()
    assert results.read_bytes() == content
    assert [path.name for path in results.parent.iterdir()] == ["results.jsonl"]


async def test_compaction_is_on_the_disk(results, synced):
    """The new file is on the disk before it takes the name, and the name afterwards; the journal goes on with it."""
    results.write_bytes(good(0, "a") + good(0, "b"))
    before = descriptors()
    journal = Journal(results)
    compact(journal)
    assert synced == [len(good(0, "b")), ["results.jsonl"]]
    assert journal.size == len(good(0, "b"))
    assert descriptors() == before + 1
    journal.start(asyncio.get_running_loop(), lambda: None)
    journal.add(good(1))
    journal.finish()
    journal.close()
    assert results.read_bytes() == good(0, "b") + good(1)
    assert descriptors() == before


@pytest.mark.parametrize("at", [0, 1])
def test_compaction_on_a_failing_disk(results, monkeypatch, at):
    """Whether the file or its folder cannot be synced: an error of the job, nothing lost, and no file or descriptor left over."""
    results.write_bytes(good(0, "a") + good(0, "b"))
    journal = Journal(results)
    before, real, calls = descriptors(), os.fsync, []

    def fsync(descriptor):
        calls.append(descriptor)
        if len(calls) == at + 1:
            raise OSError(errno.EIO, "Input/output error")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(JournalError, match=r"Input/output error. Nothing is lost"):
        compact(journal)
    assert descriptors() == before
    journal.close()
    assert results.read_bytes().endswith(good(0, "b"))
    assert [path.name for path in results.parent.iterdir()] == ["results.jsonl"]
