"""The executor for Ray, over a stand-in for Ray whose tasks end when the test says so; the contract's tests have the real one."""

from __future__ import annotations

import contextlib
import socket
import sys
import threading
import time
from concurrent.futures import CancelledError, Future
from types import SimpleNamespace
from typing import Any

import pytest

from corral.scale import RayExecutor
from corral.scale.ray import ray_executor


class Cluster:
    """As much of Ray as the executor needs. `tasks` are those that run."""

    def __init__(self) -> None:
        self.options: dict[str, Any] = {}
        self.refusal: Exception | None = None
        self.connected: list[str] = []
        self.tasks: list[tuple[Future[Any], Any]] = []

    def init(self, *, address: str, **_: object) -> None:
        if self.refusal is not None:
            raise self.refusal
        self.connected.append(address)

    def shutdown(self) -> None:
        self.connected.clear()

    def cluster_resources(self) -> dict[str, float]:
        return {"CPU": 2.0}

    def remote(self, **options: Any) -> Any:
        self.options = options
        return lambda call: SimpleNamespace(
            remote=lambda *args: SimpleNamespace(future=lambda: self._begun(call, args))
        )

    def _begun(self, call: Any, args: tuple[Any, ...]) -> Future[Any]:
        if isinstance(args[1][0], threading.Thread):
            raise TypeError("cannot pickle 'Thread'")
        future: Future[Any] = Future()
        self.tasks.append((future, lambda: call(*args)))
        return future

    def end_first(self) -> None:
        future, call = self.tasks.pop(0)
        try:
            future.set_result(call())
        except Exception as exc:
            failed = RuntimeError("a task has failed")
            failed.cause = exc  # type: ignore[attr-defined]  # as Ray's own error has it
            future.set_exception(failed)


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    cluster = Cluster()
    monkeypatch.setitem(sys.modules, "ray", cluster)
    return cluster


def test_as_many_as_there_are_processors(cluster: Cluster) -> None:
    """The cluster is given as many calls as it has processors, in order, and the next one when one has ended."""
    executor = RayExecutor()
    futures = [executor.submit(pow, number, 2) for number in range(5)]
    assert len(cluster.tasks) == 2
    for number in range(5):
        cluster.end_first()
        assert [future.done() for future in futures] == [True] * (number + 1) + [False] * (4 - number)
        assert len(cluster.tasks) == min(2, 4 - number)
    assert [future.result() for future in futures] == [0, 1, 4, 9, 16]


def test_options(cluster: Cluster) -> None:
    """What Ray is told of the tasks: a processor each, how often they may be run again, and what was asked for."""
    RayExecutor(3, retries=7, num_gpus=1)
    assert cluster.options == {"num_cpus": 1, "max_retries": 7, "num_gpus": 1}


def test_its_own_error(cluster: Cluster) -> None:
    """A call that fails raises its own error, not Ray's around it."""
    future = RayExecutor().submit(int, "x")
    cluster.end_first()
    with pytest.raises(ValueError, match="invalid literal"):
        future.result()


def test_a_call_that_cannot_be_sent(cluster: Cluster) -> None:
    """What Ray does not take is the failure of its call, and takes no place."""
    executor = RayExecutor(1)
    refused, taken = executor.submit(str, threading.current_thread()), executor.submit(str, 1)
    with pytest.raises(TypeError, match="cannot pickle"):
        refused.result()
    cluster.end_first()
    assert taken.result() == "1"


def test_what_waits_can_be_cancelled(cluster: Cluster) -> None:
    """A call that waits for a place can be taken back, one that Ray has cannot."""
    executor = RayExecutor(1)
    running, waiting, last = (executor.submit(str, number) for number in range(3))
    assert not running.cancel()
    assert waiting.cancel()
    cluster.end_first()
    cluster.end_first()
    assert [running.result(), last.result()] == ["0", "2"]
    assert cluster.tasks == []


