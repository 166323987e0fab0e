"""`corral run --workers`: the same job over processes, and what is left of them when it ends."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from pathlib import Path

import pytest

from tests.cli.job_process import fn, has_records, records
from tests.processes import until


@pytest.fixture
def start(start):
    """Starts the command with two workers."""
    return lambda *arguments: start(*arguments, "--workers", 2)


TRACKER = b"resource_tracker"  # of multiprocessing: it outlives its parent until it has read the end of a pipe


def running(group: int) -> dict[int, bytes]:
    """The processes of the group that run, with their command lines; one on its way out has none, nor any memory, any more."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, _, its_group = (folder / "stat").read_text().rpartition(")")[2].split()[:3]
            command = (folder / "cmdline").read_bytes()
            if int(its_group) == group and state != "Z" and command:
                found[int(folder.name)] = command
        except OSError:  # it has just ended
            continue
    return found


def workers_left(group: int) -> list[int]:
    """The processes of the group that may run inputs."""
    return [pid for pid, command in running(group).items() if TRACKER not in command]


def workers_of(folder: Path) -> set[int]:
    """The workers whose records are in the file, also while it is being written."""
    lines = (folder / "results.jsonl").read_bytes().split(b"\n")[:-1]
    return {record["output"] for record in map(json.loads, lines) if "output" in record}


def test_two_processes(start, folder):
    """Both workers run inputs, `--limit` holds over both, records stand in order when that is asked for, nobody is left over."""
    process = start(fn("tells_its_process"), "range:200", "--limit", 10, "--ordered")
    out, _ = process.communicate(timeout=100)
    assert (process.returncode, out.splitlines()[0]) == (0, "done: 200 ok, 0 failed")
    assert len(workers_of(folder)) == 2
    assert process.pid not in workers_of(folder)
    assert [record["index"] for record in records(folder)] == list(range(200))
    assert workers_left(process.pid) == []
    until(lambda: not running(process.pid))  # the tracker of multiprocessing ends a moment later


def test_failures_and_options_in_workers(start, folder):
    """Failures, their tracebacks, timeouts, retries and the rate are the same over there."""
    begun = time.monotonic()
    process = start(
        fn("each_its_own_way"), "range:12", "--limit", 4, "--timeout", 0.2, "--retries", 1, "--rate", "20/s", "--json"
    )
    out, _ = process.communicate(timeout=100)
    assert time.monotonic() - begun > 11 / 20
    summary = json.loads(out)
    assert {kind["type"]: kind["count"] for kind in summary["failures"]} == {"ValueError": 3, "TimeoutError": 3}
    assert (process.returncode, summary["ok"]) == (1, 6)
    found = {record["index"]: record for record in records(folder)}
    assert [found[index]["attempts"] for index in range(4)] == [1, 2, 2, 2]
    assert "each_its_own_way" in found[1]["error"]["traceback"]
    assert "/corral/" not in found[1]["error"]["traceback"]


def test_resource_once_per_process(start, folder):
    """The resource is entered once in each worker, and left in each."""
    process = start(fn("with_own_resource"), "range:60", "--limit", 6, "--resource", fn("own_resource"))
    process.communicate(timeout=100)
    assert process.returncode == 0
    entered = Path("entered").read_text().split()
    assert len(entered) == len(set(entered)) == 2
    assert sorted(Path("left").read_text().split()) == sorted(entered)
    assert {str(pid) for pid in workers_of(folder)} == set(entered)


def test_first_signal(start, folder):
    """After Ctrl-C in the terminal, which every process of the group gets, what runs has finished and is recorded."""
    process = start(fn("logs_start_and_end"), "range:400", "--limit", 10, "--grace", 30)
    until(has_records(folder, 20))
    os.killpg(process.pid, signal.SIGINT)
    out, _ = process.communicate(timeout=100)
    assert process.returncode == 130
    assert re.search(r"to go on:    corral run .* --workers 2\n", out)
    begun, ended = (sorted((folder / name).read_text().split()) for name in ("begun", "ended"))
    assert begun == ended == sorted(str(record["index"]) for record in records(folder))
    assert len(begun) < 400
    assert workers_left(process.pid) == []


def test_grace_runs_out(start, folder):
    """When the grace is over what still runs in the workers is cancelled there, with its cleanup, and the workers end."""
    process = start(fn("cleans_up_after_ten"), "range:30", "--limit", 16, "--grace", 0.2)
    until(has_records(folder, 10))
    until(lambda: (folder / "waiting").exists())
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=100)
    assert process.returncode == 143
    assert out.startswith("stopped by SIGTERM: 10 ok, 0 failed, 20 left")
    assert sorted((folder / "waiting").read_text().split()) == sorted((folder / "cleaned").read_text().split())
    assert workers_left(process.pid) == []


def test_second_signal(start, folder):
    """A second Ctrl-C ends it at once, its workers with it, although their inputs refuse to be cancelled."""
    process = start(fn("some_are_stubborn"), "range:100", "--limit", 50, "--grace", 1000)
    until(has_records(folder, 10))
    process.send_signal(signal.SIGINT)
    assert any("in flight may take up to 1000 s more" in line for line in process.stderr)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=100)
    assert process.returncode == 130
    assert len(records(folder)) >= 10
    until(lambda: not running(process.pid))


def test_service_is_stopped(start, folder):
    """SIGTERM to the whole group, as a service manager sends it, is a stop and no failure; the same command goes on."""
    process = start(fn("nap_long"), "range:100", "--limit", 4)
    until(has_records(folder, 4))
    os.killpg(process.pid, signal.SIGTERM)
    out, _ = process.communicate(timeout=100)
    assert process.returncode == 143
    assert out.startswith("stopped by SIGTERM")
    assert workers_left(process.pid) == []
    known = len(records(folder))
    assert start(fn("nap_long"), "range:100", "--limit", 100).wait(timeout=100) == 0
    assert known < len(records(folder)) == 100


def test_workers_end_with_their_parent(start, folder):
    """`kill -9` of the command leaves no worker behind, whatever it is doing, nor a lock, and what is recorded stays."""
    process = start(fn("some_are_stubborn"), "range:100", "--limit", 10)
    until(has_records(folder, 3))
    process.kill()
    process.wait()
    until(lambda: not running(process.pid))
    known = len(records(folder))
    _, err = start(fn("same"), "range:100", "--limit", 10).communicate(timeout=100)
    assert "begun with the function functions:some_are_stubborn, and this is functions:same" in err
    assert len(records(folder)) == known


def test_killed_worker(start, folder):
    """A worker that is killed ends the run with a clear error that names inputs in flight; the same command goes on."""
    process = start(fn("tells_its_process"), "range:5000", "--limit", 10)
    until(has_records(folder, 50))
    until(lambda: len(workers_of(folder)) == 2)
    os.kill(workers_of(folder).pop(), signal.SIGKILL)
    _, err = process.communicate(timeout=100)
    assert process.returncode == 1
    assert re.search(r"^corral run: a worker has ended .*as \(index, input\): \(\d+, \d+\)", err, re.MULTILINE)
    assert "Traceback" not in err
    known = len(records(folder))
    assert 50 <= known < 5000
    again = start(fn("tells_its_process"), "range:5000", "--limit", 500)
    out, _ = again.communicate(timeout=100)
    assert (again.returncode, out.splitlines()[0]) == (
        0,
        f"done: 5,000 ok, 0 failed, {known:,} of these recorded before",
    )
