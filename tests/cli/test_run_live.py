"""`corral run` as a process: signals, terminals, pipes, full disks, two at once."""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import subprocess
import sys
import time

import pytest

from tests.cli.job_process import fn, has_records, records
from tests.cli.terminal import Terminal, uncoloured
from tests.processes import until


@pytest.mark.parametrize(
    ("number", "code", "why"), [(signal.SIGINT, 130, "Ctrl-C"), (signal.SIGTERM, 143, "SIGTERM")], ids=["int", "term"]
)
def test_first_signal(start, folder, number, code, why):
    """Nothing new is started, what runs has finished, the summary and the command to go on are printed; and it goes on."""
    command = (fn("logs_start_and_end"), "range:300", "--limit", 10, "--grace", 30)
    process = start(*command)
    until(has_records(folder, 20))
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == code
    assert out.startswith(f"stopped by {why}: ")
    assert "stopping: nothing new is started" in err
    again = re.search(r"to go on:    corral run (.*)\n", out)[1]
    assert again.split() == [str(word) for word in command]
    begun, ended = ((folder / name).read_text().split() for name in ("begun", "ended"))
    recorded = [str(record["index"]) for record in records(folder)]
    assert sorted(begun) == sorted(ended) == sorted(recorded)
    assert 20 <= len(recorded) < 300
    process = start(*command)
    out, _ = process.communicate(timeout=60)
    assert (process.returncode, out.split(",")[0]) == (0, "done: 300 ok")
    assert sorted((folder / "begun").read_text().split()) == sorted(map(str, range(300)))
    assert len(records(folder)) == 300


def test_grace_runs_out(start, folder):
    """What has not finished when the grace is over is cancelled, is not recorded, and runs again."""
    process = start(fn("first_ten_are_quick"), "range:30", "--limit", 15, "--grace", 0.2)
    until(has_records(folder, 10))
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out.startswith("stopped by Ctrl-C: 10 ok, 0 failed, 20 left")
    assert len(records(folder)) == 10


def test_second_signal(start, folder):
    """A second Ctrl-C ends it at once, although its inputs refuse to be cancelled; the file is sound, the summary is printed."""
    process = start(fn("some_are_stubborn"), "range:100", "--limit", 50, "--grace", 1000)
    until(has_records(folder, 20))
    process.send_signal(signal.SIGINT)
    assert any("in flight may take up to 1000 s more" in line for line in process.stderr)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out.startswith("stopped by Ctrl-C: ")
    assert "to go on:" in out
    assert len(records(folder)) >= 20


def test_second_signal_before_the_first_record(start, folder):
    """What was to be overwritten is gone then as well: the command to go on, which is told, does not go on with that."""
    assert start(fn("same"), "range:3", "--limit", 5).wait(timeout=60) == 0
    process = start(fn("takes_its_time"), "range:3", "--limit", 1, "--grace", 1000, "--overwrite")
    until((folder / "begun").exists)
    process.send_signal(signal.SIGINT)
    assert any("in flight may take up to 1000 s more" in line for line in process.stderr)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert out.startswith("stopped by Ctrl-C: 0 ok, 0 failed, 3 left")
    assert "--overwrite" not in out
    assert records(folder) == []


def test_second_signal_while_the_loop_is_blocked(start, folder):
    """A function that blocks the loop cannot keep the process from ending."""
    process = start(fn("blocks_after_ten"), "range:100", "--limit", 1)
    until(has_records(folder, 10))
    process.send_signal(signal.SIGTERM)
    time.sleep(0.1)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 143
    assert err.endswith("ended at once; what is recorded stays, and can be gone on with\n")
    assert len(records(folder)) == 10


def test_signal_while_it_waits_for_input(start, folder):
    """With nothing in flight and an open pipe as its input, Ctrl-C ends it without any grace."""
    process = start(fn("same"), "-", "--limit", 5, "--grace", 1000, stdin=subprocess.PIPE)
    process.stdin.write("a\nb\n")
    process.stdin.flush()
    until(has_records(folder, 2))
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 130
    assert [record["output"] for record in records(folder)] == ["a", "b"]


def test_signal_during_import(start, folder):
    """Ctrl-C while the function's module is being imported ends it as Ctrl-C does, with no traceback."""
    (folder / "slow.py").write_text(
        "import pathlib, time\npathlib.Path('begun').touch()\ntime.sleep(60)\nasync def f(x): ...\n"
    )
    process = start("slow.py:f", "range:3", "--limit", 1)
    until((folder / "begun").exists)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in err


def test_standard_input(start, folder):
    """`-` reads lines from a pipe, and each is run when it comes, not when the pipe ends; the same input goes on."""
    process = start(fn("same"), "-", "--limit", 5, stdin=subprocess.PIPE)
    process.stdin.write("a\n")
    process.stdin.flush()
    until(has_records(folder))
    out, _ = process.communicate("b\nc\n", timeout=60)
    assert (process.returncode, out.splitlines()[0]) == (0, "done: 3 ok, 0 failed")
    again = start(fn("same"), "-", "--limit", 5, stdin=subprocess.PIPE)
    out, _ = again.communicate("a\nb\nc\nd\n", timeout=60)
    assert out.startswith("done: 4 ok, 0 failed, 3 of these recorded before")
    other = start(fn("same"), "-", "--limit", 5, stdin=subprocess.PIPE)
    _, err = other.communicate("a\nB\n", timeout=60)
    assert other.returncode == 2
    assert "the input has changed: input 1 is 'B' now, and was \"b\" in the results" in err
    assert len(records(folder)) == 4


