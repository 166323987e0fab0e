"""`run_job` and `arun_job`: the job from Python."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterable, Awaitable, Callable, Iterable
from concurrent.futures import Executor
from pathlib import Path
from typing import Any, Literal, TypedDict, Unpack

from corral.job.errors import Option
from corral.job.files import open_source
from corral.job.function import check_async, function_of
from corral.job.options import Options, missing_extra
from corral.job.progress import Meter, meter
from corral.job.runner import Runner
from corral.job.stop import Stop
from corral.job.summary import Summary

Inputs = str | os.PathLike[str] | Iterable[Any] | AsyncIterable[Any]


class JobOptions(TypedDict, total=False):
    """The options of a job besides `limit` and `out`; `run_job` says what each is for."""

    ordered: bool
    timeout: float | None
    retries: int
    rate: float | str | None
    workers: int | None
    dask: str | None
    ray: str | None
    executor: Executor | None
    lanes: int | None
    resource: Any
    on_error: Literal["collect", "stop"]
    max_failures: int | str | None
    retry_failed: bool
    overwrite: bool
    grace: float
    loop: Literal["asyncio", "uvloop"]
    input_format: str | None


def run_job(
    fn: Callable[..., Awaitable[Any]] | str,
    inputs: Inputs,
    /,
    *,
    limit: int | None,
    out: str | os.PathLike[str],
    progress: bool = False,
    **options: Unpack[JobOptions],
) -> Summary:
    """Run an async function over every input, each result a line of JSON in `out`; the same call again goes on where it ended.

    As if one had written this, and had got it right after a crash, a full disk and Ctrl-C::

        for index, item in enumerate(inputs):
            if index not in recorded(out):
                append(out, {"index": index, "input": item, "output": await fn(item)})

    only with `limit` inputs running at a time. Records are exactly once, calls of `fn` at least once.

    Args:
        fn: `async def fn(item)`, or `"module:function"`, or `"path/file.py:function"`.
        inputs: A path (`.txt`: a line an input, `.jsonl`: a JSON value a line, `.csv`: a dict a row; each also `.gz`), `"-"` for
            standard input, `"range:N"`, or any iterable or async iterable.
        limit: How many inputs run at a time; None says: as many as it takes.
        out: The results. Beside it, `out` + `.corral` says which run they belong to.
        progress: Show on standard error how far it is.
        ordered: Write the records in the order of the inputs.
        timeout: Seconds for one call of `fn`; a retry has its own.
        retries: How often a failed input is tried again, with growing waits (stamina), and no sooner than a `Retry-After` asks.
        rate: Calls of `fn` a second, or `"600/m"`; evenly spaced.
        workers: Run in so many processes of this machine.
        dask: Run on the Dask cluster with this address.
        ray: Run on the Ray cluster with this address.
        executor: Run on any `concurrent.futures.Executor`.
        lanes: How many chunks are at the executor at once.
        resource: A factory of async context managers: entered once per process, and `fn`'s second argument.
        on_error: `"collect"` records failures and goes on; `"stop"` ends at the first.
        max_failures: End at more failures than this: a number, or `"1%"` of what is finished (from a hundred inputs on).
        retry_failed: Run the inputs again whose record is a failure.
        overwrite: Begin anew: what `out` holds is dropped when there is something to write in its place.
        grace: Seconds that running inputs have to finish once the run is to end.
        loop: `"uvloop"` for its loop.
        input_format: `txt`, `jsonl` or `csv`, where the name does not tell.

    Returns:
        What is in the results now, and what this run did.

    Fails: `JobError` when the job may not begin (nothing is changed then) or its input turns out to be another one;
    `JournalError` when the results can no longer be written; `WorkerError` when a worker process died. Failures of `fn` are
    records and never raised.

    Cancellation: Ctrl-C starts nothing new, gives what runs its grace, and raises `KeyboardInterrupt`; SIGTERM likewise,
    `SystemExit(143)`. A second one ends the process at once. The results can be gone on with after each.

    Cost: some 5 µs an input, a bit of memory for each, and an `fsync` every half second.
    """
    asked = Options(limit=limit, **options)
    summary = run_blocking(fn, inputs, out, asked, meter(quiet=not progress), lambda _: None)
    if summary.stopped == "SIGINT":
        raise KeyboardInterrupt
    if summary.stopped == "SIGTERM":
        raise SystemExit(summary.exit_code)
    return summary


async def arun_job(
    fn: Callable[..., Awaitable[Any]] | str,
    inputs: Inputs,
    /,
    *,
    limit: int | None,
    out: str | os.PathLike[str],
    progress: bool = False,
    **options: Unpack[JobOptions],
) -> Summary:
    """For a program that has a loop: the awaitable twin of `run_job`, which leaves signals alone.

    Args:
        fn: As for `run_job`, and so are all the others.
        inputs: The inputs.
        limit: How many run at a time.
        out: The results.
        progress: Show on standard error how far it is.
        options: The options of `run_job`; `loop` is the one that is running.

    Fails: As `run_job` does.

    Cancellation: What is running is cancelled and awaited; what has finished is in the file.

    Cost: That of `run_job`; files are looked through and synced in threads.
    """
    asked = Options(limit=limit, **options)
    return await prepared(fn, inputs, out, asked, Stop(asked.grace), meter(quiet=not progress)).run()


def run_blocking(
    fn: Callable[..., Awaitable[Any]] | str,
    inputs: Inputs,
    out: str | os.PathLike[str],
    options: Options,
    shown_on: Meter,
    last_words: Callable[[Summary], None],
) -> Summary:
    """Run a job on a loop of its own, until its end or a signal.

    Args:
        fn: The function.
        inputs: The inputs.
        out: The results.
        options: How.
        shown_on: What shows how far it is.
        last_words: What to say when a second signal ends the process at once.

    Fails: `RuntimeError` in a running loop, which it would block.
    """
    _check_no_loop()
    loop_factory, stop = _loop_factory(options.loop), Stop(options.grace)
    runner = prepared(fn, inputs, out, options, stop, shown_on)
    runner.last_words = last_words
    with asyncio.Runner(loop_factory=loop_factory) as loop_runner, stop.on_signals(loop_runner.get_loop()):
        return loop_runner.run(runner.run())


def prepared(
    fn: Callable[..., Awaitable[Any]] | str,
    inputs: Inputs,
    out: str | os.PathLike[str],
    options: Options,
    stop: Stop,
    shown_on: Meter,
) -> Runner:
    """A runner whose function and input were found."""
    function = function_of(fn)
    check_async(function, 1 if options.resource is None else 2)
    return Runner(function, open_source(inputs, options.input_format), Path(out), options, stop, shown_on)


def _check_no_loop() -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise RuntimeError(
        "run_job was called where an event loop is running, which it would block.\n"
        "You wrote something like:\n  summary = run_job(fn, inputs, ...)  # wrong\n"
        "Instead:\n  summary = await arun_job(fn, inputs, ...)  # right"
    )


def _loop_factory(loop: str) -> Callable[[], asyncio.AbstractEventLoop] | None:
    if loop == "asyncio":
        return None
    try:
        import uvloop
    except ModuleNotFoundError:
        raise missing_extra(Option("loop", "uvloop"), "uvloop", "uvloop") from None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory
