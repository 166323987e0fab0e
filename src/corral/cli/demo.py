"""`corral demo`: what asyncio loses and what Corral keeps, on the machine of whoever asks."""

from __future__ import annotations

import asyncio
import platform
import sys
import time
from dataclasses import asdict
from importlib.metadata import version
from json import dumps
from typing import Annotated

import typer
from rich.console import Console

from corral import map_tg
from corral.cli import demo_http, demo_show
from corral.cli.demo_http import Fetched
from corral.cli.demo_meter import Heartbeat
from corral.cli.demo_race import LIMIT, RACERS, Lap, double, doubled, lap_in_own_process

MOST_INPUTS = 10_000_000
MOST_REQUESTS = 1_000_000
MB = 1_000_000


def demo(
    n: Annotated[int, typer.Option("--n", min=1, max=MOST_INPUTS, help="Inputs of the first two parts.")] = 1_000_000,
    requests: Annotated[
        int, typer.Option("--requests", min=1, max=MOST_REQUESTS, help="HTTP requests of the third part.")
    ] = 10_000,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Show what asyncio loses and what Corral keeps, on this machine.

    Three parts, under two minutes: a million coroutines through map_tg; the same million through asyncio.gather and through
    a TaskGroup, each in a process of its own; ten thousand real HTTP requests, some of which fail, through stream_tg.
    Exits with 1 if any result was not what it must be.
    """
    console = Console(quiet=json, highlight=False)
    ours = asyncio.run(the_million(console, n))
    laps = the_race(console, n)
    fetched = the_requests(console, requests)
    if json:
        print(dumps(report(n, ours, laps, fetched), indent=2))
    if ours.failure or any(lap.failure for lap in laps) or not fetched.as_served or fetched.still_running:
        raise typer.Exit(1)


async def the_million(console: Console, n: int) -> Lap:
    """Part 1: `map_tg` in this process, with a live bar."""
    console.print(f"\n[bold]1. {n:,} coroutines through map_tg[/], at most {LIMIT:,} at once")
    console.print(f"   [dim]results = await map_tg(double, range(1, {n + 1:_}), limit={LIMIT}, progress=bar)[/]")
    async with Heartbeat() as heart:
        with demo_show.live_bar(console, "map_tg", n) as bar:
            began = time.perf_counter()
            results = await map_tg(double, range(1, n + 1), limit=LIMIT, progress=bar)
            took = time.perf_counter() - began
    failure = "" if results == doubled(n) else "wrong results"
    console.print(
        f"   {len(results):,} results, in order, {results[0]:,} to {results[-1]:,}: "
        f"{demo_show.seconds(took)}, {took / n * 1e6:.2f} µs each. "
        f"The loop was never away for more than {demo_show.freeze(heart.longest_freeze)}."
    )
    return Lap("corral.map_tg", took, 0, heart.longest_freeze, failure)


def the_race(console: Console, n: int) -> list[Lap]:
    """Part 2: every racer in a process of its own, one after another."""
    console.print(f"\n[bold]2. The same {n:,}, each way in a process of its own[/], with a heartbeat in its event loop")
    laps: list[Lap] = []
    for name in RACERS:
        with console.status(f"   {name} …"):
            laps.append(lap_in_own_process(name, n))
    table = demo_show.table("", "way", "time", "peak memory", "longest freeze")
    for lap in laps:
        if lap.failure:
            table.add_row(lap.name, f"[bold red]{lap.failure}[/]", "", "")
        else:
            peak = f"{lap.peak_bytes / MB:,.0f} MB"
            table.add_row(lap.name, demo_show.seconds(lap.seconds), peak, demo_show.freeze(lap.freeze_seconds))
    console.print(table)
    console.print(
        "   [dim]time: from the call to the list of results. peak memory: above what the process held before, results\n"
        "   included. longest freeze: for so long the loop answered no connection, no timer and no Ctrl-C handler.[/]"
    )
    return laps


def the_requests(console: Console, requests: int) -> Fetched:
    """Part 3: a server that misbehaves on purpose in one process, `stream_tg` in this one."""
    console.print(
        f"\n[bold]3. {requests:,} HTTP requests through stream_tg[/], {demo_http.LIMIT} at once, to a server on this "
        "machine that fails on purpose"
    )
    console.print(
        f"   [dim]stream_tg(fetch, range({requests:_}), limit={demo_http.LIMIT}, timeout={demo_http.TIMEOUT_S}, "
        'on_error="collect", progress=bar)[/]'
    )
    with demo_http.server() as url, demo_show.live_bar(console, "stream_tg", requests) as bar:
        fetched = asyncio.run(demo_http.fetch_all(url, requests, bar))
    table = demo_show.table("", "outcome", "how many")
    for kind, count in fetched.kinds.items():
        table.add_row(kind, f"{count:,}")
    console.print(table)
    verdict = "each the one the server gave" if fetched.as_served else "[bold red]not what the server gave[/]"
    console.print(
        f"   {sum(fetched.kinds.values()):,} outcomes for {requests:,} requests, in order, {verdict}: "
        f"{demo_show.seconds(fetched.seconds)}, {requests / fetched.seconds:,.0f} requests a second.\n"
        f"   A failure is an outcome with its index, its input and its error; the others went on. "
        f"Tasks still running afterwards: {fetched.still_running}.\n"
    )
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


if __name__ == "__main__":
    typer.run(demo)
    sys.exit(0)
