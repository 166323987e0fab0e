"""`corral run`: every option from the command line."""

from __future__ import annotations

import gzip
import json
import re
import shlex
import time

import pytest

from corral.cli.run_options import __dict__ as declared
from corral.job import run_job
from tests.cli.job_process import fn, records
from tests.job import functions


def test_help_has_an_example_of_every_option(run, monkeypatch):
    """`--help` names each option that there is, and shows each in use."""
    monkeypatch.setenv("COLUMNS", "250")
    monkeypatch.setenv("NO_COLOR", "1")
    shown = run("--help").out
    names = set(re.findall(r"--[a-z-]+", " ".join(line[:30] for line in shown.splitlines() if line.startswith("│"))))
    options = [name for name in declared if name.endswith("Option")]
    assert len(names - {"--help"}) == len(options)
    for name in names - {"--help"}:
        said = next(line for line in shown.splitlines() if re.match(rf"│\W*{name} ", line))
        assert re.search(rf"Example: .*{name}", said), said


def test_all_well(run, folder):
    """Without failures: exit 0, a summary on standard output, and a record of each input."""
    (folder / "in.txt").write_text("a\nb\nc\n")
    done = run(fn("same"), "in.txt", "--limit", 2)
    assert (done.status, done.err) == (0, "")
    assert done.out.startswith("done: 3 ok, 0 failed\n  this run:    3 in ")
    assert done.out.endswith("results:     results.jsonl\n")
    assert sorted(record["output"] for record in records(folder)) == ["a", "b", "c"]


def test_some_failed(run, folder):
    """With failures: exit 1, and the summary counts them by type, shows one, and says how to list and to redo them."""
    done = run(fn("odd_fails"), "range:7", "--limit", 2)
    assert done.status == 1
    assert "done: 4 ok, 3 failed\n" in done.out
    assert re.search(r"3 x ValueError, first at input 1: 1 is odd\n", done.out)
    again = f"corral run {fn('odd_fails')} range:7 --limit 2 --retry-failed"
    assert f"  again:       {again}\n" in done.out
    listing = re.search(r"grep '(.*)' results.jsonl", done.out)[1]
    assert [record["index"] for record in records(folder) if "error" in record] == [1, 3, 5]
    assert sum(listing in line for line in (folder / "results.jsonl").read_text().splitlines()) == 3


INPUTS = {
    "in.txt": (b"a\n\nb\n", ["a", "b"]),
    "in.txt.gz": (gzip.compress(b"a\nb\n"), ["a", "b"]),
    "in.jsonl": (b'{"k": 1}\n[2]\n', [{"k": 1}, [2]]),
    "in.jsonl.gz": (gzip.compress(b'{"k": 1}\n[2]\n'), [{"k": 1}, [2]]),
    "in.csv": (b"k,l\n1,x\n2,y\n", [{"k": "1", "l": "x"}, {"k": "2", "l": "y"}]),
    "in.csv.gz": (gzip.compress(b"k,l\n1,x\n2,y\n"), [{"k": "1", "l": "x"}, {"k": "2", "l": "y"}]),
}


@pytest.mark.parametrize("name", INPUTS)
def test_inputs_by_ending(run, folder, name):
    """The ending of a file tells how it is read, compressed or not."""
    content, expected = INPUTS[name]
    (folder / name).write_bytes(content)
    assert run(fn("same"), name, "--limit", 1).status == 0
    assert [record["output"] for record in records(folder)] == expected


def test_range(run, folder):
    """`range:N` is the numbers below N."""
    assert run(fn("same"), "range:5", "--limit", 1).status == 0
    assert [record["input"] for record in records(folder)] == [0, 1, 2, 3, 4]


def test_input_format(run, folder):
    """`--input-format` says how to read what has no telling name."""
    (folder / "in.data").write_text("1\n2\n")
    assert "cannot tell the format of 'in.data'" in run(fn("same"), "in.data", "--limit", 1).err
    assert run(fn("same"), "in.data", "--limit", 1, "--input-format", "jsonl").status == 0
    assert [record["output"] for record in records(folder)] == [1, 2]


def test_out_and_its_short_form(run, folder):
    """`--out` and `-o` name the results."""
    assert run(fn("same"), "range:2", "--limit", 1, "--out", "a.jsonl").status == 0
    assert run(fn("same"), "range:2", "--limit", 1, "-o", "b.jsonl").status == 0
    assert (folder / "a.jsonl").exists()
    assert (folder / "b.jsonl").exists()


def test_limit_none(run):
    """`--limit none` runs as many as it takes: inputs that wait for each other all end."""
    assert run(fn("meets_the_others"), "range:30", "--limit", "none").status == 0