def test_nothing_on_standard_input(start, folder):
    """A pipe without a line is an empty input, and nothing is left of that; nor are old results lost that were to be overwritten."""
    process = start(fn("same"), "-", "--limit", 5)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (2, "corral run: there is no input: standard input is empty\n")
    assert list(folder.iterdir()) == []
    assert start(fn("same"), "range:3", "--limit", 5).wait(timeout=60) == 0
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    process = start(fn("same"), "-", "--limit", 5, "--overwrite")
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (2, "corral run: there is no input: standard input is empty\n")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_closed_standard_input(start, folder):
    """Started without a standard input, as by `<&-`, there is nothing to read, and no traceback."""
    process = start(fn("same"), "-", "--limit", 5, stdin=None, preexec_fn=lambda: os.close(0))
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (2, "corral run: there is no input: standard input is closed\n")


def test_two_at_once(start, folder):
    """While one run has the results another one is refused; when it was killed, the next one goes on at once."""
    first = start(fn("nap_long"), "range:1000", "--limit", 1)
    until(has_records(folder))
    second = start(fn("nap_long"), "range:1000", "--limit", 1)
    _, err = second.communicate(timeout=60)
    assert second.returncode == 2
    assert "another run is writing to results.jsonl" in err
    first.send_signal(signal.SIGKILL)
    first.wait()
    third = start(fn("nap_long"), "range:1000", "--limit", 1000)
    out, _ = third.communicate(timeout=60)
    assert (third.returncode, out.split(",")[0]) == (0, "done: 1")
    assert len(records(folder)) == 1000


def test_full_disk(start, folder):
    """A file that can grow no further stops the run at once; all that was recorded is intact, and it goes on when there is room."""

    def small_disk():
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))

    command = (fn("nap"), "range:1000", "--limit", 20)
    process = start(*command, preexec_fn=small_disk)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert re.search(
        r"results.jsonl can no longer be written: File too large.* is intact; make room and give the same command", err
    )
    recorded = len(records(folder))
    assert 100 < recorded < 1000
    process = start(*command)
    out, _ = process.communicate(timeout=60)
    assert (process.returncode, out.splitlines()[0]) == (
        0,
        f"done: 1,000 ok, 0 failed, {recorded} of these recorded before",
    )
    assert sorted(record["index"] for record in records(folder)) == list(range(1000))


def test_plain_progress(start, folder):
    """On no terminal there is a plain line every ten seconds, with all its facts; each here a tenth of one."""
    code = (
        "import sys, corral.job.progress as p; p.PlainMeter.every = 0.1; from corral.cli import main; sys.exit(main())"
    )
    process = subprocess.run(
        [sys.executable, "-c", code, "run", fn("nap_long"), "range:30", "--limit", "10"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert process.returncode == 0
    shown = process.stderr.splitlines()
    fact = r"\d+/30 \(\d+\.\d%\)  [\d.,]+/s now, [\d.,]+/s mean  \d+ in flight  0 failed(  [\w. ]+ left)?"
    assert len(shown) >= 2
    assert all(re.fullmatch(fact, line) for line in shown), shown


@pytest.fixture(autouse=True)
def no_size_in_the_environment(monkeypatch):
    """The terminal itself is asked for its size."""
    for name in ("COLUMNS", "LINES", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")


def test_progress_on_a_terminal(start, folder):
    """On a terminal one line is drawn over and then taken away; what the function prints stands above it, unharmed."""
    terminal = Terminal()
    process = start(fn("prints"), "range:40", "--limit", 4, stdout=terminal.theirs, stderr=terminal.theirs)
    shown = terminal.read(process)
    assert process.returncode == 0
    text = uncoloured(shown)
    assert re.search(
        r"\d+/40 \(\d+\.\d%\)  [\d.]+/s now, [\d.]+/s mean  \d+ in flight  0 failed  [\d.]+ \w+ left", text
    )
    assert "\x1b[2K" in shown  # the line is wiped
    assert all(f"hello {n}\r\n" in text for n in range(40))
    assert text.rstrip().endswith("results:     results.jsonl")
    assert "\x1b[?25h" in shown.rpartition("\x1b[?25l")[2]  # the cursor is back


def test_output_is_not_swallowed_by_the_terminal(start, folder):
    """With progress on the terminal and standard output in a pipe, what the function prints goes into the pipe, whole."""
    terminal = Terminal()
    process = start(fn("prints"), "range:40", "--limit", 4, "--json", stderr=terminal.theirs)
    shown = terminal.read(process)
    out = process.stdout.read()
    assert process.returncode == 0
    assert "40 (" in uncoloured(shown)
    assert "hello" not in shown
    assert sorted(line for line in out.splitlines() if line.startswith("hello")) == sorted(
        f"hello {n}" for n in range(40)
    )
    assert json.loads(out[out.index("{") :])["ok"] == 40


def test_progress_of_a_stream_on_a_terminal(start, folder):
    """Where the total is not known, done, rate, in flight and failed are shown, and no time left."""
    terminal = Terminal()
    process = start(fn("nap_long"), "-", "--limit", 2, stdin=subprocess.PIPE, stderr=terminal.theirs)
    process.stdin.write("a\nb\nc\nd\ne\nf\n")
    process.stdin.close()
    shown = uncoloured(terminal.read(process))
    assert re.search(r"\d  [\d.]+/s now, [\d.]+/s mean  \d in flight  0 failed", shown)
    assert "left" not in shown


def test_closed_output(start, folder):
    """`corral run ... | head` does not end in a traceback."""
    process = start(fn("same"), "range:10", "--limit", 2)
    process.stdout.close()
    err = process.stderr.read()
    process.wait(timeout=60)
    assert "Traceback" not in err
    assert len(records(folder)) == 10
