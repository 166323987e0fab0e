"""A job in other threads and processes, its resource, and what is not installed; `tests/cli` has clusters."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import os
import sys
import threading
import types
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

import corral.job
from corral.job import JobError, arun_job, retry, run_job, workplace
from tests.job import functions
from tests.job.records import outputs, records
from tests.job.waiting import cancelled_meanwhile
from tests.processes import lives

pytestmark = pytest.mark.usefixtures("folder")


def test_executor_of_the_caller():
    """Any executor will do, and stays open."""
    with ThreadPoolExecutor(2) as threads:
        assert run_job(functions.same, range(20), limit=5, out="out.jsonl", executor=threads, lanes=2).ok == 20
        assert threads.submit(int, "3").result() == 3


def test_resource_that_is_none(folder):
    """What the factory makes has to be an async context manager; nothing is left of a job that has none."""
    asked = {"resource": functions.not_a_context_manager}
    with pytest.raises(JobError, match=r"not_a_context_manager made 3 \(int\): decorate it with"):
        run_job(functions.with_resource, range(3), limit=1, out="out.jsonl", **asked)
    assert list(folder.iterdir()) == []


def test_without_msgspec(monkeypatch):
    """The room itself says what to install where its one dependency is missing."""
    monkeypatch.setitem(sys.modules, "msgspec", None)
    with pytest.raises(ModuleNotFoundError, match=r"corral.job needs msgspec, .* pip install 'corral\[cli\]'"):
        importlib.reload(corral.job)


@pytest.mark.parametrize("configured", [False, True])
def test_structlog_is_kept_quiet(monkeypatch, configured):
    """Retries print nothing among the results where structlog is merely installed; where it is set up, its notes go on."""

    class Hook:
        __module__ = "stamina.instrumentation._structlog"

    from stamina import instrumentation

    before = instrumentation.get_on_retry_hooks()
    monkeypatch.setitem(sys.modules, "structlog", types.SimpleNamespace(is_configured=lambda: configured))
    retry._keep_quiet.cache_clear()
    try:
        instrumentation.set_on_retry_hooks([Hook()])
        retry._keep_quiet()
        kept = instrumentation.get_on_retry_hooks()
        assert any(isinstance(hook, Hook) for hook in kept) is configured
        retry._keep_quiet.cache_clear()
        retry._keep_quiet()
        assert instrumentation.get_on_retry_hooks() == kept
    finally:
        instrumentation.set_on_retry_hooks(before)
        retry._keep_quiet.cache_clear()


@pytest.mark.parametrize(("option", "library"), [("dask", "distributed"), ("ray", "ray")])
def test_missing_extra(monkeypatch, option, library):
    """Without the library, the error says what to install."""
    real = importlib.import_module

    def without(name, package=None):
        if name.partition(".")[0] == library:
            raise ModuleNotFoundError(name=name)
        return real(name, package)

    monkeypatch.setattr(importlib, "import_module", without)
    with pytest.raises(JobError, match=rf"^{option} needs {library}.*corral\[{option}\]"):
        run_job(functions.same, range(3), limit=1, out="out.jsonl", **{option: "somewhere"})


async def test_cancelled_while_it_connects(monkeypatch):
    """Cancelled while it looks for a cluster, it ends when that has ended, and what was connected to is let go."""
    begun, go_on, left = threading.Event(), threading.Event(), []

    class Cluster:
        def __enter__(self):
            begun.set()
            assert go_on.wait(20)

        def __exit__(self, *_):
            left.append(True)

    monkeypatch.setattr(workplace, "_manager", lambda _: Cluster())
    task = asyncio.ensure_future(arun_job(functions.same, range(3), limit=1, out="out.jsonl", dask="somewhere"))
    await cancelled_meanwhile(task, begun, go_on)
    assert left == [True]


def test_what_a_cluster_says(monkeypatch, folder):
    """What a library says of its cluster becomes one sentence with what to look after, and nothing is written."""

    class Nobody(contextlib.nullcontext):
        def __enter__(self):
            raise ConnectionError("there is nobody.")

    monkeypatch.setattr(workplace, "_manager", lambda _: Nobody())
    with pytest.raises(JobError, match=r"^there is nobody\. Is it running, and is the address right\?$"):
        run_job(functions.same, range(3), limit=1, out="out.jsonl", dask="somewhere")
    assert list(folder.iterdir()) == []


def test_function_that_cannot_travel(folder):
    """A function without a name in a module is refused before anything is written, with what to do."""

    async def inner(item):
        return item

    with pytest.raises(JobError, match=r"cannot be sent to other processes: .*Define it at the top of a module"):
        run_job(inner, range(3), limit=1, out="results.jsonl", workers=2)
    assert list(folder.iterdir()) == []


def test_input_that_cannot_travel(results):
    """An input that no other process could be given fails by itself, without a call, and its neighbours are run."""

    @dataclass
    class Local:
        number: int

    summary = run_job(functions.same, [Local(1), 2], limit=2, out=results, workers=1)
    assert (summary.ok, summary.failed) == (1, 1)
    bad = records(results)[0]
    assert (bad["input"], bad["error"]["type"], bad["attempts"]) == ({"number": 1}, "TypeError", 0)
    assert bad["error"]["message"].startswith("the input cannot travel to another process: ")


def test_processes_of_its_own(results):
    """`workers=2` runs all inputs in two other processes, and leaves none behind."""
    summary = run_job(functions.tells_its_process, range(100), limit=10, out=results, workers=2)
    assert (summary.ok, summary.failed) == (100, 0)
    workers = {*outputs(results)}
    assert len(workers - {os.getpid()}) == len(workers) == 2
    assert not any(lives(pid) for pid in workers)
