"""`concurrent.futures.Executor` over a Ray cluster."""

from __future__ import annotations

import importlib
import os
import socket
import threading
from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from functools import partial
from typing import Any, Final, NamedTuple, ParamSpec, TypeVar

_ANSWERS_WITHIN: Final = 5.0
# Before what Ray says, which tells of options that are not ours.
_NONE_HERE: Final = (
    "expected a Ray cluster on this machine for 'auto', and found none; start one with `ray start --head`, "
    "or give an address such as 10.0.0.1:6379, or 'local' for a cluster that ends with the job. Ray says"
)
# Ray speaks gRPC, which is HTTP/2: how a client begins that, and the kind of frame with which a server does.
_HTTP2: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
_SETTINGS: Final = b"\4"

P = ParamSpec("P")
T = TypeVar("T")


class _Call(NamedTuple):
    future: Future[Any]
    fn: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


class RayExecutor(Executor):
    """Runs calls as tasks of the Ray cluster that this process is connected to (`ray.init`).

    A task whose worker dies is run again by Ray, up to `retries` times. Calls beyond `workers` wait here, where they can still
    be cancelled.

    Args:
        workers: How many calls run at the same time; None for as many as the cluster has processors.
        retries: How often Ray runs a call again whose worker has died.
        options: For `ray.remote`, such as `num_cpus`.

    Fails: `ModuleNotFoundError` without the package `ray`, with what to install.
    """

    def __init__(self, workers: int | None = None, *, retries: int = 5, **options: Any) -> None:
        ray = _library()
        self._remote = ray.remote(**{"num_cpus": 1, "max_retries": retries, **options})(_call)
        self._max_workers = workers or int(ray.cluster_resources().get("CPU", 1))
        self._waiting: deque[_Call] = deque()
        self._running: set[Future[Any]] = set()
        self._lock = threading.Lock()
        self._shut = False

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Has `fn(*args, **kwargs)` run on the cluster."""
        future: Future[T] = Future()
        with self._lock:
            if self._shut:
                raise RuntimeError("cannot schedule new futures after shutdown")
            self._waiting.append(_Call(future, fn, args, kwargs))
        self._start()
        return future

    def _start(self) -> None:
        while True:
            with self._lock:
                if not self._waiting or len(self._running) >= self._max_workers:
                    return
                call = self._waiting.popleft()
                if not call.future.set_running_or_notify_cancel():
                    continue
                self._running.add(call.future)
            try:
                done = self._remote.remote(call.fn, call.args, call.kwargs).future()
            except BaseException as exc:
                self._ended(call.future)
                call.future.set_exception(exc)
                continue
            done.add_done_callback(partial(self._take, call.future))

    def _take(self, future: Future[Any], done: Future[Any]) -> None:
        self._ended(future)
        error = done.exception()
        if error is None:
            future.set_result(done.result())
        else:
            future.set_exception(getattr(error, "cause", None) or error)
        self._start()

    def _ended(self, future: Future[Any]) -> None:
        with self._lock:
            self._running.discard(future)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Takes no more calls; waits for those it has, or cancels what has not started."""
        with self._lock:
            self._shut = True
            running = [*self._running]
            waiting = [call.future for call in self._waiting]
        if cancel_futures:
            for future in waiting:
                future.cancel()
        if wait:
            for future in [*running, *waiting]:
                if not future.cancelled():
                    future.exception()


def _library() -> Any:  # its types are not all there
    try:
        return importlib.import_module("ray")
    except ModuleNotFoundError as exc:
        raise ModuleNotFoundError(
            "RayExecutor needs ray, which is not installed: pip install 'corral[ray]'", name="ray"
        ) from exc


def _call(fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return fn(*args, **kwargs)


@contextmanager
def ray_executor(address: str, workers: int | None = None) -> Generator[RayExecutor]:
    """The executor of the cluster at this address, connected to for as long as the block lasts.

    Args:
        address: `auto` for the cluster of this machine, `local` for one that lives as long as the block, or an address.
        workers: How many calls run at the same time; None for as many as the cluster has processors.

    Fails: `ModuleNotFoundError` without the package `ray`; `ConnectionError` when nobody answers.
    """
    ray = _library()
    _check_answers(address)
    try:
        ray.init(address=address, log_to_driver=False, configure_logging=False)
    except (OSError, ValueError, RuntimeError) as exc:
        nobody = _NONE_HERE if address == "auto" else f"no Ray cluster answers at {address}"
        raise ConnectionError(f"{nobody}: {exc}") from exc
    try:
        with RayExecutor(workers) as executor:
            yield executor
    finally:
        ray.shutdown()


def _check_answers(address: str) -> None:
    """Ray itself takes minutes to find that nobody listens, or somebody else. Fails: `ConnectionError`, within seconds."""
    host, colon, port = address.rpartition("//")[2].rpartition(":")
    if not colon or not port.isdigit():
        return  # a name that Ray looks up by itself
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=_ANSWERS_WITHIN) as knock:
            knock.sendall(_HTTP2)
            known = os.environ.get("RAY_USE_TLS", "0") != "0" or knock.recv(9)[3:4] == _SETTINGS
    except OSError as exc:
        raise ConnectionError(f"no Ray cluster answers at {address}: {exc.strerror or exc}") from exc
    if not known:
        raise ConnectionError(f"no Ray cluster answers at {address}, but somebody else, such as a dashboard")
