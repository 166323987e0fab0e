"""The arguments and options of `corral run`, each with its help and an example."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

_RUNNING = "Running"
_WHERE = "Where it runs"
_FAILING = "Failures"
_RESULTS = "Results"

FunctionArgument = Annotated[
    str,
    typer.Argument(
        metavar="FN",
        help="The async function: `module:function` or `path/file.py:function`. "
        "It gets one input and returns what JSON can hold. Example: `scraper.py:fetch`",
        show_default=False,
    ),
]
InputArgument = Annotated[
    str,
    typer.Argument(
        metavar="INPUT",
        help="The inputs: a `.txt` (a line an input), `.jsonl` (a JSON value a line) or `.csv` (a dict a row), each also `.gz`; "
        "`-` for standard input; `range:N` for the numbers below N. Example: `urls.txt`",
        show_default=False,
    ),
]
LimitOption = Annotated[
    str,
    typer.Option(
        metavar="N|none",
        help="How many inputs run at a time; `none`: as many as it takes. Example: `--limit 500`",
        rich_help_panel=_RUNNING,
        show_default=False,
    ),
]
OutOption = Annotated[
    Path,
    typer.Option(
        "--out",
        "-o",
        metavar="FILE",
        help="The results, a line of JSON for each input; the same command again goes on with them. Example: `--out results.jsonl`",
        rich_help_panel=_RESULTS,
    ),
]
OrderedOption = Annotated[
    bool,
    typer.Option(
        "--ordered",
        help="Write the results in the order of the inputs. Example: `--ordered`",
        rich_help_panel=_RESULTS,
    ),
]
OverwriteOption = Annotated[
    bool,
    typer.Option(
        "--overwrite",
        help="Begin anew: what the results hold is dropped. Example: `--overwrite`",
        rich_help_panel=_RESULTS,
    ),
]
AsJsonOption = Annotated[
    bool,
    typer.Option(
        "--json",
        help="Print the summary as JSON. Example: `--json | jq .failed`",
        rich_help_panel=_RESULTS,
    ),
]
QuietOption = Annotated[
    bool,
    typer.Option(
        "--quiet",
        "-q",
        help="No progress and no summary; errors of the run itself are still told. Example: `--quiet`",
        rich_help_panel=_RESULTS,
    ),
]
InputFormatOption = Annotated[
    str | None,
    typer.Option(
        metavar="FORMAT",
        help="`txt`, `jsonl` or `csv`, where the name does not tell. Example: `cat a.jsonl | corral run … - --input-format jsonl`",
        rich_help_panel=_RUNNING,
    ),
]
TimeoutOption = Annotated[
    float | None,
    typer.Option(
        metavar="SECONDS",
        help="The longest that one call may take; a retry has its own time. Example: `--timeout 30`",
        rich_help_panel=_RUNNING,
    ),
]
RateOption = Annotated[
    str | None,
    typer.Option(
        metavar="N/s",
        help="So many calls a second (`/m`: a minute, `/h`: an hour), evenly spaced. Example: `--rate 10/s`",
        rich_help_panel=_RUNNING,
    ),
]
ResourceOption = Annotated[
    str | None,
    typer.Option(
        metavar="MODULE:FACTORY",
        help="A factory of async context managers, entered once per process and given to the function as its second argument. "
        "Example: `--resource aiohttp:ClientSession`",
        rich_help_panel=_RUNNING,
    ),
]
GraceOption = Annotated[
    float,
    typer.Option(
        metavar="SECONDS",
        help="How long what is running may go on after Ctrl-C or SIGTERM; a second Ctrl-C ends at once. Example: `--grace 30`",
        rich_help_panel=_RUNNING,
    ),
]
LoopOption = Annotated[
    str,
    typer.Option(
        metavar="LOOP",
        help="The event loop: `asyncio` or `uvloop`. Example: `--loop uvloop`",
        rich_help_panel=_WHERE,
    ),
]
WorkersOption = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        help="Run in so many processes of this machine. Example: `--workers 8`",
        rich_help_panel=_WHERE,
    ),
]
DaskOption = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS",
        help="Run on the Dask cluster at this address. Example: `--dask tcp://scheduler:8786`",
        rich_help_panel=_WHERE,
    ),
]
RayOption = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS",
        help="Run on the Ray cluster at this address; `auto` finds the one of this machine. Example: `--ray auto`",
        rich_help_panel=_WHERE,
    ),
]
RetriesOption = Annotated[
    int,
    typer.Option(
        metavar="N",
        help="How often a failed input is tried again, after growing waits, and no sooner than a `Retry-After` asks. "
        "Example: `--retries 5`",
        rich_help_panel=_FAILING,
    ),
]
OnErrorOption = Annotated[
    str,
    typer.Option(
        metavar="POLICY",
        help="`collect`: failures are recorded and the run goes on; `stop`: the first one ends it. Example: `--on-error stop`",
        rich_help_panel=_FAILING,
    ),
]
MaxFailuresOption = Annotated[
    str | None,
    typer.Option(
        metavar="N|P%",
        help="End the run at more failures than this; a share counts from a hundred finished inputs on. Example: `--max-failures 1%`",
        rich_help_panel=_FAILING,
    ),
]
RetryFailedOption = Annotated[
    bool,
    typer.Option(
        "--retry-failed",
        help="Run the inputs again that are recorded as failed. Example: `--retry-failed`",
        rich_help_panel=_FAILING,
    ),
]
