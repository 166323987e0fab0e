"""`corral run`: one async function over a million inputs, into a file that survives `kill -9`."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import typer

from corral.cli.run_options import (
    AsJsonOption,
    DaskOption,
    FunctionArgument,
    GraceOption,
    InputArgument,
    InputFormatOption,
    LimitOption,
    LoopOption,
    MaxFailuresOption,
    OnErrorOption,
    OrderedOption,
    OutOption,
    OverwriteOption,
    QuietOption,
    RateOption,
    RayOption,
    ResourceOption,
    RetriesOption,
    RetryFailedOption,
    TimeoutOption,
    WorkersOption,
)
from corral.job import JobError, JournalError, Summary, WorkerError
from corral.job.errors import Option
from corral.job.options import Options
from corral.job.progress import meter
from corral.job.run import run_blocking
from corral.job.summary import told


def run(
    context: typer.Context,
    function: FunctionArgument,
    inputs: InputArgument,
    limit: LimitOption,
    out: OutOption = Path("results.jsonl"),
    ordered: OrderedOption = False,
    overwrite: OverwriteOption = False,
    as_json: AsJsonOption = False,
    quiet: QuietOption = False,
    input_format: InputFormatOption = None,
    timeout: TimeoutOption = None,
    rate: RateOption = None,
    resource: ResourceOption = None,
    grace: GraceOption = 5.0,
    loop: LoopOption = "asyncio",
    workers: WorkersOption = None,
    dask: DaskOption = None,
    ray: RayOption = None,
    retries: RetriesOption = 0,
    on_error: OnErrorOption = "collect",
    max_failures: MaxFailuresOption = None,
    retry_failed: RetryFailedOption = False,
) -> None:
    """Run one async function over a million inputs, into a file that survives `kill -9`.

    `corral run scraper.py:fetch urls.txt --limit 500 --out results.jsonl`

    Each input becomes a line of the results: `{"index", "input", "output", "attempts", "seconds"}`, or with an `"error"` of
    `{"type", "message", "traceback"}` instead of the output. **The same command again goes on where the last one ended**,
    after Ctrl-C, a crash or `kill -9`: what is recorded is not run again, and nothing is recorded twice.

    Exit status: 0 all well, 1 some inputs failed or the results could not be written, 2 a mistake in the call, 130 after
    Ctrl-C, 143 after SIGTERM.
    """
    options: dict[str, Any] = {
        name: value
        for name, value in locals().items()
        if name not in {"context", "function", "inputs", "limit", "out", "as_json", "quiet"}
    }

    def tell(summary: Summary) -> None:
        if as_json:
            print(json.dumps(summary.as_dict(), indent=2))
        elif not quiet:
            print(told(summary, _typed(context), _typed(context, retry=True)))
        sys.stdout.flush()

    raise typer.Exit(_run(function, inputs, out, limit, options, tell, quiet=quiet))


def _run(
    function: str,
    inputs: str,
    out: Path,
    limit: str,
    options: dict[str, Any],
    tell: Callable[[Summary], None],
    *,
    quiet: bool,
) -> int:
    try:
        asked = Options(limit=_limit(limit), **options)
        summary = run_blocking(function, inputs, out, asked, meter(quiet=quiet), tell)
    except JobError as error:
        print(f"corral run: {error.as_typed()}", file=sys.stderr)
        return 2
    except (JournalError, WorkerError) as error:
        print(f"corral run: {error.as_typed()}", file=sys.stderr)
        return 1
    tell(summary)
    return summary.exit_code


def _limit(given: str) -> int | None:
    if given.lower() == "none":
        return None
    if given.isascii() and given.isdigit() and int(given) >= 1:
        return int(given)
    raise JobError(
        Option("limit"), f": expected a whole number from 1 up, or none, got {given!r}; for example --limit 500"
    )


def _typed(context: typer.Context, *, retry: bool = False) -> str:
    """The command that was typed, to go on and not from the beginning; and to retry, what excludes that is left out, too."""
    typed: list[str] = context.obj
    left_out = {"--overwrite", "--ordered", "--retry-failed"} if retry else {"--overwrite"}
    return shlex.join(["corral", *(word for word in typed if word not in left_out), *["--retry-failed"] * retry])