def test_limit_holds(run, folder):
    """No more than `--limit` inputs run at a time."""
    assert run(fn("tells_how_many_run"), "range:40", "--limit", 7).status == 0
    assert max(record["output"] for record in records(folder)) == 7


def test_ordered(run, folder):
    """`--ordered` writes the records in the order of the inputs, whoever is done first."""
    assert run(fn("early_ones_are_slow"), "range:30", "--limit", 10).status == 0
    assert [record["index"] for record in records(folder)] != list(range(30))
    assert run(fn("early_ones_are_slow"), "range:30", "--limit", 10, "--ordered", "--overwrite").status == 0
    assert [record["index"] for record in records(folder)] == list(range(30))


def test_timeout(run, folder):
    """`--timeout` fails the call that takes longer."""
    done = run(fn("nap_long"), "range:2", "--limit", 2, "--timeout", 0.02)
    assert done.status == 1
    assert "2 x TimeoutError, first at input 0: no result within 0.02 s" in done.out


def test_retries_wait_for_retry_after(run, folder):
    """`--retries` tries again, no sooner than the `Retry-After` of the failure; how often is in the record."""
    begun = time.monotonic()
    assert run(fn("refused_twice"), "range:3", "--limit", 3, "--retries", 5).status == 0
    assert time.monotonic() - begun >= 0.2
    assert [record["attempts"] for record in records(folder)] == [3, 3, 3]


def test_rate(run):
    """`--rate` holds the calls back, however many could run."""
    begun = time.monotonic()
    assert run(fn("same"), "range:9", "--limit", "none", "--rate", "20/s").status == 0
    assert time.monotonic() - begun >= 8 / 20


def test_on_error_stop(run, folder):
    """`--on-error stop` ends the run at the first failure; the same command goes on behind it."""
    done = run(fn("odd_fails"), "range:100", "--limit", 1, "--on-error", "stop")
    assert done.status == 1
    assert re.match(r"stopped at the first failure \(--on-error stop\): [12] ok, [12] failed, 9[678] left", done.out)
    assert done.out.endswith(f"to go on:    corral run {fn('odd_fails')} range:100 --limit 1 --on-error stop\n")
    before = len(records(folder))
    run(fn("odd_fails"), "range:100", "--limit", 1, "--on-error", "stop")
    indexes = [record["index"] for record in records(folder)]
    assert indexes == list(range(len(indexes)))
    assert before < len(indexes) <= before + 4


def test_the_retry_that_is_told_can_be_given(run, folder):
    """What the summary says to give again is a command that is accepted, whatever the failed one was."""
    told = run(fn("fails_until_healed"), "range:4", "--limit", 3, "--ordered", "--overwrite").out
    (folder / "healed").touch()
    again = shlex.split(re.search(r"again: +corral run (.*)", told)[1])
    assert again[-1] == "--retry-failed"
    done = run(*again)
    assert (done.status, done.err) == (0, "")
    assert "4 ok, 0 failed" in done.out


@pytest.mark.parametrize(("allowed", "failed"), [("3", 4), ("10%", 50)])  # and one that ran meanwhile
def test_max_failures(run, allowed, failed):
    """`--max-failures` ends the run at more failures than a number, or than a share of a hundred and more."""
    done = run(fn("odd_fails"), "range:1000", "--limit", 1, "--max-failures", allowed)
    assert done.status == 1
    assert "stopped: more failures than --max-failures allows" in done.out
    assert failed <= int(re.search(r"(\d+) failed", done.out)[1]) <= failed + 1


def test_retry_failed(run, folder):
    """`--retry-failed` runs the failures again and only them; each index is in the file once."""
    assert run(fn("fails_until_healed"), "range:10", "--limit", 3).status == 1
    (folder / "healed").touch()
    assert run(fn("fails_until_healed"), "range:10", "--limit", 3).status == 1
    done = run(fn("fails_until_healed"), "range:10", "--limit", 3, "--retry-failed")
    assert done.status == 0
    assert "done: 10 ok, 0 failed, 5 of these recorded before" in done.out
    assert sorted(record["index"] for record in records(folder)) == list(range(10))


def test_overwrite(run, folder):
    """`--overwrite` begins anew, with another function too."""
    run(fn("same"), "range:5", "--limit", 1)
    assert run(fn("nap"), "range:3", "--limit", 1).status == 2
    assert run(fn("nap"), "range:3", "--limit", 1, "--overwrite").status == 0
    assert len(records(folder)) == 3


def test_quiet(run):
    """`--quiet` and `-q` say nothing, and errors of the run itself are still told."""
    assert run(fn("odd_fails"), "range:3", "--limit", 1, "--quiet") == (1, "", "")
    assert run(fn("odd_fails"), "range:3", "--limit", 1, "-q") == (1, "", "")
    assert run(fn("nothing_of_that_name"), "range:3", "--limit", 1, "-q").err.startswith("corral run: ")


