"""Where `fn` runs, if that takes more than a call: with a resource at hand, or over an executor.

The engine stays as it is: it calls a place as if it were `fn`, and awaits what it is given.
"""

from __future__ import annotations

import importlib
from abc import abstractmethod
from collections.abc import AsyncIterable, Awaitable, Callable, Iterable
from concurrent.futures import Executor
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Any, Self

from corral import _arguments as arguments
from corral._calls import Call, timed
from corral._failures import own_code
from corral._progress import SupportsUpdate
from corral._supervision import Supervision
from corral.outcome import OnError


class Place(AbstractAsyncContextManager["Place", None]):
    """Around the whole run of a verb, and called once for each input, in order."""

    #: Whether it can be waited for although it is left by a `GeneratorExit`: an async generator that is closed can.
    may_wait = False

    @abstractmethod
    def __call__(self, item: Any, /) -> Awaitable[Any]:
        """Runs an input."""

    def bind(self, run: Supervision, /) -> None:
        """Tells whose inputs it runs."""


class Here(Place):
    """In this process: `fn`, and with it the resource if there is one, entered before the first input and left after the last."""

    def __init__(
        self,
        fn: Callable[..., Awaitable[Any]],
        factory: Callable[[], AbstractAsyncContextManager[Any]],
        timeout: float | None,
    ) -> None:
        self._fn = fn
        self._factory = factory
        self._call: Call = self.with_resource if timeout is None else timed(self.with_resource, timeout)
        self._manager: AbstractAsyncContextManager[Any] | None = None
        self._resource: Any = None

    async def __aenter__(self) -> Self:
        manager = self._factory()
        self._resource = await manager.__aenter__()
        self._manager = manager
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        manager, self._manager, self._resource = self._manager, None, None
        assert manager is not None
        await manager.__aexit__(kind, raised, trace)  # what it returns is ignored: a verb that fails has no result

    def with_resource(self, item: Any) -> Awaitable[Any]:
        """`fn` with its second argument."""
        return self._fn(item, self._resource)

    def __call__(self, item: Any, /) -> Awaitable[Any]:
        return self._call(item)


own_code.update({Here.__call__.__code__, Here.with_resource.__code__})


def prepare(
    verb: str,
    fn: Callable[..., Awaitable[Any]],
    items: Iterable[Any] | AsyncIterable[Any],
    limit: int | None,
    on_error: OnError,
    timeout: float | None,
    progress: bool | SupportsUpdate,
    resource: Callable[[], AbstractAsyncContextManager[Any]] | None,
    executor: Executor | None,
    lanes: int | None,
    show_items: bool,
) -> tuple[Call, Place | None]:
    """Refuses wrong arguments. Gives what to call with each input, and that once more if it is a place."""
    arguments.check_fn(verb, fn)
    arguments.check_items(verb, fn, items)
    arguments.check_limit(verb, limit)
    arguments.check_on_error(verb, on_error)
    arguments.check_timeout(verb, timeout)
    arguments.check_progress(verb, progress)
    arguments.check_resource(verb, resource)
    arguments.check_executor(verb, executor, lanes)
    if executor is not None:
        # By name, and only now: the verbs are whole without it, and importing them stays cheap.
        over = importlib.import_module("corral.scale").over
        place: Place = over(verb, fn, executor, limit, lanes, timeout, resource, show_items=show_items)
        return place, place
    if resource is not None:
        here = Here(fn, resource, timeout)
        return here, here
    call: Call = fn if timeout is None else timed(fn, timeout)
    return call, None
