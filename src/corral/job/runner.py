"""A job from its beginning to its summary: one stream, each outcome of it into the journal."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any

from corral import ItemCancelled, Ok, Outcome, stream_tg
from corral.job.bitmap import Bitmap
from corral.job.call import Call, Done
from corral.job.compact import compact
from corral.job.errors import JobError
from corral.job.files import FileSource
from corral.job.function import Function
from corral.job.identity import FORMAT, Identity, check_same, read_identity, sidecar, write_identity
from corral.job.journal import Journal
from corral.job.options import Options, Tolerance
from corral.job.progress import Meter, Silent, State
from corral.job.record import RECORD_START, failure_line, message_of, type_name
from corral.job.scan import Scan
from corral.job.source import Job, Recorded, Source
from corral.job.stop import Stop
from corral.job.summary import Summary, Tally


@dataclass
class Plan:
    """A job that may begin: everything was looked at, the results are locked and mended.

    Args:
        source: The inputs.
        journal: The results.
        recorded: The inputs to pass over.
        failed: Those that failed before and are to run again.
        tally: What the results hold already.
    """

    source: Source
    journal: Journal
    recorded: Recorded
    failed: Bitmap = field(default_factory=Bitmap)
    tally: Tally = field(default_factory=Tally)


def plan(function: Function, source: Source, out: Path, options: Options) -> Plan:
    """Look whether the job may begin or go on; lock and mend its results. It reads files whole: call it in a thread.

    Fails: `JobError` when the results belong to another job; then nothing has been changed.
    """
    if isinstance(source, FileSource) and source.is_file(out):
        raise JobError(f"the results would overwrite the input {out}: give another --out")
    fresh = not out.exists()
    journal = Journal(out)
    try:
        return _plan(function, source, journal, options)
    except BaseException:
        if fresh and not journal.size:
            out.unlink(missing_ok=True)
        journal.close()
        raise


def _plan(function: Function, source: Source, journal: Journal, options: Options) -> Plan:
    out = journal.path
    before = None if options.overwrite or not journal.size else read_identity(out)
    if before is not None:
        check_same(before, function.name, source.kind, out, ordered=options.ordered)
    elif journal.size and options.overwrite:
        _check_ours(out)
    elif journal.size:
        raise JobError(
            f"{out} has results, but {sidecar(out).name}, which tells what run they are of, is not beside it. "
            "Put it back, give another --out, or --overwrite to begin anew"
        )
    known = source.identify(before.input if before else None)
    if options.overwrite:
        journal.cut(0)
    scan = _mended(journal, streamed=source.kind == "stream")
    if source.total is not None and scan.done.end() > source.total:
        raise JobError(
            f"{out} holds a record of input {scan.done.end() - 1:,}, and there are {source.total:,} inputs: give another --out"
        )
    identity = Identity(FORMAT, function.name, known, options.ordered)
    if identity != before:
        try:
            write_identity(out, identity)
        except OSError as why:
            raise JobError(f"{sidecar(out)} cannot be written: {why.strerror}") from None
    if not options.retry_failed:
        tally = Tally(skipped=len(scan.done), skipped_failed=len(scan.failed), errors=scan.errors)
        return Plan(source, journal, scan, tally=tally)
    failed = scan.failed
    scan.done = scan.done.without(failed)
    return Plan(source, journal, scan, failed, Tally(skipped=len(scan.done), retrying=len(failed)))


def _check_ours(out: Path) -> None:
    """Begin anew only over results: a mistyped `--out` must not cost somebody's file."""
    with out.open("rb") as file:
        start = file.read(len(RECORD_START))
    if start != RECORD_START and not sidecar(out).exists():
        raise JobError(
            f"{out} does not hold results of a job, so it is not overwritten: give another --out, or delete it yourself"
        )


def _mended(journal: Journal, *, streamed: bool) -> Scan:
    scan = Scan(journal.path, remember_inputs=streamed)
    if scan.torn:
        journal.cut(scan.size)
    elif scan.unended:
        journal.end_line()
    if scan.superseded:  # a run that retried failures was killed
        compact(journal)
        scan = Scan(journal.path, remember_inputs=streamed)
    return scan


