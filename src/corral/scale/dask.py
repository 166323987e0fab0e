"""The executor of a Dask cluster."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Awaitable, Generator
from concurrent.futures import Executor
from contextlib import contextmanager
from typing import Any


@contextmanager
def dask_executor(address: str, *, wait: float = 10.0) -> Generator[Executor]:
    """The executor of the cluster whose scheduler is at this address, for as long as the block lasts.

    Args:
        address: Of the scheduler, such as `tcp://10.0.0.1:8786`.
        wait: Seconds for it to answer.

    Fails: `ModuleNotFoundError` without the package `distributed`; `ConnectionError` when nobody answers.
    """
    distributed: Any = importlib.import_module("distributed")  # it has no types to check
    comm: Any = importlib.import_module("distributed.comm")
    try:  # a client that stumbles over it is 20 s about its own end
        comm.get_address_host_port(address)
    except ValueError as exc:
        raise ConnectionError(
            f"{address!r} is no address of a Dask scheduler, such as tcp://10.0.0.1:8786: {exc}"
        ) from exc
    security = distributed.Security().get_connection_args("client")
    try:  # a client waits for ever for the greeting of whoever else listens there, the dashboard for one
        asyncio.run(asyncio.wait_for(_greeted(comm.connect(address, timeout=wait, **security)), wait))
    except Exception as exc:  # what others send is taken for the sizes of what follows, and fails in many ways
        raise ConnectionError(f"no Dask scheduler answers at {address} within {wait:g} s") from exc
    with distributed.Client(address, timeout=wait, set_as_default=False, asynchronous=False) as client:
        executor: Executor = client.get_executor()
        yield executor


async def _greeted(connecting: Awaitable[Any]) -> None:
    scheduler = await connecting
    await scheduler.close()
