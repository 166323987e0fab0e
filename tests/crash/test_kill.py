"""`kill -9` at random moments, then the same command to the end: nothing lost, nothing doubled, nothing unreadable.

A few runs here, each a test of its own; two hundred of them in `make crash`, which sets `CORRAL_CRASHES`. The seed of a run
decides everything but the scheduling: its function, its options, how often and how far in it is killed.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.cli.job_process import CORRAL

RUNS = int(os.environ.get("CORRAL_CRASHES", "16"))
INPUTS = 20_000
LIMIT = 200
WORK = str(Path(__file__).with_name("work.py"))

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(300)]


def command(function: str, *options: str) -> list[str]:
    return [*CORRAL, f"{WORK}:{function}", f"range:{INPUTS}", "--limit", str(LIMIT), "--quiet", *options]


def killed(arguments: list[str], results: Path, chance: random.Random) -> bool:
    """Kills the command once it has got some random way, or at some random moment; False if it was quicker."""
    process = subprocess.Popen(arguments)
    if chance.random() < 0.25:  # whatever it is doing: importing, planning, ending
        time.sleep(chance.uniform(0.0, 1.0))
    else:
        before = size(results)
        further = chance.randrange(INPUTS * 80)
        while process.poll() is None and size(results) < before + further:
            time.sleep(0.0005)
        time.sleep(chance.uniform(0.0, 0.002))
    process.send_signal(signal.SIGKILL)
    return process.wait() == -signal.SIGKILL


def size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def whole_lines(results: Path) -> list[bytes]:
    """What stands in the file, each line a record; only the last one may be torn."""
    lines = results.read_bytes().splitlines(keepends=True) if results.exists() else []
    if lines and not lines[-1].endswith(b"\n"):
        lines.pop()
    for line in lines:
        assert json.loads(line).keys() >= {"index", "input", "attempts", "seconds"}
    return lines


def torn_by_the_machine(results: Path, chance: random.Random) -> None:
    """What a crash of the machine may do besides: the end of what was written last is cut off, or is zeros."""
    content = results.read_bytes() if results.exists() else b""
    cut = chance.randrange(min(len(content), 3000) + 1)
    results.write_bytes(content[: len(content) - cut] + chance.choice([b"", b"\0" * cut]))


def to_the_end(arguments: list[str], results: Path) -> list[dict]:
    """Every index is there once, with its output."""
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=250, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    records = [json.loads(line) for line in whole_lines(results)]
    assert sorted(record["index"] for record in records) == list(range(INPUTS))
    assert all(record["output"]["number"] == record["index"] == record["input"] for record in records)
    return records


@pytest.mark.parametrize("seed", range(RUNS))
def test_killed_and_gone_on_with(folder, seed):
    """Whenever it is killed, each input ends up recorded once, and what was recorded before stays as it was."""
    chance = random.Random(seed)
    function = chance.choice(["at_once", "suspends", "naps"])
    options = ["--ordered"] * chance.choice([0, 0, 0, 1]) + ["--loop", "uvloop"] * chance.choice([0, 0, 0, 1])
    results, run = folder / "results.jsonl", command(function, *options)
    kills = 0
    for _ in range(chance.choice([1, 1, 2, 3])):
        before = whole_lines(results)
        kills += killed(run, results, chance)
        assert whole_lines(results)[: len(before)] == before
    if chance.random() < 0.2:
        torn_by_the_machine(results, chance)
        kills = INPUTS  # what was recorded may be gone: no bound on calls
    before = whole_lines(results)
    records = to_the_end(run, results)
    assert results.read_bytes().startswith(b"".join(before))
    if options[:1] == ["--ordered"]:
        assert [record["index"] for record in records] == list(range(INPUTS))
    # Called at least once each; again only what a kill has caught between its call and its record: what ran or waited to be
    # delivered (the limit, and a buffer as large), and what was delivered in that turn of the loop and not yet written.
    calls = Counter(map(int, (folder / "calls").read_bytes().split()))
    assert set(calls) == set(range(INPUTS))
    if function != "at_once":  # those are as many as fit into a slice of time
        assert calls.total() - INPUTS <= kills * 4 * LIMIT


@pytest.mark.parametrize("seed", range(max(RUNS // 8, 2)))
def test_killed_while_failures_are_retried(folder, seed):
    """Killed while failures run again or superseded records are dropped: the last record of each wins, and stands there once."""
    chance = random.Random(1000 + seed)
    results = folder / "results.jsonl"
    subprocess.run(command("third_fails"), check=False)
    assert len(whole_lines(results)) == INPUTS
    (folder / "healed").touch()
    again = command("third_fails", "--retry-failed")
    for _ in range(chance.choice([1, 2, 3])):
        killed(again, results, chance)
        newest = {record["index"]: record for record in map(json.loads, whole_lines(results))}
        assert set(newest) == set(range(INPUTS))
    to_the_end(again, results)
    assert {path.name for path in folder.iterdir()} == {"results.jsonl", "results.jsonl.corral", "calls", "healed"}
