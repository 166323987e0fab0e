"""Where the results of a test are, and what of them is on the disk."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest


@pytest.fixture
def results(folder: Path) -> Path:
    """The results of a job, not there yet, in a folder of their own, the current one."""
    return folder / "results.jsonl"


@pytest.fixture
def synced(monkeypatch):
    """What is `fsync`ed: the size of a file, or the names in a folder, at that moment."""
    seen, real = [], os.fsync

    def fsync(descriptor):
        state = os.fstat(descriptor)
        names = os.scandir(descriptor) if stat.S_ISDIR(state.st_mode) else None
        seen.append(state.st_size if names is None else [entry.name for entry in names])
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    return seen
