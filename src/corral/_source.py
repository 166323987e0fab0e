"""Where inputs come from: any iterable, or any async iterable, pulled one by one and only when there is a place for it.

The user's code in a source runs in a copy of the caller's context that no input shares. An async source is pulled, and
closed, by one Task of its own, so that its timeouts and cancel scopes are never an input's.
"""

from __future__ import annotations

import asyncio
import inspect
from abc import abstractmethod
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Iterable
from contextvars import Context
from functools import partial
from typing import Any, Final, Protocol

from corral._failures import own_code

# Iterators without a line of the user's code behind them need no context: half the cost of a pull.
_SAMPLES: Final[list[Any]] = [
    range(0),
    range(1 << 70),
    [],
    (),
    "",
    b"",
    bytearray(),
    set(),
    {},
    {}.values(),
    {}.items(),
]
_PLAIN: Final[frozenset[Any]] = frozenset(map(type, map(iter, _SAMPLES)))


class Eater(Protocol):
    """What an async source needs of the run that eats it."""

    @abstractmethod
    def has_place(self) -> bool:
        """Whether one more input may be pulled."""

    def offered(self) -> None:
        """An input was pulled."""

    @abstractmethod
    def step_aside(self) -> bool:
        """Whether this iteration of the loop has had enough of us."""

    def ended(self, error: BaseException | None) -> None:
        """There will be no more inputs."""


class SyncSource:
    """An iterator; `pull()` is its `__next__`, in the source's context."""

    __slots__ = ("_context", "_iterator", "pull")

    def __init__(self, items: Iterable[Any], context: Context) -> None:
        self._context = context
        self._iterator = context.run(iter, items)
        advance = self._iterator.__next__
        self.pull: Callable[[], Any] = advance if type(self._iterator) in _PLAIN else partial(context.run, advance)

    def close(self) -> None:
        """Closes a generator; any other iterator is left where it stands."""
        if inspect.isgenerator(self._iterator):
            self._context.run(self._iterator.close)


class AsyncSource:
    """A queue between the Task that pulls the async iterator and the workers that take from it."""

    __slots__ = ("_called", "_items", "pull", "queue")

    def __init__(self, items: AsyncIterable[Any]) -> None:
        self._items = items
        self._called: asyncio.Future[None] | None = None
        self.queue: deque[Any] = deque()
        self.pull: Callable[[], Any] = self.queue.popleft

    def call(self) -> None:
        """There may be a place now."""
        if self._called is not None and not self._called.done():
            self._called.set_result(None)

    async def feed(self, eater: Eater) -> None:
        """Pulls until the end, or until it is cancelled. Never raises an Exception: it is told to the eater."""
        if asyncio.get_running_loop().get_task_factory() is not None:
            await asyncio.sleep(0)  # an eager start: an exit would leave through `create_task` (gh-95571)
        try:
            iterator = aiter(self._items)
            try:
                await self.pull_all(iterator, eater)
            finally:
                if isinstance(iterator, AsyncGenerator):
                    await iterator.aclose()
        except BaseException as exc:
            eater.ended(exc)
            if isinstance(exc, KeyboardInterrupt | SystemExit):
                raise
        else:
            eater.ended(None)

    async def pull_all(self, iterator: AsyncIterator[Any], eater: Eater) -> None:
        """Pulls while there are places, until the iterator ends."""
        loop = asyncio.get_running_loop()
        while True:
            while not eater.has_place():
                self._called = loop.create_future()
                await self._called
            if eater.step_aside():
                await asyncio.sleep(0)
                continue
            try:
                item = await anext(iterator)
            except StopAsyncIteration:
                return
            self.queue.append(item)
            eater.offered()


own_code.update({AsyncSource.feed.__code__, AsyncSource.pull_all.__code__})
