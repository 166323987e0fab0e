"""The results file: append-only, one process at a time, sound after `kill -9`.

**Group commit.** Records are collected for no longer than one turn of the loop and go to the file in one `write`, which a
`kill -9` of this process cannot take back. A thread calls `fsync` at least every half second, for what only a crash of the
machine could take; the loop never waits for the disk's word.

**The lock** is `flock` on the results themselves, so it dies with its process and leaves no file behind. Compaction puts
another file in their place: that one is locked before it takes the name, and whoever got hold of the old one notices that the
name has moved on.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
import threading
from asyncio import AbstractEventLoop
from collections.abc import Callable
from pathlib import Path
from typing import Final

from corral.job.errors import AGAIN, OUT, JobError, JournalError
from corral.job.identity import sync_folder

SYNC_EVERY: Final = 0.5
_FULL: Final = 1 << 18


class Journal:
    """The results of one run, open and locked.

    Args:
        path: The results.

    Fails: `JobError` when they cannot be opened, are no regular file, or another run has them.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.error: JournalError | None = None
        self._new = not _is_there(path)
        self._descriptor = _open_locked(path)
        self._size = os.fstat(self._descriptor).st_size
        self._lines: list[bytes] = []
        self._bytes = 0
        self._written = 0
        self._synced = 0
        self._closing = threading.Event()
        self._syncer: threading.Thread | None = None
        self._loop: AbstractEventLoop | None = None
        self._on_error: Callable[[], None] = lambda: None

    @property
    def size(self) -> int:
        """Bytes in the file."""
        return self._size

    def cut(self, size: int) -> None:
        """Drop what stands after the first `size` bytes: the torn end, or with 0 everything."""
        os.ftruncate(self._descriptor, size)
        os.fsync(self._descriptor)
        self._size = size

    def end_line(self) -> None:
        """Give a whole last record the line end that a crash has kept from it."""
        os.write(self._descriptor, b"\n")
        self._size += 1

    def start(self, loop: AbstractEventLoop, on_error: Callable[[], None]) -> None:
        """Begin to take records on `loop`; `on_error` is called there when the file can no longer be written."""
        self._loop = loop
        self._on_error = on_error
        self._syncer = threading.Thread(target=self._sync_forever, name="corral-fsync", daemon=True)
        self._syncer.start()

    def add(self, line: bytes) -> None:
        """Take the record `line`, which ends in a line end; it is in the file before the loop goes round.

        Fails: `JournalError` when the file could not be written, now or before.
        """
        if self.error is not None:
            raise self.error
        if not self._lines:
            assert self._loop is not None, "started before"
            self._loop.call_soon(self.flush)
        self._lines.append(line)
        self._bytes += len(line)
        if self._bytes >= _FULL:
            self.flush()

    def flush(self) -> None:
        """Write what was taken."""
        if not self._lines or self.error is not None:
            return
        data = b"".join(self._lines)
        self._lines.clear()
        self._bytes = 0
        done = 0
        try:
            while done < len(data):
                done += os.write(self._descriptor, memoryview(data)[done:])
        except OSError as why:
            self._cut_torn(data, done, why)
        else:
            self._size += len(data)
            self._written += 1

    def _cut_torn(self, data: bytes, done: int, why: OSError) -> None:
        """After a write that failed half way: keep the whole records of it, and no torn one."""
        whole = data.rfind(b"\n", 0, done) + 1
        self._size += whole
        lost = data.count(b"\n", whole)
        with contextlib.suppress(OSError):  # else the next run cuts it off
            os.ftruncate(self._descriptor, self._size)
        self._fail(why, f"; {lost:,} finished results could not be written, and their inputs will run again")

    def _fail(self, why: OSError, lost: str = "") -> None:
        self.error = JournalError(
            f"{self.path} can no longer be written: {why.strerror or why}{lost}. "
            f"Everything recorded so far is intact; {_cure(why)} and ",
            AGAIN,
            " to go on",
        )
        self._on_error()

    def _sync_forever(self) -> None:
        assert self._loop is not None
        while not self._closing.wait(SYNC_EVERY):
            written = self._written
            if written == self._synced:
                continue
            try:
                os.fsync(self._descriptor)
            except OSError as why:
                self._loop.call_soon_threadsafe(self._fail, why)
                return
            self._synced = written

    def finish(self) -> None:
        """Write and `fsync` what was taken; the file stays locked.

        Fails: `JournalError`.
        """
        self.flush()
        self._closing.set()
        if self._syncer is not None:
            self._syncer.join()
            self._syncer = None
        if self.error is None:
            try:
                os.fsync(self._descriptor)
            except OSError as why:
                self._fail(why)
        if self.error is not None:
            raise self.error

    def replace(self, temporary: Path, descriptor: int) -> None:
        """Put the file `temporary`, open as `descriptor`, in the place of the results, never unlocked in between."""
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        place = self.path.resolve()
        temporary.replace(place)
        sync_folder(place)
        os.close(self._descriptor)
        self._descriptor = descriptor
        self._size = os.fstat(descriptor).st_size

    def close(self) -> None:
        """Let go of the file and its lock."""
        self._closing.set()
        if self._syncer is not None:
            self._syncer.join()
        os.close(self._descriptor)

    def give_up(self) -> None:
        """Let go of them, and take away the file that this has made, where nothing is in it."""
        if self._new and not self._size:
            self.path.resolve().unlink(missing_ok=True)  # a link to what is not there yet stays one
        self.close()


def _is_there(path: Path) -> bool:
    try:
        path.stat()
    except OSError:  # it is not, or opening it will say what is wrong with it
        return False
    return True


def _open_locked(path: Path) -> int:
    while True:
        try:
            _check_kind(path)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
        except OSError as why:
            reason = why.strerror
            if why.errno == errno.ENOENT:
                reason = f"there is no folder {(path.resolve() if path.is_symlink() else path).parent}"
            raise JobError(f"the results cannot be written to {path}: {reason}") from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise JobError(f"another run is writing to {path}: wait for it to end, or give another ", OUT) from None
        except OSError as why:
            os.close(descriptor)
            raise JobError(
                f"{path} cannot be locked ({why.strerror}), so two runs could spoil it: give an ",
                OUT,
                " on a local disk",
            ) from None
        # Between the opening and the lock a compaction may have put another file there.
        try:
            if path.stat().st_ino == os.fstat(descriptor).st_ino:
                return descriptor
        except FileNotFoundError:
            pass
        os.close(descriptor)


def _check_kind(path: Path) -> None:
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISREG(mode):
        kind = "a directory" if stat.S_ISDIR(mode) else "no regular file"
        raise JobError(f"the results cannot be written to {path}: it is {kind}; expected a path such as results.jsonl")


def _cure(why: OSError) -> str:
    return "make room" if why.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG} else "mend what is wrong"
