"""Many files analysed on several processors: only files that the byte search kept, and only when there are enough of them."""

from __future__ import annotations

import contextlib
import gc
import os
import sys
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple, TypeAlias, final

from corral.check.cannot import cannot_check
from corral.check.model import Finding
from corral.check.settings import Settings

if TYPE_CHECKING:
    from concurrent.futures import Future, ProcessPoolExecutor

# Costs, in bytes of source: to analyse a chunk takes some 30 ms, to start processes about as long.
CHUNK = 100_000
WORTH_A_POOL = 200_000
PER_FILE = 3_000
# Chunks handed out before the first is waited for, per process: what bounds the memory.
AHEAD = 8


@final
class Item(NamedTuple):
    """A file to analyse: its path as the settings' globs see it, and its bytes."""

    path: str
    data: bytes


Findings: TypeAlias = tuple[Finding, ...]


@contextlib.contextmanager
def collector_paused() -> Generator[None]:
    """A file's tree is freed by reference counts as soon as it is done with; the collector would only walk it, again and again."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def analyse(items: Iterable[Item], settings: Settings, *, workers: int) -> Iterator[tuple[Item, Findings]]:
    """Check every item; the order is not promised. A process that dies on a file costs that file, not the run.

    Args:
        items: The files; they are taken as they come, so reading them goes on beside the analysis.
        settings: What the analysis is told.
        workers: How many processes may be started; with 1 everything happens in this one.
    """
    waiting: list[Item] = []
    size = 0
    chunks: deque[tuple[list[Item], Future[list[Findings]]]] = deque()
    processes = _Processes(settings, workers)
    try:
        for item in items:
            waiting.append(item)
            size += len(item.data) + PER_FILE
            if workers > 1 and size >= (CHUNK if processes.started else WORTH_A_POOL):
                chunks += [(chunk, processes.submit(chunk)) for chunk in _cut(waiting)]
                waiting, size = [], 0
            while len(chunks) > AHEAD * workers:
                yield from _result(*chunks.popleft(), settings)
        if processes.started:
            chunks += [(chunk, processes.submit(chunk)) for chunk in _cut(waiting)]
        else:
            yield from zip(waiting, _check(waiting, settings), strict=True)
        while chunks:
            yield from _result(*chunks.popleft(), settings)
    finally:
        processes.end()


@final
class _Processes:
    """Started when there is something for them to do, and anew when one of them has died."""

    def __init__(self, settings: Settings, workers: int) -> None:
        self._settings = settings
        self._workers = workers
        self._pool: ProcessPoolExecutor | None = None

    @property
    def started(self) -> bool:
        return self._pool is not None

    def submit(self, chunk: list[Item]) -> Future[list[Findings]]:
        from concurrent.futures.process import BrokenProcessPool

        if self._pool is not None:
            try:
                return self._pool.submit(_check_chunk, chunk)
            except BrokenProcessPool:
                self.end()
        self._pool = _start(self._settings, self._workers)
        return self._pool.submit(_check_chunk, chunk)

    def end(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)


def _cut(items: list[Item]) -> Iterator[list[Item]]:
    chunk: list[Item] = []
    size = 0
    for item in items:
        chunk.append(item)
        size += len(item.data) + PER_FILE
        if size >= CHUNK:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def _result(chunk: list[Item], future: Future[list[Findings]], settings: Settings) -> Iterator[tuple[Item, Findings]]:
    from concurrent.futures.process import BrokenProcessPool

    try:
        found = future.result()
    except BrokenProcessPool:
        found = [_alone(item, settings) for item in chunk]
    return zip(chunk, found, strict=True)


def _alone(item: Item, settings: Settings) -> Findings:
    """The item's findings from a process of its own, in which nothing else can be lost."""
    from concurrent.futures.process import BrokenProcessPool

    with _start(settings, 1) as pool:
        try:
            return pool.submit(_check_chunk, [item]).result()[0]
        except BrokenProcessPool:
            return (cannot_check(item.path, "the process that analysed it died"),)


def _start(settings: Settings, workers: int) -> ProcessPoolExecutor:
    import multiprocessing
    import threading
    from concurrent.futures import ProcessPoolExecutor
    from importlib import import_module

    import_module("corral.check.source")  # so that the processes have it by the fork
    # A fork starts at once, with every module loaded; it is safe in a process of one thread, which a command is.
    forks = sys.platform == "linux" and threading.active_count() == 1
    context = multiprocessing.get_context("fork" if forks else "spawn")
    return ProcessPoolExecutor(workers, mp_context=context, initializer=_prepare, initargs=(settings,))


_settings = Settings()


def _prepare(settings: Settings) -> None:
    global _settings  # noqa: PLW0603 - a worker process is told its settings once, not with each chunk
    import signal

    _settings = settings
    gc.disable()
    # Ctrl-C reaches the whole group of processes; the one that waits for these ends them.
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _check_chunk(chunk: list[Item]) -> list[Findings]:
    return _check(chunk, _settings)


def _check(items: list[Item], settings: Settings) -> list[Findings]:
    if not items:
        return []
    # Here, because it brings every rule: a run that knows all its files from last time needs none.
    from corral.check.source import check_source

    return [check_source(item.data, item.path, settings).findings for item in items]


def default_workers() -> int:
    """As many as there are processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