def test_shutdown_waits(cluster: Cluster) -> None:
    """Leaving the block waits for all calls, those that fail included; after it none is taken."""
    with RayExecutor(1) as executor:
        futures = [executor.submit(int, what) for what in ("1", "x", "3")]

        def end_all() -> None:
            while not executor._shut:
                time.sleep(0.001)
            for _ in futures:
                cluster.end_first()

        end = threading.Thread(target=end_all)
        end.start()
    assert [future.done() for future in futures] == [True] * 3
    end.join()
    with pytest.raises(RuntimeError, match="cannot schedule new futures after shutdown"):
        executor.submit(int, "4")


def test_shutdown_that_cancels(cluster: Cluster) -> None:
    """`cancel_futures` takes back what waits, and waits for what runs only if it is told to."""
    executor = RayExecutor(1)
    running, waiting = executor.submit(str, 1), executor.submit(str, 2)
    executor.shutdown(wait=False, cancel_futures=True)
    assert not running.done()
    with pytest.raises(CancelledError):
        waiting.result()
    cluster.end_first()
    executor.shutdown(cancel_futures=True)
    assert running.result() == "1"


def test_a_cluster_that_is_connected_to(cluster: Cluster) -> None:
    """`ray_executor` is connected for as long as its block lasts, and runs as many calls as it is told to."""
    with ray_executor("auto", 3) as executor:
        assert cluster.connected == ["auto"]
        futures = [executor.submit(str, number) for number in range(4)]
        assert len(cluster.tasks) == 3
        for _ in futures:
            cluster.end_first()
    assert cluster.connected == []


@pytest.mark.parametrize(
    ("says", "known"), [(b"\0\0\0\4\0\0\0\0\0", True), (b"HTTP/1.1 400 Bad Request", False), (b"", False)]
)
def test_who_listens_at_an_address(cluster: Cluster, says: bytes, known: bool) -> None:
    """At a port Ray is asked for only where somebody speaks as it does, in HTTP/2."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        def answer() -> None:
            with server.accept()[0] as connection:
                connection.recv(64)
                connection.sendall(says)

        other = threading.Thread(target=answer)
        other.start()
        told = (
            contextlib.nullcontext() if known else pytest.raises(ConnectionError, match=f"answers at 127.0.0.1:{port}")
        )
        with told, ray_executor(f"127.0.0.1:{port}"):
            assert cluster.connected == [f"127.0.0.1:{port}"]
        other.join()


@pytest.mark.parametrize("refusal", [ConnectionError, ValueError, RuntimeError])
def test_a_cluster_that_is_not_there(cluster: Cluster, refusal: type[Exception]) -> None:
    """Whatever Ray says when it finds no cluster is a `ConnectionError` with the address that was asked for."""
    cluster.refusal = refusal("nothing found")
    told = "no Ray cluster answers at ray://head: nothing found"
    with pytest.raises(ConnectionError, match=told), ray_executor("ray://head"):
        pass


def test_no_cluster_on_this_machine(cluster: Cluster) -> None:
    """Where `auto` finds none, what to do is said in our words before Ray's, which name options that are not ours."""
    cluster.refusal = ConnectionError("set `--address` flag")
    told = r"^expected .* for 'auto', and found none; start one with `ray start --head`, or give .* Ray says: set `--address`"
    with pytest.raises(ConnectionError, match=told), ray_executor("auto"):
        pass


def test_without_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where Ray is not installed the error says what to install."""
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ModuleNotFoundError, match=r"RayExecutor needs ray, .* pip install 'corral\[ray\]'$"):
        RayExecutor()


def test_shutdown_waits_for_what_runs_only(cluster: Cluster) -> None:
    """What it has taken back is not waited for."""
    executor = RayExecutor(1)
    running, waiting = executor.submit(str, 1), executor.submit(str, 2)

    def end() -> None:
        while not waiting.cancelled():
            time.sleep(0.001)
        cluster.end_first()

    other = threading.Thread(target=end)
    other.start()
    executor.shutdown(cancel_futures=True)
    assert running.result() == "1"
    assert cluster.tasks == []
    other.join()
