"""A job on an executor, its resource, and what is not installed; `tests/cli` has processes of its own and clusters."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import sys
import threading
import types
from concurrent.futures import ThreadPoolExecutor

import pytest

import corral.job
from corral.job import JobError, arun_job, retry, run_job, workplace
from tests.job import functions
from tests.job.waiting import cancelled_meanwhile

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
