"""`corral run --dask` and `--ray`: on clusters of two workers, and where there is nobody."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.job import functions

CORRAL = [sys.executable, "-c", "import sys; from corral.cli import main; sys.exit(main())", "run"]

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(300)]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def corral(*arguments: object) -> subprocess.CompletedProcess[str]:
    words = [*CORRAL, *map(str, arguments)]
    return subprocess.run(words, capture_output=True, text=True, timeout=200, check=False)


def outputs(folder: Path) -> list:
    records = [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]
    assert sorted(record["index"] for record in records) == list(range(len(records)))
    return [record.get("output") for record in sorted(records, key=lambda record: record["index"])]


def test_dask(folder):
    """On a Dask cluster both workers run inputs, and failures are records."""
    from distributed import LocalCluster

    function = f"{functions.__file__}:tells_its_process_or_fails"
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, host="127.0.0.1") as cluster:
        done = corral(function, "range:60", "--limit", 8, "--dask", cluster.scheduler_address)
    assert (done.returncode, done.stdout.splitlines()[0]) == (1, "done: 30 ok, 30 failed"), done.stderr
    found = outputs(folder)
    assert found[1::2] == [None] * 30
    assert len({*found} - {None, os.getpid()}) == 2


def test_ray(folder):
    """On a Ray cluster of this machine the job is the same."""
    done = corral(f"{functions.__file__}:odd_fails", "range:60", "--limit", 8, "--ray", "local")
    assert (done.returncode, done.stdout.splitlines()[0]) == (1, "done: 30 ok, 30 failed"), done.stderr
    assert outputs(folder) == [None if number % 2 else number for number in range(60)]


@pytest.mark.parametrize("place", [("--dask", "tcp://127.0.0.1:9"), ("--ray", "127.0.0.1:9")], ids=["dask", "ray"])
def test_nobody_there(folder, place):
    """Where no cluster answers there is a clear error within seconds, and nothing is written."""
    begun = time.monotonic()
    done = corral(f"{functions.__file__}:same", "range:3", "--limit", 1, *place)
    assert time.monotonic() - begun < 60  # ten or so, on a machine that does nothing else
    assert done.returncode == 2
    assert place[1] in done.stderr
    assert done.stderr.splitlines()[-1].endswith("Is it running, and is the address right?")
    assert "Traceback" not in done.stderr
    assert list(folder.iterdir()) == []
