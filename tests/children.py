"""Inputs that tests give to verbs, and what became of them.

`returns`, `fails` and the like are the children of a test in one line; `Crowd` is a `fn` that counts who starts, runs, ends.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Generator, Iterable
from contextlib import suppress
from typing import Any

import pytest

from corral import _worker


async def turns(count: int) -> None:
    """Suspends for so many iterations of the loop."""
    for _ in range(count):
        await asyncio.sleep(0)


async def returns(value: Any, after: int = 1) -> Any:
    """Gives `value` after so many iterations of the loop; 0: at once, without suspending."""
    await turns(after)
    return value


async def fails(error: BaseException, after: int = 1) -> Any:
    """Raises `error` after so many iterations of the loop."""
    await turns(after)
    raise error


# What children wait for. Were it held by nobody, the collector could take what `asyncio.gather` leaves running (gh-91887).
_waited_for: set[asyncio.Event] = set()


async def waits(log: list[Any], name: object = "child", cleanup: int = 0) -> None:
    """Waits until it is cancelled, cleans up for so many iterations, and writes both into `log`."""
    event = asyncio.Event()
    _waited_for.add(event)
    try:
        await event.wait()
    finally:
        _waited_for.discard(event)
        log.append(f"{name} cancelled")
        await turns(cleanup)
        log.append(f"{name} gone")


async def cancels_itself() -> None:
    """Raises the `CancelledError` of its own Task, as if it had been cancelled from outside."""
    task = asyncio.current_task()
    assert task is not None
    task.cancel("from inside")
    await asyncio.sleep(0)


def others(count: int) -> list[Coroutine[Any, Any, None]]:
    """So many coroutines that do nothing: beside them a call is large enough for the engine's workers."""
    return [returns(None) for _ in range(count)]


class Lazy:
    """An object with `__await__` and nothing else."""

    def __init__(self, coro: Coroutine[Any, Any, Any]) -> None:
        self.coro = coro

    def __await__(self) -> Generator[Any, Any, Any]:
        return self.coro.__await__()


class Crowd:
    """A `fn` for the verbs, whose inputs suspend `after` times; those in `failing` raise `ValueError(item)`."""

    def __init__(self, after: int = 1, failing: Iterable[Any] = ()) -> None:
        self.after = after
        self.failing = set(failing)
        self.started: list[Any] = []
        self.ended: list[Any] = []
        self.cancelled: list[Any] = []
        self.running = self.most = 0

    async def __call__(self, item: Any) -> Any:
        self.started.append(item)
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await turns(self.after)
            if item in self.failing:
                raise ValueError(item)
        except asyncio.CancelledError:
            self.cancelled.append(item)
            raise
        finally:
            self.running -= 1
        self.ended.append(item)
        return item


def notes(error: BaseException) -> list[str]:
    """The notes on an exception."""
    return list(getattr(error, "__notes__", ()))


def leaves(error: BaseException) -> list[BaseException]:
    """The exceptions of a group, of the groups in it, and so on; a bare one by itself."""
    if isinstance(error, BaseExceptionGroup):
        return [leaf for inner in error.exceptions for leaf in leaves(inner)]
    return [error]


async def end_of(task: asyncio.Future[Any]) -> BaseException | None:
    """Waits for a task and gives what it raised, `CancelledError` included."""
    await asyncio.wait([task])
    with suppress(asyncio.CancelledError):
        return task.exception()
    return asyncio.CancelledError()


def count_workers(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A list with an entry for each worker that is made from now on."""
    made: list[int] = []
    work = _worker.work

    def counting(run: Any) -> Any:
        made.append(1)
        return work(run)

    monkeypatch.setattr(_worker, "work", counting)
    return made
