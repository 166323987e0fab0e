"""`corral demo`, as its user starts it."""

from __future__ import annotations

import asyncio
import io
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from corral.cli import demo, demo_http, demo_race, demo_show, main
from tests.cli.command import Corral, process

pytestmark = [pytest.mark.heavy, pytest.mark.xdist_group("demo")]  # one demo for all who look at it


@pytest.fixture(scope="module")
def told() -> Any:
    """The report of one small demo."""
    done = process("demo", "--n", "3000", "--requests", "200", "--timeout", "3", "--json")
    assert (done.status, done.err) == (0, "")
    return json.loads(done.out)


def test_json_is_one_object_with_every_part(told: Any) -> None:
    """`--json` prints one object: versions, the million, the race, the requests."""
    assert set(told) == {"corral", "python", "n", "map_tg", "race", "http"}
    assert told["n"] == 3000
    assert told["map_tg"]["failure"] == ""


def test_every_racer_ran_to_its_end(told: Any) -> None:
    """Each way of running the same inputs came back with right results, a time and a peak."""
    assert [lap["name"] for lap in told["race"]] == list(demo_race.RACERS)
    assert all(lap["failure"] == "" and lap["seconds"] > 0 for lap in told["race"])


def test_every_request_has_the_outcome_the_server_gave(told: Any) -> None:
    """200 real requests: counted by kind they are exactly what the server did, and nothing runs on."""
    http = told["http"]
    assert http["kinds"] == dict(Counter(demo_http.fate(number) for number in range(200)))
    assert set(http["kinds"]) > {demo_http.MISSING, demo_http.BROKEN, demo_http.DROPPED, demo_http.STALLED}
    assert http["as_served"] is True
    assert http["still_running"] == 0


def test_for_people_every_part_has_its_words() -> None:
    """Without `--json` the three parts are told, each with what its numbers mean."""
    done = process("demo", "--n", "2000", "--requests", "80")
    assert done.status == 0, done.err
    for words in (
        "1 2,000 coroutines, 1,000 at once",
        "2,000 results, in order, 2 to 4,000",
        "2 The same 2,000",
        "asyncio.gather took",
        "TaskGroup helper",
        "A freeze is how long the loop answered no",
        "3 80 HTTP requests, 200 at once",
        "80 outcomes for 80 requests, each the one the server gave",
        "Tasks still running afterwards: 0",
    ):
        assert words in " ".join(done.out.split()), done.out


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--n", "0"], "Invalid value for '--n'"),
        (["--n", "-5"], "Invalid value for '--n'"),
        (["--n", "99999999999"], "Invalid value for '--n'"),
        (["--n", "many"], "Invalid value for '--n'"),
        (["--requests", "0"], "Invalid value for '--requests'"),
        (["--timeout", "0"], "Invalid value for '--timeout'"),
        (["--frobnicate"], "No such option"),
    ],
)
def test_bad_options_are_refused_before_anything_starts(corral: Corral, arguments: list[str], complaint: str) -> None:
    """A number out of range, no number at all, an unknown option: exit 2, said in one line, nothing on stdout."""
    done = corral("demo", *arguments)
    assert (done.status, done.out) == (2, "")
    assert complaint in " ".join(done.err.replace("│", " ").split())


@pytest.mark.parametrize(
    ("missing", "cure"), [("aiohttp", "pip install"), ("rich", "corral[cli]"), ("typer", "corral[cli]")]
)
def test_missing_package_is_named_with_its_cure(missing: str, cure: str) -> None:
    """Without a package it needs the demo says which, and what to install."""
    blocked = f"import sys; sys.modules[{missing!r}] = None; from corral.cli import main; sys.exit(main())"
    done = subprocess.run([sys.executable, "-c", blocked, "demo"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert f"needs {missing!r}" in done.stderr
    assert cure in done.stderr


def test_a_racer_that_crashes_is_told_and_not_a_number() -> None:
    """The process of a racer that raises comes back with the last line of its traceback."""
    lap = demo_race.lap_in_own_process("nobody", 10)
    assert lap.failure == "KeyError: 'nobody'"


def test_the_server_ends_with_its_parent() -> None:
    """The demo's server ends by itself when whoever started it is gone."""
    with subprocess.Popen(
        [sys.executable, "-m", "corral.cli.demo_http"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        assert server.stdout.readline().startswith("http://127.0.0.1:")
        assert server.stdin is not None
        server.stdin.write("not yet\n")
        server.stdin.close()
        assert server.wait(timeout=20) == 1


@pytest.mark.parametrize(
    ("number", "expected"), [(0, demo_http.FINE), (17, demo_http.MISSING), (189, demo_http.STALLED)]
)
def test_fate_is_known_beforehand(number: int, expected: str) -> None:
    """What the server does with a request depends on its number alone."""
    assert demo_http.fate(number) == expected


@pytest.mark.parametrize(
    ("ending", "told"),
    [
        ("kill -9 $$", "killed by signal 9: out of memory? try a smaller --n"),
        ("exit 3", "exit status 3, and no word why"),
    ],
)
def test_a_racer_that_is_killed_or_says_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, ending: str, told: str
) -> None:
    """A process that ends without a result is told with what can be known of its end."""
    program = tmp_path / "python"
    program.write_text(f"#!/bin/sh\n{ending}\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    assert demo_race.lap_in_own_process("asyncio.gather", 10).failure == told
    with pytest.raises(RuntimeError, match="the demo's HTTP server did not start"), demo_http.server():
        pass


async def test_every_fate_is_answered(capsys: pytest.CaptureFixture[str]) -> None:
    """The server does with each request what its number says, and the client tells one kind from the other."""
    serving = asyncio.create_task(demo_http.serve())
    while not (url := capsys.readouterr().out.strip()):
        await asyncio.sleep(0.001)
    with demo_show.live_bar(Console(quiet=True), 100) as bar:
        fetched = await demo_http.fetch_all(url, 100, 2.0, bar)
    serving.cancel()
    await asyncio.wait([serving])
    assert fetched.as_served
    assert fetched.kinds == dict(Counter(demo_http.fate(number) for number in range(100)))
    assert demo_http.kind(ValueError("none of these")) == "ValueError"


def test_a_failure_is_shown_and_is_the_exit_status(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a racer fails its row says so, nothing is compared with it, and the demo exits with 1."""
    monkeypatch.setattr(demo, "lap_in_own_process", lambda name, _: demo_race.Lap(name, 1.0, failure="out of luck"))
    shown = io.StringIO()
    laps = demo.the_race(Console(file=shown, width=200), 10)
    assert [lap.failure for lap in laps] == ["out of luck"] * 3
    assert shown.getvalue().count("out of luck") >= 3
    assert "times as long" not in shown.getvalue()
    well = demo_http.Fetched(1, 1.0, 0.0, {demo_http.FINE: 1}, as_served=True, still_running=0)
    monkeypatch.setattr(demo, "the_requests", lambda *_: well)
    assert main(["demo", "--n", "10", "--json"]) == 1
