"""What a person is shown while a job runs and when it ends."""

from __future__ import annotations

import io
import re
import sys

import pytest

from corral.job.progress import LiveMeter, PlainMeter, Silent, Speed, State, facts, meter, wrapped
from corral.job.summary import FailureKind, Summary, Tally, duration, told

GO_ON = "corral run f:g in.txt --limit 5"
RETRY = f"{GO_ON} --retry-failed"


def summary(**changes) -> Summary:
    values = {
        "path": "results.jsonl",
        "total": 10,
        "ok": 8,
        "failed": 2,
        "ran": 10,
        "skipped": 0,
        "seconds": 2.0,
        "rate": 5.0,
    }
    values |= {"p50": 0.1, "p95": 0.2, "p99": 0.3}
    return Summary(**{**values, **changes})


def test_all_well():
    """A run without failures is four facts: counts, time, rate with percentiles, and the path."""
    text = told(summary(ok=10, failed=0), GO_ON, RETRY)
    assert text.splitlines() == [
        "done: 10 ok, 0 failed",
        "  this run:    10 in 2 s, 5.0/s; each: p50 100 ms, p95 200 ms, p99 300 ms",
        "  results:     results.jsonl",
    ]


def test_failures_are_told_by_type():
    """Failures are counted by type with one example each, and it is told how to list and how to redo them."""
    kinds = (FailureKind("ValueError", 3, 7, "first line\nsecond"), FailureKind("KeyError", 1, 2, ""))
    text = told(summary(failures=kinds, path="my results.jsonl"), GO_ON, RETRY)
    assert "3 x ValueError, first at input 7: first line\n" in text
    assert "1 x KeyError, first at input 2: \n" in text
    assert """grep '"error":{"type":' 'my results.jsonl'""" in text
    assert f"  again:       {RETRY}\n" in text


def test_unreadable_inputs_are_not_to_be_tried_again():
    """Lines that cannot be read fail however often they run: a retry is told only where something else failed, too."""
    bad, other = FailureKind("corral.job.BadInput", 3, 7, "line 8: ..."), FailureKind("KeyError", 1, 2, "")
    text = told(summary(failures=(bad,)), GO_ON, RETRY)
    assert "--retry-failed" not in text
    assert (
        "  unreadable:  3 of the inputs, however often they are run; mend them and begin anew with --overwrite\n"
        in text
    )
    text = told(summary(failures=(bad, other)), GO_ON, RETRY)
    assert f"  again:       {RETRY}\n  unreadable:  3 of the inputs" in text


def test_many_types():
    """Ten types are told, and how many more there are."""
    text = told(summary(failures=tuple(FailureKind(f"E{n}", 1, n, "") for n in range(13))), GO_ON, RETRY)
    assert "E9" in text
    assert "E10" not in text
    assert "and 3 types more" in text


def test_stopped():
    """After a stop it is told why, what is left, and the command that goes on."""
    text = told(summary(total=100, stopped="SIGINT"), GO_ON, RETRY)
    assert text.startswith("stopped by Ctrl-C: 8 ok, 2 failed, 90 left")
    assert text.endswith("to go on:    corral run f:g in.txt --limit 5")


def test_nothing_to_do():
    """When all is recorded already, that is said."""
    text = told(summary(ok=10, failed=0, ran=0, skipped=10, p50=None, p95=None, p99=None), GO_ON, RETRY)
    assert "nothing to do: every input is recorded" in text


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"failed": 0}, 0),
        ({}, 1),
        ({"failed": 0, "stopped": "max-failures"}, 1),
        ({"stopped": "SIGINT"}, 130),
        ({"stopped": "SIGTERM"}, 143),
    ],
)
def test_exit_code(changes, code):
    """0 all well, 1 some failed, 130 and 143 after the signals."""
    assert summary(**changes).exit_code == code


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(2.5e-6, "2.5 µs"), (0.0123, "12.3 ms"), (1.5, "1.5 s"), (245, "4 min 05 s"), (12_000, "3 h 20 min")],
)
def test_duration(seconds, text):
    """A duration is told in the unit that fits."""
    assert duration(seconds) == text


def test_tally_of_a_retry():
    """Failures that were to run again and did not are still failures in the file."""
    tally = Tally(skipped=90, retrying=10)
    tally.ran, tally.retried = 4, 4
    tally.fail(3, "ValueError", "again")
    result = tally.summary("p", 100, 1.0, "SIGINT")
    assert (result.ok, result.failed, result.left) == (93, 7, 0)


