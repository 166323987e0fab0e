"""Where a job runs: in this process, in a pool of its own, on a cluster; and the resource that its calls share there."""

from __future__ import annotations

import importlib
import pickle
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager
from typing import Any, TypeAlias

from corral.job.errors import JobError, Option
from corral.job.function import FACTORY, Function, function_of
from corral.job.options import Options, missing_extra
from corral.job.record import message_of
from corral.job.stop import to_its_end

Factory: TypeAlias = Callable[[], AbstractAsyncContextManager[Any]]


class Resource:
    """A factory, found again in other processes as the function is."""

    def __init__(self, function: Function) -> None:
        self._function = function

    def __call__(self) -> AbstractAsyncContextManager[Any]:
        """What is entered. Fails: `JobError` when it cannot be."""
        made: Any = self._function.call()
        if not hasattr(made, "__aenter__"):
            raise JobError(
                Option("resource"),
                f": expected a factory of async context managers, and {self._function.name} made "
                f"{made!r} ({type(made).__name__}): decorate it with contextlib.asynccontextmanager, or return an object that "
                "`async with` can enter",
            )
        manager: AbstractAsyncContextManager[Any] = made
        return manager


def resource_of(options: Options) -> Factory | None:
    """The factory that was given, as itself or as `module:factory`. Fails: `JobError`."""
    given = options.resource
    if given is None:
        return None
    try:
        function = function_of(given, FACTORY)
    except JobError as why:
        raise JobError(Option("resource"), ": ", *why.parts) from why.__cause__
    if not callable(function.call):
        raise JobError(
            Option("resource"), f": expected a factory of async context managers, and {function.name} cannot be called"
        )
    return Resource(function)


def elsewhere(options: Options) -> bool:
    """Whether the calls leave this process."""
    if options.executor is not None:
        return not isinstance(options.executor, ThreadPoolExecutor)
    return options.workers is not None or options.dask is not None or options.ray is not None


def check_travels(call: object, factory: object) -> None:
    """Refuse a function, or a factory, that other processes could not find. Fails: `JobError`."""
    for what, thing in (("function", call), ("factory of the resource", factory)):
        try:
            pickle.dumps(thing)
        except Exception as why:
            raise JobError(
                f"the {what} cannot be sent to other processes: {message_of(why)}. Define it at the top of a module, "
                f"and give the {what.partition(' ')[0]} itself or its `module:name`"
            ) from None


@asynccontextmanager
async def executor_of(options: Options) -> AsyncGenerator[Executor | None]:
    """The executor to run in, ours or the caller's; None for this process. Opened and shut in a thread.

    Fails: `JobError` when it is not installed or nobody answers.
    """
    manager = _manager(options)
    if manager is None:
        yield options.executor
        return
    try:
        executor = await to_its_end(manager.__enter__, undo=lambda _: manager.__exit__(None, None, None))
    except ConnectionError as why:
        raise JobError(f"{message_of(why).rstrip('.')}. Is it running, and is the address right?") from None
    try:
        yield executor
    finally:
        await to_its_end(manager.__exit__, None, None, None)


def _manager(options: Options) -> AbstractContextManager[Executor] | None:
    if options.workers is not None:
        pool: AbstractContextManager[Executor] = importlib.import_module("corral.scale.own_pool").OwnPool(
            options.workers
        )
        return pool
    for name, given, module, installs in (
        ("dask", options.dask, "corral.scale.dask", "distributed"),
        ("ray", options.ray, "corral.scale.ray", "ray"),
    ):
        if given is not None:
            try:
                importlib.import_module(installs)
            except ModuleNotFoundError:
                raise missing_extra(Option(name), installs, name) from None
            manager: AbstractContextManager[Executor] = getattr(importlib.import_module(module), f"{name}_executor")(
                given
            )
            return manager
    return None
