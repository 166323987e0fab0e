"""Inputs through a pipe: read once, as the other end writes them."""

from __future__ import annotations

import asyncio
import os
import select
import threading
from collections.abc import AsyncIterator
from typing import Final

from corral.job.errors import JobError
from corral.job.formats import FORMATS, Bad, completed
from corral.job.lines import LineSplitter
from corral.job.source import InputIdentity, Job, Kind, Recorded, changed, check_end

_BLOCK: Final = 1 << 18


class PipeSource:
    """Standard input or a pipe: read once, in a thread, so that waiting for the other end never blocks the loop.

    Args:
        descriptor: What to read.
        name: What it is called; `-` for standard input.
        form: How it is read.
        close: Whether the descriptor is closed at the end.
    """

    kind: Kind = "stream"

    def __init__(self, descriptor: int, name: str, form: str, *, close: bool = False) -> None:
        self.total: int | None = None
        self._descriptor = descriptor
        self._name = name
        self._form = form
        self._close = close

    def identify(self, before: InputIdentity | None) -> InputIdentity:
        """Its format is all that can be told before it is read."""
        if before is not None and before.format != self._form:
            raise changed(f"it is read as {self._form} now, and was read as {before.format}")
        return InputIdentity("stream", self._name, self._form)

    async def jobs(self, recorded: Recorded) -> AsyncIterator[Job]:
        """Reads it as the other end writes it."""
        form, splitter, done = FORMATS[self._form](), LineSplitter(), recorded.done
        index = 0
        # From here on it is the reading thread that closes: it may be in the middle of a read when this ends.
        close, self._close = self._close, False
        reader = _Reader(self._descriptor, close=close)
        try:
            block = b"?"
            while block:
                block = await reader.block()
                for number, raw in completed(form, splitter, block):
                    item = form.decode(number, raw)
                    if index in done:
                        recorded.compare(index, item.text if isinstance(item, Bad) else item)
                    else:
                        yield index, item
                    index += 1
        finally:
            reader.end()
        check_end(recorded, index)
        if not index:
            raise JobError(f"there is no input: {'standard input' if self._name == '-' else self._name} is empty")

    def close(self) -> None:
        """Let go of what nobody has begun to read."""
        if self._close:
            self._close = False
            os.close(self._descriptor)


class _Reader:
    """Reads blocks of a descriptor in a thread of its own.

    The loop itself cannot watch all that standard input may be (a regular file, for one). A thread that waits can be told to
    end: it waits for the descriptor and for a pipe of ours. It is a daemon even so, and not one of the loop's executor: where
    another process reads the same pipe, a read may find nothing there after all, and then nothing ends it but the other end.
    """

    def __init__(self, descriptor: int, *, close: bool) -> None:
        self._descriptor = descriptor
        self._close = close
        self._loop = asyncio.get_running_loop()
        self._wanted = threading.Semaphore(0)
        self._ended, self._end = os.pipe()
        self._block: asyncio.Future[bytes] = self._loop.create_future()
        threading.Thread(target=self._run, name="corral-input", daemon=True).start()

    async def block(self) -> bytes:
        """The next block; empty at the end."""
        self._block = self._loop.create_future()
        self._wanted.release()
        return await self._block

    def end(self) -> None:
        """Let the thread go, wherever it waits."""
        os.close(self._end)
        self._wanted.release()

    def _run(self) -> None:
        try:
            self._read()
        finally:
            os.close(self._ended)
            if self._close:
                os.close(self._descriptor)

    def _read(self) -> None:
        waiting = select.poll()
        waiting.register(self._descriptor, select.POLLIN)
        waiting.register(self._ended, 0)  # its other end is closed: that is told unasked
        block = b"?"
        while block:
            self._wanted.acquire()
            if self._ended in dict(waiting.poll()):
                return
            block, error = b"", None
            try:
                block = os.read(self._descriptor, _BLOCK)
            except OSError as why:
                error = JobError(f"the input cannot be read: {why.strerror}")
            try:
                self._loop.call_soon_threadsafe(self._answer, block, error)
            except RuntimeError:  # the loop was closed, and what read from here was not
                return

    def _answer(self, block: bytes, error: JobError | None) -> None:
        if self._block.done():  # cancelled: nobody waits any more
            return
        if error is None:
            self._block.set_result(block)
        else:
            self._block.set_exception(error)
