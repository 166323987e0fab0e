"""A job from its beginning to its summary: one stream, each outcome of it into the journal."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any, Final, TypeAlias

from corral import ItemCancelled, Ok, Outcome, Stream, stream_tg
from corral.job.call import Call, Done
from corral.job.compact import compact
from corral.job.errors import OVERWRITE, SAME, JournalError, WorkerError
from corral.job.function import Function
from corral.job.options import Options, Tolerance
from corral.job.pipe import PipeSource
from corral.job.plan import Plan, plan
from corral.job.progress import Meter, State
from corral.job.record import failure_line, message_of, type_name
from corral.job.source import Job, Source
from corral.job.stop import Stop, to_its_end
from corral.job.summary import Summary
from corral.job.workplace import Factory, check_travels, elsewhere, executor_of, resource_of

_STOPPING: Final = "stopping: nothing new is started"

Jobs: TypeAlias = Iterator[Job] | AsyncIterator[Job]
Streaming: TypeAlias = Callable[[Jobs], Stream[Any]]


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
    meter: Meter
    last_words: Callable[[Summary], None] = lambda _: None

    async def run(self) -> Summary:
        """Run the inputs that have no record yet, and record each.

        Fails: `JobError` when it may not begin, or a stream turns out to be another one; `JournalError` when the results can
        no longer be written. Cancellation: what is running is cancelled and awaited, what has finished is in the file.
        """
        # Looking for a cluster, or through a large file, may take a while: that a signal was heard is told even so.
        self.stop.told = partial(self.meter.say, f"{_STOPPING}; once more to end at once")
        try:
            # What is not installed, not there or cannot travel is told before anything is touched.
            call = Call(self.function, self.options, self.options.workers or 1)
            factory = resource_of(self.options)
            if elsewhere(self.options):
                check_travels(call, factory)
            async with executor_of(self.options) as executor:
                return await self._run(partial(self._stream, call, factory, executor))
        finally:
            if isinstance(self.source, PipeSource):
                self.source.close()

    async def _run(self, stream: Streaming) -> Summary:
        start = monotonic()
        job = await to_its_end(plan, self.function, self.source, self.out, self.options, undo=Plan.give_up)
        state = State(self.source.total, job.tally)
        loop = asyncio.get_running_loop()
        job.journal.start(loop, self.stop.at_once)
        self.stop.told = partial(self._say_stopping, state)
        ticking = Ticking(loop, self.meter, state)

        def summary() -> Summary:
            return job.tally.summary(str(self.out), self.source.total, monotonic() - start, self.stop.reason)

        def at_once() -> None:
            self.meter.close()
            job.begin_anew()
            job.journal.finish()
            self.last_words(summary())

        try:
            try:
                await self._drive(stream, job, state, at_once)
                if job.anew is not None:  # there was nothing to record
                    await to_its_end(job.begin_anew)
            finally:
                ticking.end()
                await to_its_end(job.journal.finish)
            if job.tally.retried:
                await to_its_end(compact, job.journal)
        except BaseException as error:
            job.give_up()
            if self.options.overwrite and job.anew is None:
                _go_on_without_overwriting(error)
            raise
        job.journal.close()
        return summary()

    def _say_stopping(self, state: State) -> None:
        state.stopping = True
        self.meter.say(_stopping(state.in_flight, self.options.grace))

    def _stream(self, call: Call, factory: Factory | None, executor: Executor | None, jobs: Jobs) -> Stream[Any]:
        options = self.options
        lanes = options.lanes if executor is not None else None
        settings: dict[str, Any] = {"resource": factory, "executor": executor, "lanes": lanes}
        return stream_tg(call, jobs, limit=options.limit, ordered=options.ordered, on_error="collect", **settings)

    async def _drive(self, streaming: Streaming, job: Plan, state: State, at_once: Callable[[], None]) -> None:
        stream = streaming(_until(self.stop, job.source.jobs(job.recorded), state))
        scope = asyncio.timeout(None)
        try:
            async with scope:
                self.stop.arm(scope, lambda: not state.in_flight, at_once)
                async with stream as outcomes:
                    await self._record(outcomes, job, state)
        except BrokenExecutor as error:
            if self.stop.asked:  # a service manager sends SIGTERM to the workers, too
                return
            flying = "; ".join(getattr(error, "__notes__", ())).rpartition("in flight: ")[2]
            flying = re.sub(
                r"input \d+: ", "", flying
            )  # their number in this run; the index in the results stands before each
            raise WorkerError(
                f"a worker has ended abruptly: was it killed, or out of memory? In flight were, as (index, input): {flying}. "
                "What is recorded is intact: ",
                SAME,
                " goes on",
            ) from error
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
            if job.anew is not None:
                await to_its_end(job.begin_anew)
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
    return f"{_STOPPING}{waiting}"


def _go_on_without_overwriting(error: BaseException) -> None:
    """Where the same call is what goes on, it would drop what this one has recorded."""
    if isinstance(error, JournalError | WorkerError):
        error.parts += (", but without ", OVERWRITE)


def _outside(job: Job, error: Exception) -> Done:
    """The record of an input that failed outside of the call: it cancelled its own task, or could not travel to a worker."""
    attempts = 0
    if isinstance(error, ItemCancelled):  # the verb's words tell of the job, and not of its input
        attempts = 1
        cause, error = error.__cause__, ItemCancelled("it cancelled its own task")
        error.__cause__ = cause
    return failure_line(job[0], job[1], error, attempts, 0.0), 0.0, (type_name(error), message_of(error))


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
