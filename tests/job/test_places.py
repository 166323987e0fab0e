"""A job on executors and clusters; `tests/cli/test_run_workers.py` is about processes of its own."""

from __future__ import annotations

import importlib
import json
import os
import sys
import types
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import corral.job
from corral.job import JobError, retry, run_job
from tests.job import functions

FN = f"{functions.__file__}:tells_where_it_runs"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def processes():
    return {json.loads(line)["output"] for line in Path("out.jsonl").read_text().splitlines()}


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


def test_nobody_at_the_dask_address(folder):
    """A scheduler that does not answer is an error within seconds, and no file is made."""
    pytest.importorskip("distributed")
    with pytest.raises(JobError, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:1 "):
        run_job(functions.same, range(3), limit=1, out="out.jsonl", dask="tcp://127.0.0.1:1")
    assert list(folder.iterdir()) == []


@pytest.mark.heavy
def test_nobody_at_the_ray_address(folder):
    """Nor does a Ray cluster."""
    pytest.importorskip("ray")
    with pytest.raises(JobError, match=r"no Ray cluster answers at 127\.0\.0\.1:1"):
        run_job(functions.same, range(3), limit=1, out="out.jsonl", ray="127.0.0.1:1")
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


@pytest.mark.heavy
@pytest.mark.xdist_group("executor-dask")
def test_dask():
    """`dask=` runs on the cluster at that address."""
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=2, host="127.0.0.1", dashboard_address="127.0.0.1:0", memory_limit=0
    ) as cluster:
        assert run_job(FN, range(50), limit=10, out="out.jsonl", dask=cluster.scheduler_address).ok == 50
    assert os.getpid() not in processes()


@pytest.mark.heavy
@pytest.mark.xdist_group("executor-ray")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")
def test_ray(monkeypatch):
    """`ray="local"` runs on a cluster of its own, which ends with the job."""
    pytest.importorskip("ray")
    monkeypatch.setenv("RAY_raylet_start_wait_time_s", "100")
    assert run_job(FN, range(50), limit=10, out="out.jsonl", ray="local").ok == 50
    assert os.getpid() not in processes()
