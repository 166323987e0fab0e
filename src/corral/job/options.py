"""What can be asked of a job, checked before anything is touched."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from concurrent.futures import Executor
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Literal

from corral.job.errors import OVERWRITE, JobError, Option
from corral.job.formats import format_of

if TYPE_CHECKING:
    from aiolimiter import AsyncLimiter


@dataclass(frozen=True)
class Rate:
    """So many calls in so many seconds.

    `Rate.parse("600/m")` is ten a second.
    """

    calls: float
    seconds: float

    @classmethod
    def parse(cls, given: float | str) -> Rate:
        """`10/s`, `600/m`, `5000/h`, or a bare number of calls a second. Fails: `JobError`."""
        found = re.fullmatch(r"\s*([0-9]*\.?[0-9]+)\s*(?:/\s*([smh])\w*)?\s*", str(given))
        calls = float(found[1]) if found else 0.0
        if not found or not calls or not math.isfinite(calls):
            raise JobError(Option("rate"), f": expected a rate such as 10/s, 600/m or 5000/h, got {given!r}")
        return cls(calls, {"s": 1.0, "m": 60.0, "h": 3600.0}[found[2] or "s"])

    def limiter(self, processes: int) -> AsyncLimiter:
        """A limiter for one of so many processes: evenly spaced, at most a twentieth of a second's calls at once."""
        try:
            from aiolimiter import AsyncLimiter
        except ModuleNotFoundError:
            raise missing_extra(Option("rate"), "aiolimiter", "cli") from None
        a_second = self.calls / self.seconds / processes
        burst = a_second / 20
        return AsyncLimiter(burst, 0.05) if burst >= 1 else AsyncLimiter(1, 1 / a_second)


@dataclass(frozen=True)
class Tolerance:
    """How many failures a run may have: a number, or a share of what is finished once that is a hundred inputs."""

    number: int | None = None
    share: float | None = None

    @classmethod
    def parse(cls, given: float | str | None) -> Tolerance:
        """`20`, or `1%`. Fails: `JobError`."""
        if given is None:
            return cls()
        text = str(given).strip()
        try:
            if text.endswith("%") and 0 <= float(text[:-1]) <= 100:
                return cls(share=float(text[:-1]) / 100)
            if text.isascii() and text.isdigit():
                return cls(number=int(text))
        except ValueError:
            pass
        raise JobError(
            Option("max_failures"), f": expected a number of failures such as 20, or a share such as 1%, got {given!r}"
        )

    def exceeded(self, failed: int, finished: int) -> bool:
        """Whether `failed` of `finished` inputs are too many."""
        if self.number is not None:
            return failed > self.number
        return self.share is not None and finished >= 100 and failed > self.share * finished


@dataclass(frozen=True, kw_only=True)
class Options:
    """The options of `run_job` and of `corral run`; `run_job` says what each is for."""

    limit: int | None
    ordered: bool = False
    timeout: float | None = None
    retries: int = 0
    rate: float | str | None = None
    workers: int | None = None
    dask: str | None = None
    ray: str | None = None
    executor: Executor | None = None
    lanes: int | None = None
    resource: Any = None
    on_error: Literal["collect", "stop"] = "collect"
    max_failures: int | str | None = None
    retry_failed: bool = False
    overwrite: bool = False
    grace: float = 5.0
    loop: Literal["asyncio", "uvloop"] = "asyncio"
    input_format: str | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be meant. Fails: `JobError`, with what was expected."""
        if self.limit is not None:
            _whole("limit", self.limit, 1, " or None for no limit")
        _whole("retries", self.retries, 0)
        if self.workers is not None:
            _whole("workers", self.workers, 1)
        if self.timeout is not None:
            _seconds("timeout", self.timeout, least=0, more=True)
        _seconds("grace", self.grace, least=0, more=False)
        if self.rate is not None:
            Rate.parse(self.rate)
        Tolerance.parse(self.max_failures)
        _one_of("on_error", self.on_error, ("collect", "stop"))
        _one_of("loop", self.loop, ("asyncio", "uvloop"))
        if self.input_format is not None:
            format_of("", self.input_format)
        self._check_place()
        self._check_retry()

    def _check_place(self) -> None:
        engines = [
            Option(f.name)
            for f in fields(self)
            if f.name in {"workers", "dask", "ray", "executor"} and getattr(self, f.name) is not None
        ]
        if len(engines) > 1:
            raise JobError("expected one place to run, got ", *_listed(engines), ": leave out all but one of them")
        if self.executor is not None:
            _executor(self.executor)
        if self.lanes is not None:
            _whole("lanes", self.lanes, 1)
            if not engines:
                raise JobError(
                    "lanes says how many chunks are at an executor at once: give workers, dask, ray or executor"
                )
        if self.rate is not None and (self.dask or self.ray or self.executor is not None):
            raise JobError(
                Option("rate"),
                " needs to know how many processes share it, and only does in this process and with ",
                Option("workers"),
                ": leave it out, and hold the rate inside the function",
            )

    def _check_retry(self) -> None:
        if self.ordered and self.retry_failed:
            raise JobError(
                Option("ordered"),
                " and ",
                Option("retry_failed"),
                " exclude each other: a record that is made again stands at the end of the file. Leave out ",
                Option("ordered"),
                ", or ",
                OVERWRITE,
                " to run everything again in order",
            )
        if self.overwrite and self.retry_failed:
            raise JobError(
                Option("overwrite"),
                " and ",
                Option("retry_failed"),
                " exclude each other: the first begins anew, so nothing is left to retry",
            )


def _whole(name: str, got: object, least: int, besides: str = "") -> None:
    if isinstance(got, bool) or not isinstance(got, int) or got < least:
        raise JobError(Option(name), f": expected a whole number from {least} up{besides}, got {got!r}")


def _seconds(name: str, got: object, *, least: float, more: bool) -> None:
    number = isinstance(got, (int, float)) and not isinstance(got, bool) and math.isfinite(got)
    if not number or got < least or (more and got == least):  # type: ignore[operator]  # `number` has told what it is
        raise JobError(
            Option(name),
            f": expected a number of seconds {'above' if more else 'from'} {least}{'' if more else ' up'}, got {got!r}",
        )


def _executor(got: object) -> None:
    if not isinstance(got, Executor):
        raise JobError(f"executor: expected a concurrent.futures.Executor, got {type(got).__name__}")


def _one_of(name: str, got: object, allowed: tuple[str, ...]) -> None:
    if got not in allowed:
        raise JobError(Option(name), f": expected {' or '.join(allowed)}, got {got!r}")


def _listed(options: list[Option]) -> Iterator[Option | str]:
    for number, option in enumerate(options):
        if number:
            yield " and "
        yield option


def missing_extra(what: Option, module: str, extra: str) -> JobError:
    """The error for an option whose library is not installed."""
    return JobError(what, f" needs {module}, which is not installed: pip install 'corral[{extra}]'")
