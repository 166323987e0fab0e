"""What can be asked of a job, and what is said of what cannot."""

from __future__ import annotations

import pytest

from corral.job.errors import JobError
from corral.job.options import Options, Rate, Tolerance


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"limit": 0}, "limit: expected a whole number from 1 up or None for no limit, got 0"),
        ({"limit": 1.5}, "limit: expected a whole number"),
        ({"limit": True}, "limit: expected a whole number"),
        ({"retries": -1}, "retries: expected a whole number from 0 up, got -1"),
        ({"workers": 0}, "workers: expected a whole number from 1 up"),
        ({"timeout": 0}, "timeout: expected a number of seconds above 0, got 0"),
        ({"timeout": float("nan")}, "timeout: expected a number of seconds above 0, got nan"),
        ({"timeout": "5"}, "timeout: expected a number of seconds above 0, got '5'"),
        ({"grace": -1}, "grace: expected a number of seconds from 0 up, got -1"),
        ({"rate": "fast"}, "expected a rate such as 10/s, 600/m or 5000/h, got 'fast'"),
        ({"rate": 0}, "expected a rate such as"),
        ({"max_failures": "few"}, "expected a number of failures such as 20, or a share such as 1%, got 'few'"),
        ({"max_failures": "x%"}, "max_failures: expected a number of failures"),
        ({"max_failures": "101%"}, "expected a number of failures"),
        ({"on_error": "ignore"}, "on_error: expected collect or stop, got 'ignore'"),
        ({"loop": "trio"}, "loop: expected asyncio or uvloop, got 'trio'"),
        ({"input_format": "xml"}, "expected an input format of txt, jsonl, csv, got 'xml'"),
        (
            {"workers": 2, "dask": "tcp://x"},
            "expected one place to run, got workers and dask: leave out all but one of them",
        ),
        ({"ordered": True, "retry_failed": True}, "ordered and retry_failed exclude each other"),
        ({"overwrite": True, "retry_failed": True}, "overwrite and retry_failed exclude each other"),
        ({"executor": "processes"}, "executor: expected a concurrent.futures.Executor, got str"),
        ({"lanes": 0, "workers": 2}, "lanes: expected a whole number from 1 up, got 0"),
        ({"lanes": 2}, "lanes says how many chunks are at an executor at once: give workers"),
        (
            {"rate": 5, "dask": "tcp://x"},
            "only does in this process and with workers: leave it out, and hold the rate inside the function",
        ),
    ],
)
def test_refused(options, expected):
    """An option that cannot be meant is refused with what was expected and what was given."""
    with pytest.raises(JobError, match=expected):
        Options(**{"limit": 1, **options})


@pytest.mark.parametrize(
    ("text", "a_second"),
    [
        ("10/s", 10),
        ("600/m", 10),
        ("7200/h", 2),
        ("2.5", 2.5),
        (4, 4),
        (" .5 / s ", 0.5),
        ("60/min", 1),
        ("10/sec", 10),
    ],
)
def test_rate(text, a_second):
    """A rate is calls in a second, a minute or an hour."""
    rate = Rate.parse(text)
    assert rate.calls / rate.seconds == a_second


@pytest.mark.parametrize(("rate", "processes", "burst"), [("1000/s", 1, 50), ("1000/s", 10, 5), ("5/s", 1, 1)])
def test_limiter(rate, processes, burst):
    """A process has its share of the rate, and lets a twentieth of a second's calls through at once."""
    limiter = Rate.parse(rate).limiter(processes)
    assert limiter.max_rate == burst
    assert limiter.max_rate / limiter.time_period == pytest.approx(Rate.parse(rate).calls / processes)


@pytest.mark.parametrize(
    ("given", "failed", "finished", "exceeded"),
    [
        (None, 100, 100, False),
        (5, 5, 10, False),
        (5, 6, 10, True),
        (0, 1, 1, True),
        ("10%", 5, 20, False),
        ("10%", 10, 100, False),
        ("10%", 11, 100, True),
    ],
)
def test_tolerance(given, failed, finished, exceeded):
    """A number of failures counts from the first, a share from a hundred finished inputs on."""
    assert Tolerance.parse(given).exceeded(failed, finished) is exceeded