@dataclass
class Runner:
    """One run of a job.

    Args:
        function: What to call.
        source: The inputs.
        out: Where the results go.
        options: How.
        stop: What may end it early.
        meter: What shows how far it is.
        last_words: What to say when the process is ended at once.
    """

    function: Function
    source: Source
    out: Path
    options: Options
    stop: Stop
    meter: Meter = field(default_factory=Silent)
    last_words: Callable[[Summary], None] = lambda _: None

    async def run(self) -> Summary:
        """Run the inputs that have no record yet, and record each.

        Fails: `JobError` when it may not begin, or a stream turns out to be another one; `JournalError` when the results can
        no longer be written. Cancellation: what is running is cancelled and awaited, what has finished is in the file.
        """
        start = monotonic()
        job = await asyncio.to_thread(plan, self.function, self.source, self.out, self.options)
        state = State(self.source.total, job.tally)
        loop = asyncio.get_running_loop()
        job.journal.start(loop, self.stop.at_once)
        self.stop.told = lambda: self.meter.say(_stopping(state.in_flight, self.options.grace))
        ticking = Ticking(loop, self.meter, state)

        def summary() -> Summary:
            return job.tally.summary(str(self.out), self.source.total, monotonic() - start, self.stop.reason)

        def at_once() -> None:
            self.meter.close()
            job.journal.finish()
            self.last_words(summary())

        try:
            try:
                await self._drive(job, state, at_once)
            finally:
                ticking.end()
                await _shielded(job.journal.finish)
            if job.tally.retried:
                await _shielded(compact, job.journal)
            return summary()
        finally:
            job.journal.close()

    async def _drive(self, job: Plan, state: State, at_once: Callable[[], None]) -> None:
        call = Call(self.function, self.options)
        stream = stream_tg(
            call,
            _until(self.stop, job.source.jobs(job.recorded), state),
            limit=self.options.limit,
            ordered=self.options.ordered,
            on_error="collect",
        )
        scope = asyncio.timeout(None)
        try:
            async with scope:
                self.stop.arm(scope, lambda: not state.in_flight, at_once)
                async with stream as outcomes:
                    await self._record(outcomes, job, state)
        except TimeoutError:
            if not scope.expired():
                raise
        finally:
            self.stop.disarm()

    async def _record(self, outcomes: AsyncIterator[Outcome[Job, Done]], job: Plan, state: State) -> None:
        tally, stop, failed_before = job.tally, self.stop, job.failed
        add, took = job.journal.add, tally.latency.add
        tolerance = Tolerance.parse(self.options.max_failures)
        async for outcome in outcomes:
            line, seconds, failure = outcome.value if isinstance(outcome, Ok) else _outside(outcome.item, outcome.error)
            add(line)
            if seconds:  # a line that could not be read was not run
                took(seconds)
            tally.ran += 1
            if failed_before and outcome.item[0] in failed_before:
                tally.retried += 1
            if failure is not None:
                tally.fail(outcome.item[0], *failure)
                if self.options.on_error == "stop":
                    stop.ask("on-error")
                elif tolerance.exceeded(tally.failed, tally.ran):
                    stop.ask("max-failures")
            if stop.asked:
                state.stopping = True
                if not state.in_flight:
                    return


def _stopping(in_flight: int, grace: float) -> str:
    waiting = (
        f", {in_flight:,} in flight may take up to {grace:g} s more; once more to end at once" if in_flight else ""
    )
    return f"stopping: nothing new is started{waiting}"


def _outside(job: Job, error: Exception) -> Done:
    """The record of an input that failed outside of the call: it cancelled its own task, or its worker could not run it."""
    if isinstance(error, ItemCancelled):  # the verb's words tell of the job, and not of its input
        cause, error = error.__cause__, ItemCancelled("it cancelled its own task")
        error.__cause__ = cause
    return failure_line(job[0], job[1], error, 1, 0.0), 0.0, (type_name(error), message_of(error))


def _until(stop: Stop, jobs: Iterator[Job] | AsyncIterator[Job], state: State) -> Iterator[Job] | AsyncIterator[Job]:
    """The jobs until a stop is asked for, each counted as it is started."""
    return _async_until(stop, jobs, state) if isinstance(jobs, AsyncIterator) else _plain_until(stop, jobs, state)


def _plain_until(stop: Stop, jobs: Iterator[Job], state: State) -> Iterator[Job]:
    for job in jobs:
        if stop.asked:
            return
        state.pulled += 1
        yield job


async def _async_until(stop: Stop, jobs: AsyncIterator[Job], state: State) -> AsyncIterator[Job]:
    async for job in jobs:
        if stop.asked:
            return
        state.pulled += 1
        yield job


async def _shielded(call: Callable[..., Any], *args: Any) -> None:
    """Run `call` in a thread to its end, also when this is cancelled meanwhile: the results must not be left half way."""
    work = asyncio.ensure_future(asyncio.to_thread(call, *args))
    try:
        await asyncio.shield(work)
    except asyncio.CancelledError:
        await asyncio.wait([work])
        raise


class Ticking:
    """Shows the state from time to time.

    Args:
        loop: Where.
        meter: On what.
        state: What.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, meter: Meter, state: State) -> None:
        self._loop = loop
        self._meter = meter
        self._state = state
        self._handle = loop.call_later(meter.every, self._tick)

    def _tick(self) -> None:
        self._meter.show(self._state)
        self._handle = self._loop.call_later(self._meter.every, self._tick)

    def end(self) -> None:
        """Show nothing any more."""
        self._handle.cancel()
        self._meter.close()
