"""One input, from the call of `fn` to the line that is written of it: what runs inside each worker."""

from __future__ import annotations

import asyncio
from time import perf_counter
from typing import Any, Final

import msgspec

from corral.job.formats import Bad
from corral.job.function import Function
from corral.job.options import Options, Rate
from corral.job.record import UNCHANGING, Success, encode, failure_line, message_of, not_encodable, type_name
from corral.job.retry import attempts, check_installed
from corral.job.source import Job
from corral.outcome import ItemCancelled

# The line to write, the seconds spent inside `fn`, and for a failure the type and the message of it.
Done = tuple[bytes, float, tuple[str, str] | None]

_RAW: Final = msgspec.Raw


class Call:
    """`fn` with what the options put around each call of it; travels to other processes.

    Args:
        function: The function.
        options: Timeout, retries and rate are read from these.
        processes: How many processes share the rate.
    """

    def __init__(self, function: Function, options: Options, processes: int = 1) -> None:
        self._function = function
        self._timeout = options.timeout
        self._retries = options.retries
        self._rate = None if options.rate is None else Rate.parse(options.rate)
        self._processes = processes
        self._begin()

    def _begin(self) -> None:
        # In each process anew: a limiter belongs to a loop, and a function that was given by its path is loaded there.
        self._fn = self._function.call
        self._limiter = None if self._rate is None else self._rate.limiter(self._processes)
        self._plain = self._timeout is None and not self._retries and self._limiter is None
        if self._retries:
            check_installed()

    def __getstate__(self) -> dict[str, Any]:
        """Without what belongs to this process."""
        return {name: value for name, value in vars(self).items() if name not in {"_fn", "_limiter", "_plain"}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """In the process where it will run."""
        vars(self).update(state)
        self._begin()

    async def __call__(self, job: Job, *resource: Any) -> Done:
        """Run one input. Never raises but for cancellation: a failure is a line like any other."""
        index, item = job
        told: object = item
        if type(item) not in UNCHANGING:
            if type(item) is Bad:
                return _failed(index, item.text, item.error, 0, 0.0)
            try:  # before `fn` can change it
                told = _RAW(encode(item))
            except Exception as why:
                return _failed(index, item, not_encodable("the input", item, why), 0, 0.0)
        if not self._plain:
            return await self._call(index, item, told, resource)
        start = perf_counter()
        try:
            output = await self._fn(item, *resource)
        except Exception as error:
            return _failed(index, told, error, 1, perf_counter() - start)
        except asyncio.CancelledError as error:
            return _failed(index, told, _from_inside(error), 1, perf_counter() - start)
        return _done(index, told, output, 1, perf_counter() - start)

    async def _call(self, index: int, item: Any, told: object, resource: tuple[Any, ...]) -> Done:
        clock = _Clock()
        try:
            if self._retries:
                output = None
                async for attempt in attempts(self._retries):
                    with attempt:
                        output = await self._attempt(item, resource, clock)
            else:
                output = await self._attempt(item, resource, clock)
        except Exception as error:
            return _failed(index, told, error, clock.attempts, clock.seconds)
        return _done(index, told, output, clock.attempts, clock.seconds)

    async def _attempt(self, item: Any, resource: tuple[Any, ...], clock: _Clock) -> Any:
        if self._limiter is not None:
            await self._limiter.acquire()
        with clock:
            scope = asyncio.timeout(self._timeout)
            try:
                async with scope:
                    return await self._fn(item, *resource)
            except TimeoutError as error:
                if scope.expired():
                    raise TimeoutError(f"no result within {self._timeout:g} s") from error.__cause__
                raise
            except asyncio.CancelledError as error:
                raise _from_inside(error) from error


class _Clock:
    """The seconds spent inside `fn`, and how often it was called; waiting for the rate or for a retry is not counted."""

    def __init__(self) -> None:
        self.attempts = 0
        self.seconds = 0.0
        self._start = 0.0

    def __enter__(self) -> None:
        self.attempts += 1
        self._start = perf_counter()

    def __exit__(self, *_: object) -> None:
        self.seconds += perf_counter() - self._start


def _from_inside(error: asyncio.CancelledError) -> ItemCancelled:
    """`fn` awaited something that had been cancelled; when it is the run that is being cancelled, that goes on its way."""
    task = asyncio.current_task()
    if task is None or task.cancelling():
        raise error
    return ItemCancelled("it awaited something that had been cancelled").with_traceback(error.__traceback__)


def _done(index: int, told: object, output: object, tries: int, seconds: float) -> Done:
    try:
        return encode(Success(index, told, output, tries, round(seconds, 6))) + b"\n", seconds, None
    except Exception as why:
        return _failed(index, told, not_encodable("the output", output, why), tries, seconds)


def _failed(index: int, told: object, error: BaseException, tries: int, seconds: float) -> Done:
    return failure_line(index, told, error, tries, seconds), seconds, (type_name(error), message_of(error))
