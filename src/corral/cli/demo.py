"""`corral demo`: what asyncio loses and what Corral keeps, on the machine of whoever asks."""

from __future__ import annotations

import asyncio
import importlib
import os
import platform
import time
from dataclasses import asdict
from importlib.metadata import version
from json import dumps
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from corral import map_tg
from corral.cli import demo_show, unavailable
from corral.cli.demo_meter import Heartbeat
from corral.cli.demo_race import LIMIT, RACERS, Lap, double, doubled, lap_in_own_process

if TYPE_CHECKING:
    from corral.cli.demo_http import Fetched

MOST_INPUTS = 10_000_000
MOST_REQUESTS = 1_000_000


def demo(
    n: Annotated[int, typer.Option("--n", min=1, max=MOST_INPUTS, help="Inputs of the first two parts.")] = 1_000_000,
    requests: Annotated[
        int, typer.Option("--requests", min=1, max=MOST_REQUESTS, help="HTTP requests of the third part.")
    ] = 10_000,
    timeout: Annotated[
        float, typer.Option("--timeout", min=0.1, max=30, help="Seconds for each of those requests.")
    ] = 2.0,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Show what asyncio loses and what Corral keeps, on this machine.

    Three parts, under two minutes: a million coroutines through map_tg; the same million through asyncio.gather and through
    a TaskGroup, each in a process of its own; ten thousand real HTTP requests, some of which fail, through stream_tg.

    Exit status: 0 if every result was what it must be, 1 if one was not, 2 a mistake in the call.
    """
    try:
        importlib.import_module("corral.cli.demo_http")  # a missing aiohttp is told before a million inputs have run
    except ModuleNotFoundError as error:
        raise unavailable("demo", error) from error
    console = Console(quiet=json, highlight=False)
    console.print(
        f"\n    [dim]Corral {version('corral')}, Python {platform.python_version()}, {os.cpu_count()} processors"
    )
    ours = asyncio.run(the_million(console, n))
    laps = the_race(console, n)
    fetched = the_requests(console, requests, timeout)
    if json:
        print(dumps(report(n, ours, laps, fetched), indent=2))
    if ours.failure or any(lap.failure for lap in laps) or not fetched.as_served or fetched.still_running:
        raise typer.Exit(1)


async def the_million(console: Console, n: int) -> Lap:
    """Part 1: `map_tg` in this process, with a live bar."""
    code = f"results = await map_tg(double, range(1, {n + 1:_}), limit={LIMIT}, progress=bar)"
    demo_show.part(console, 1, f"{n:,} coroutines, {LIMIT:,} at once", code)
    async with Heartbeat() as heart:
        with demo_show.live_bar(console, n) as bar:
            began = time.perf_counter()
            results = await map_tg(double, range(1, n + 1), limit=LIMIT, progress=bar)
            took = time.perf_counter() - began
    failure = "" if results == doubled(n) else "wrong results"
    told = f"[bold red]{failure}[/]" if failure else f"{n:,} results, in order, {results[0]:,} to {results[-1]:,}"
    demo_show.indented(
        console,
        f"{told}: {demo_show.seconds(took)}, {took / n * 1e6:.1f} µs each. For all that time the loop served whatever else "
        f"it had to: it was never away for longer than {demo_show.freeze(heart.longest_freeze)}.",
    )
    return Lap("corral.map_tg", took, 0, heart.longest_freeze, failure)


def the_race(console: Console, n: int) -> list[Lap]:
    """Part 2: every racer in a process of its own, one after another."""
    demo_show.part(console, 2, f"The same {n:,}, each way in a process of its own, with a heartbeat in its event loop")
    race = demo_show.Race(tuple(RACERS))
    with race.on(console):
        for name in RACERS:
            race.home(lap_in_own_process(name, n))
    ours, gather, *_ = race.laps
    console.print()
    if not ours.failure and not gather.failure:
        demo_show.indented(
            console,
            f"asyncio.gather took [bold]{gather.seconds / ours.seconds:.1f} times[/] as long, and "
            f"[bold]{gather.peak_bytes / max(ours.peak_bytes, 1):.1f} times[/] the memory. A freeze is how long the loop answered "
            "no connection, no timer and no signal handler.",
        )
    demo_show.indented(
        console,
        "[dim]time: from the call to the list of results. peak memory: above what the process held before, results "
        "included. TaskGroup helper: the blog post's, `tg.create_task` for each and a list of their results.[/]",
    )
    return race.laps


def the_requests(console: Console, requests: int, timeout: float) -> Fetched:
    """Part 3: a server that misbehaves on purpose in one process, `stream_tg` in this one."""
    from corral.cli import demo_http

    demo_show.part(
        console,
        3,
        f"{requests:,} HTTP requests, {demo_http.LIMIT} at once, to a server on this machine that fails on purpose",
        f"stream_tg(fetch, range({requests:_}), limit={demo_http.LIMIT}, timeout={timeout:g}, "
        'ordered=False, on_error="collect")',
    )
    with demo_http.server() as url, demo_show.live_bar(console, requests) as bar:
        fetched = asyncio.run(demo_http.fetch_all(url, requests, timeout, bar))
    table = demo_show.columns("", "how many")
    for kind, count in fetched.kinds.items():
        table.add_row(kind, f"{count:,}", style="" if kind == demo_http.FINE else "yellow")
    console.print()
    demo_show.indented(console, table)
    console.print()
    verdict = "each the one the server gave" if fetched.as_served else "[bold red]not what the server gave[/]"
    demo_show.indented(
        console,
        f"{sum(fetched.kinds.values()):,} outcomes for {requests:,} requests, {verdict}: "
        f"{demo_show.seconds(fetched.seconds)}, {requests / fetched.seconds:,.0f} requests a second. A failure is an outcome "
        "with its index, its input and its error; the others went on. "
        f"Tasks still running afterwards: [bold]{fetched.still_running}[/].",
    )
    console.print()
    return fetched


def report(n: int, ours: Lap, laps: list[Lap], fetched: Fetched) -> dict[str, object]:
    """The same for programs; seconds and bytes."""
    return {
        "corral": version("corral"),
        "python": platform.python_version(),
        "n": n,
        "map_tg": {"seconds": ours.seconds, "freeze_seconds": ours.freeze_seconds, "failure": ours.failure},
        "race": [asdict(lap) for lap in laps],
        "http": asdict(fetched),
    }
