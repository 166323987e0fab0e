"""Executors that nothing is known of: they may be on other machines, so chunks are sent to them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any


class Stranger(Executor):
    """A pool that does not show what it is."""

    def __init__(self, pool: Executor) -> None:
        self.pool = pool

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        return self.pool.submit(fn, *args, **kwargs)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        self.pool.shutdown(wait, cancel_futures=cancel_futures)


class ByHand(Executor):
    """Keeps the calls it is given, until the test runs one."""

    def __init__(self) -> None:
        self.calls: list[tuple[Future[Any], Callable[[], Any]]] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self.calls.append((future, lambda: fn(*args, **kwargs)))
        return future

    def run(self, at: int = 0) -> None:
        """Runs a call, in a thread that ends with it."""
        future, call = self.calls.pop(at)
        if future.set_running_or_notify_cancel():
            thread = threading.Thread(target=lambda: future.set_result(call()))
            thread.start()
            thread.join()