def test_tally_bounds_the_types():
    """A type for each failure does not cost the memory of each failure."""
    tally = Tally()
    for n in range(300):
        tally.fail(n, f"E{n}", "")
    assert len(tally.errors) == 101
    assert tally.errors["other types"][0] == 200


def state(total=200) -> State:
    found = State(total, Tally(skipped=100))
    found.tally.ran, found.tally.failed, found.pulled, found.start = 50, 3, 57, found.start - 10
    return found


def test_progress_facts():
    """Done of total, rate now and mean, in flight, failed, time left; and without a total what can be told."""
    known = ["150/200 (75.0%)", "20.0/s now, 5.0/s mean", "7 in flight", "3 failed", "2.5 s left"]
    assert facts(state(), 20.0) == known
    assert facts(state(None), 20.0) == ["150", *known[1:4]]
    stopping = state()
    stopping.stopping = True
    assert facts(stopping, 20.0) == [*known[:4], "stopping"]


def test_progress_in_a_narrow_window():
    """What does not fit on a line stands on the next one; nothing is left out."""
    parts = ["150/200 (75.0%)", "20.0/s now, 5.0/s mean", "7 in flight"]
    assert wrapped(parts, 52) == ["  ".join(parts)]
    assert wrapped(parts, 51) == ["  ".join(parts[:2]), parts[2]]
    assert wrapped(parts, 10) == parts


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_which_meter():
    """A terminal gets the live line, anything else plain lines every ten seconds, and quiet nothing."""
    assert isinstance(meter(quiet=False, stream=Terminal()), LiveMeter)
    plain = meter(quiet=False, stream=io.StringIO())
    assert isinstance(plain, PlainMeter)
    assert plain.every == 10
    assert isinstance(meter(quiet=True, stream=Terminal()), Silent)


def test_terminal_without_rich(monkeypatch):
    """Where rich is not installed a terminal gets plain lines."""
    monkeypatch.setitem(sys.modules, "rich.live", None)
    monkeypatch.setitem(sys.modules, "rich.console", None)
    assert isinstance(meter(quiet=False, stream=Terminal()), PlainMeter)


def test_live_meter_that_never_showed():
    """A run that ends before the first line is drawn leaves the terminal as it was."""
    out = Terminal()
    LiveMeter(out).close()
    assert out.getvalue() == ""


def test_speed_forgets(monkeypatch):
    """The rate is that of the last ten seconds, and not of all."""
    at = iter([0.0, 1.0, 9.0, 12.0, 30.0])
    monkeypatch.setattr("corral.job.progress.monotonic", lambda: next(at))
    speed = Speed()
    assert [speed.now(done) for done in (0, 100, 100, 112, 130)] == [0.0, 100.0, 100 / 9, 4.0, 1.0]


def test_plain_meter():
    """A line each time, and what is said is a line too."""
    out = io.StringIO()
    plain = PlainMeter(out)
    plain.show(state())
    plain.say("stopping")
    plain.close()
    assert [text[:8] for text in out.getvalue().splitlines()] == ["150/200 ", "stopping"]


@pytest.mark.parametrize(
    ("total", "columns", "bar"), [(200, 160, 24), (200, 83, 10), (200, 80, 0), (200, 40, 0), (None, 160, 0)]
)
def test_live_meter(monkeypatch, total, columns, bar):
    """On a terminal the line is drawn over and over, with a bar where there is room, and taken away at the end."""
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("TERM", "xterm")
    out = Terminal()
    live = LiveMeter(out)
    live.show(state(total))
    drawn = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", out.getvalue())
    assert sum(drawn.count(piece) for piece in "━╸╺") == bar
    assert all(len(line) <= columns for line in drawn.splitlines())
    assert all(fact in drawn for fact in ("150", "7 in flight", "3 failed"))
    live.say("said meanwhile")
    live.show(state(total))
    live.close()
    text = out.getvalue()
    assert text.count("7 in flight") >= 2
    assert "said meanwhile" in text
    assert text.endswith(("\x1b[2K", "\x1b[?25h"))


def test_silent():
    """Quiet is quiet."""
    Silent().show(state())
    Silent().say("x")
    Silent().close()
