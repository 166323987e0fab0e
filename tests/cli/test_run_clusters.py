"""`corral run --dask` and `--ray`: on clusters of two workers, and where there is nobody."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
import time
from pathlib import Path

import pytest

from corral.cli import main
from corral.scale.dask import dask_executor
from corral.scale.ray import ray_executor
from tests.cli.command import process
from tests.cli.job_process import fn, has_records, records
from tests.processes import until

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(300)]


def outputs(folder: Path) -> list:
    """What the inputs gave, in their order; None for those that failed."""
    found = sorted(records(folder), key=lambda record: record["index"])
    assert [record["index"] for record in found] == list(range(len(found)))
    return [record.get("output") for record in found]


def test_dask(folder):
    """On a Dask cluster both workers run inputs, and failures are records."""
    from distributed import LocalCluster

    function = fn("tells_its_process_or_fails")
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0", host="127.0.0.1") as cluster:
        done = process("run", function, "range:60", "--limit", 8, "--dask", cluster.scheduler_address, seconds=200)
    assert (done.status, done.out.splitlines()[0]) == (1, "done: 30 ok, 30 failed"), done.err
    found = outputs(folder)
    assert found[1::2] == [None] * 30
    assert len({*found} - {None, os.getpid()}) == 2


def test_grace_on_dask(start, folder):
    """What runs on a cluster cannot be stopped: after the grace it is waited for, is not recorded, and runs again."""
    from distributed import LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0", host="127.0.0.1") as cluster:
        place = ("--dask", cluster.scheduler_address)
        process = start(fn("takes_its_time"), "range:8", "--limit", 2, "--grace", 0.2, *place)
        until((folder / "begun").exists)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=100)
    assert process.returncode == 130
    assert out.startswith("stopped by Ctrl-C: 0 ok, 0 failed, 8 left")
    begun = (folder / "begun").read_text().split()
    assert 1 <= len(begun) <= 2
    assert sorted((folder / "ended").read_text().split()) == sorted(begun)


@pytest.mark.xdist_group("executor-ray")
def test_ray(start, folder):
    """On a Ray cluster of this machine the job is the same, in other processes."""
    process = start(fn("tells_where_it_runs"), "range:60", "--limit", 8, "--ray", "local")
    out, err = process.communicate(timeout=100)
    assert (process.returncode, out.splitlines()[0]) == (1, "done: 30 ok, 30 failed"), err
    found = outputs(folder)
    assert found[1::2] == [None] * 30
    assert process.pid not in found


@pytest.mark.xdist_group("executor-ray")
def test_grace_on_ray(start, folder):
    """After Ctrl-C in the terminal, which Ray's own processes get too, what runs there ends within its grace; the file is sound."""
    job = (fn("logs_start_and_end"), "range:400", "--limit", 4)
    process = start(*job, "--grace", 30, "--ray", "local")
    until(has_records(folder, 8), seconds=100)
    os.killpg(process.pid, signal.SIGINT)
    begun = time.monotonic()
    out, err = process.communicate(timeout=100)
    assert time.monotonic() - begun < 30
    assert process.returncode == 130, err
    found = sorted(str(record["index"]) for record in records(folder))
    assert out.startswith(f"stopped by Ctrl-C: {len(found)} ok, 0 failed, {400 - len(found)} left")
    assert 8 <= len(found) < 400
    assert found == sorted((folder / "begun").read_text().split()) == sorted((folder / "ended").read_text().split())
    again = start(*job[:-1], 400)
    out, _ = again.communicate(timeout=100)
    assert out.startswith(f"done: 400 ok, 0 failed, {len(found)} of these recorded before")
    assert len(records(folder)) == 400


def test_no_address(folder, capsys):
    """What cannot be the address of a scheduler is told as that, with what one looks like, and nothing is connected to."""
    pytest.importorskip("distributed")
    for given in ("nonsense", "tcp://x", "tcp://x:port", "nope://x:1"):
        assert main(["run", fn("same"), "range:3", "--limit", "1", "--dask", given]) == 2
        assert capsys.readouterr().err.startswith(
            f"corral run: {given!r} is no address of a Dask scheduler, such as tcp://10.0.0.1:8786: "
        )
    assert list(folder.iterdir()) == []


@pytest.fixture(
    params=[b"", b"SSH-2.0-OpenSSH_9.6\r\n", b"HTTP/1.1 400 Bad Request\r\n\r\n"], ids=["silent", "ssh", "http"]
)
def somebody_else(request):
    """The address of a server that is neither Dask's nor Ray's, and what it says to whoever comes."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        held = []

        def serve():
            with contextlib.suppress(OSError):  # it was closed: the test is over
                while True:
                    held.append(server.accept()[0])
                    held[-1].sendall(request.param)

        serving = threading.Thread(target=serve)
        serving.start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)
        serving.join()
        for connection in held:
            connection.close()


def test_somebody_else_there(somebody_else, monkeypatch):
    """A mistyped port, such as a dashboard's, is told as soon as that nobody is there; neither library would tell it in minutes."""
    monkeypatch.setattr("corral.scale.ray._ANSWERS_WITHIN", 0.3)
    told = f"no Ray cluster answers at {somebody_else}[:,] "
    with pytest.raises(ConnectionError, match=told), ray_executor(somebody_else):
        pass
    told = f"no Dask scheduler answers at tcp://{somebody_else} within 0.3 s$"
    with pytest.raises(ConnectionError, match=told), dask_executor(f"tcp://{somebody_else}", wait=0.3):
        pass


@pytest.mark.parametrize("place", [("--dask", "tcp://127.0.0.1:9"), ("--ray", "127.0.0.1:9")], ids=["dask", "ray"])
def test_nobody_there(folder, place):
    """Where no cluster answers there is a clear error within seconds, and nothing is written."""
    begun = time.monotonic()
    done = process("run", fn("same"), "range:3", "--limit", 1, *place, seconds=200)
    assert time.monotonic() - begun < 60  # ten or so, on a machine that does nothing else
    assert done.status == 2
    assert place[1] in done.err
    assert done.err.splitlines()[-1].endswith("Is it running, and is the address right?")
    assert "Traceback" not in done.err
    assert list(folder.iterdir()) == []