def test_json(run):
    """`--json` prints the summary as one object, and it is what `run_job` gives."""
    done = run(fn("odd_fails"), "range:4", "--limit", 1, "--json")
    found = json.loads(done.out)
    assert (done.status, done.err) == (1, "")
    same = run_job(functions.odd_fails, "range:4", limit=1, out="other.jsonl").as_dict()
    assert found.keys() == same.keys()
    timed = {"seconds", "rate", "p50", "p95", "p99", "path"}
    assert {key: found[key] for key in found.keys() - timed} == json.loads(
        json.dumps({key: same[key] for key in same.keys() - timed})
    )
    assert 0 < found["p50"] <= found["p95"] <= found["p99"] < 1
    assert found["failures"] == [{"type": "ValueError", "count": 2, "index": 1, "message": "1 is odd"}]


@pytest.mark.parametrize(("loop", "module"), [("asyncio", "asyncio.unix_events"), ("uvloop", "uvloop")])
def test_loop(run, folder, loop, module):
    """`--loop` says whose event loop runs it."""
    assert run(fn("tells_its_loop"), "range:1", "--limit", 1, "--loop", loop).status == 0
    assert records(folder)[0]["output"] == module


def test_grace_of_a_stop(run, folder):
    """`--grace` is what running inputs have once the run is to end: long enough, and they are recorded; 0, and they are not."""
    command = (fn("first_fails_others_nap"), "range:5", "--limit", 5, "--on-error", "stop")
    assert run(*command, "--grace", 0).status == 1
    assert len(records(folder)) == 1
    assert run(*command, "--grace", 30, "--overwrite").status == 1
    assert len(records(folder)) == 5


def test_bad_line_is_one_failure(run, folder):
    """A bad line of a JSONL is told with its number and what was expected, fails alone, and does not end the run."""
    (folder / "in.jsonl").write_text('{"a": 1}\n\n{"a": \n"good"\n')
    done = run(fn("same"), "in.jsonl", "--limit", 1)
    assert done.status == 1
    assert "2 ok, 1 failed" in done.out
    assert "1 x corral.job.BadInput, first at input 1: line 3: expected one JSON value on the line" in done.out


def test_results_through_a_link(run, folder):
    """Results may be a link to what is not there yet; it stays one when the job is refused, and is told of where it leads nowhere."""
    (folder / "in.txt").touch()
    link = folder / "results.jsonl"
    link.symlink_to("real.jsonl")
    assert run(fn("same"), "in.txt", "--limit", 1).status == 2
    assert link.is_symlink()
    assert not link.exists()
    assert run(fn("same"), "range:3", "--limit", 1).status == 0
    assert (folder / "real.jsonl").read_text().count("\n") == 3
    (folder / "nowhere.jsonl").symlink_to(folder / "no" / "real.jsonl")
    done = run(fn("same"), "range:3", "--limit", 1, "--out", "nowhere.jsonl")
    assert done == (
        2,
        "",
        f"corral run: the results cannot be written to nowhere.jsonl: there is no folder {folder / 'no'}\n",
    )


def test_last_words_of_the_function(run, folder):
    """A function that ends the program with a message: the message is seen, as it is without Corral."""
    (folder / "leaves.py").write_text("import sys\nasync def fetch(url): sys.exit('that is enough')\n")
    done = run("leaves.py:fetch", "range:3", "--limit", 1)
    assert (done.status, done.out, done.err) == (1, "", "that is enough\n")


def test_nothing_but_bad_lines(run, folder):
    """Where no line can be read, the summary tells of a run all the same."""
    (folder / "in.jsonl").write_text("{\n[\n")
    done = run(fn("same"), "in.jsonl", "--limit", 1)
    assert done.status == 1
    assert "nothing to do" not in done.out
    assert re.search(r"\n  this run:    2 in [^;\n]*/s\n", done.out)
    assert "--retry-failed" not in done.out
    assert "unreadable:  2 of the inputs" in done.out


def test_grown_input_goes_on(run, folder):
    """An input that only grew at its end is fine: the new lines run."""
    (folder / "in.txt").write_text("a\nb\n")
    run(fn("same"), "in.txt", "--limit", 1)
    with (folder / "in.txt").open("a") as file:
        file.write("c\n")
    done = run(fn("same"), "in.txt", "--limit", 1)
    assert done.status == 0
    assert done.out.startswith("done: 3 ok, 0 failed, 2 of these recorded before\n  this run:    1 in ")


def test_same_command_again(run):
    """When all is recorded, the same command says so and runs nothing."""
    run(fn("same"), "range:3", "--limit", 1)
    done = run(fn("same"), "range:3", "--limit", 1)
    assert done.status == 0
    assert "nothing to do: every input is recorded" in done.out
