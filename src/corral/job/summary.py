"""What a job came to: counted as it runs, told at its end."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Literal

from corral.job.errors import BadInput
from corral.job.latency import Latency
from corral.job.record import type_name

Stopped = Literal["SIGINT", "SIGTERM", "on-error", "max-failures"]

_KINDS: Final = 100
_BAD_INPUT: Final = type_name(BadInput(""))


@dataclass(frozen=True)
class FailureKind:
    """The failures of one type.

    Args:
        type: The type of the exception.
        count: How many inputs failed with it.
        index: The first of them.
        message: What that one said.
    """

    type: str
    count: int
    index: int
    message: str


@dataclass(frozen=True)
class Summary:
    """What is in the results now, and what this run did for it.

    Args:
        path: The results.
        total: How many inputs there are; None for a stream that was not read to its end.
        ok: How many are recorded with an output, by this run or before.
        failed: How many are recorded with an error, by this run or before.
        ran: How many of them this run recorded.
        skipped: How many were recorded before, and were not run again.
        seconds: How long this run took.
        rate: Inputs a second in this run.
        p50: Half of the inputs of this run took no more seconds than this inside the function; None when it ran none.
        p95: The same for 95 of a hundred.
        p99: The same for 99 of a hundred.
        failures: The failures in the results by type, the most frequent first; with `retry_failed`, those of this run.
        stopped: What ended the run before its inputs did, or None.
    """

    path: str
    total: int | None
    ok: int
    failed: int
    ran: int
    skipped: int
    seconds: float
    rate: float
    p50: float | None
    p95: float | None
    p99: float | None
    failures: tuple[FailureKind, ...] = ()
    stopped: Stopped | None = None

    @property
    def left(self) -> int | None:
        """How many inputs have no record yet; None where the total is not known."""
        return None if self.total is None else self.total - self.ok - self.failed

    @property
    def exit_code(self) -> int:
        """0 all well, 1 some failed, 130 and 143 after Ctrl-C and SIGTERM."""
        if self.stopped in {"SIGINT", "SIGTERM"}:
            return 130 if self.stopped == "SIGINT" else 143
        return int(self.failed > 0 or self.stopped is not None)

    def as_dict(self) -> dict[str, Any]:
        """Everything, for `--json`."""
        return {**asdict(self), "left": self.left, "exit_code": self.exit_code}


@dataclass
class Tally:
    """Counts what a run records.

    Args:
        skipped: Inputs that were recorded before and do not run again.
        skipped_failed: How many of those had failed.
        retrying: Inputs that had failed before and are to run again.
        retried: How many of those did.
    """

    skipped: int = 0
    skipped_failed: int = 0
    retrying: int = 0
    retried: int = 0
    ran: int = 0
    failed: int = 0
    latency: Latency = field(default_factory=Latency)
    errors: dict[str, tuple[int, int, str]] = field(default_factory=dict[str, tuple[int, int, str]])

    def fail(self, index: int, kind: str, message: str) -> None:
        """Count a failure; of more than a hundred types, the rest are counted together."""
        self.failed += 1
        if kind not in self.errors and len(self.errors) >= _KINDS:
            kind = "other types"
        count, first, told = self.errors.get(kind, (0, index, message))
        self.errors[kind] = (count + 1, first, told)

    def summary(self, path: str, total: int | None, seconds: float, stopped: Stopped | None) -> Summary:
        """What it came to."""
        # A failure that was to run again and did not is still in the file.
        waiting = self.retrying - self.retried
        failed = self.skipped_failed + self.failed + waiting
        ok = self.skipped + waiting + self.ran - failed
        kinds = [FailureKind(kind, *told) for kind, told in self.errors.items()]
        return Summary(
            path=path,
            total=total if total is not None or stopped else self.skipped + waiting + self.ran,
            ok=ok,
            failed=failed,
            ran=self.ran,
            skipped=self.skipped,
            seconds=seconds,
            rate=self.ran / seconds if seconds else 0.0,
            p50=self.latency.percentile(50),
            p95=self.latency.percentile(95),
            p99=self.latency.percentile(99),
            failures=tuple(sorted(kinds, key=lambda kind: -kind.count)),
            stopped=stopped,
        )


def told(summary: Summary, go_on: str, retry: str) -> str:
    """The summary as lines of text.

    Args:
        summary: What to tell.
        go_on: The command to give after a stop.
        retry: The command that runs again what failed.
    """
    lines = [_headline(summary), _speed(summary)]
    if summary.failures:
        lines.append("  failures by type:")
        lines += [_failure(kind) for kind in summary.failures[:10]]
        if len(summary.failures) > 10:
            lines.append(f"    and {len(summary.failures) - 10} types more")
        lines.append(f'  list them:   grep \'"error":{{"type":\' {shlex.quote(summary.path)}')
        if summary.stopped is None:
            lines += _again(summary.failures, retry)
    lines.append(f"  results:     {summary.path}")
    if summary.stopped is not None:
        lines.append(f"  to go on:    {go_on}")
    return "\n".join(line for line in lines if line)


_WHY: Final[dict[Stopped | None, str]] = {
    None: "done",
    "SIGINT": "stopped by Ctrl-C",
    "SIGTERM": "stopped by SIGTERM",
    "on-error": "stopped at the first failure (--on-error stop)",
    "max-failures": "stopped: more failures than --max-failures allows",
}


def _headline(summary: Summary) -> str:
    parts = [f"{summary.ok:,} ok", f"{summary.failed:,} failed"]
    if summary.left:
        parts.append(f"{summary.left:,} left")
    if summary.skipped:
        parts.append(f"{summary.skipped:,} of these recorded before")
    return f"{_WHY[summary.stopped]}: {', '.join(parts)}"


def _speed(summary: Summary) -> str:
    if not summary.ran:
        return "  nothing to do: every input is recorded" if not summary.stopped else ""
    ran = f"  this run:    {summary.ran:,} in {duration(summary.seconds)}, {summary.rate:,.1f}/s"
    if summary.p50 is None or summary.p95 is None or summary.p99 is None:  # none of them could be read
        return ran
    each = f"p50 {duration(summary.p50)}, p95 {duration(summary.p95)}, p99 {duration(summary.p99)}"
    return f"{ran}; each: {each}"


def _again(failures: tuple[FailureKind, ...], retry: str) -> Iterator[str]:
    bad_lines = sum(kind.count for kind in failures if kind.type == _BAD_INPUT)
    if bad_lines < sum(kind.count for kind in failures):
        yield f"  again:       {retry}"
    if bad_lines:  # to go on with a mended input is refused: it is another one
        yield f"  unreadable:  {bad_lines:,} of the inputs, however often they are run; mend them and begin anew with --overwrite"


def _failure(kind: FailureKind) -> str:
    first = kind.message.splitlines()[0] if kind.message else ""
    return f"    {kind.count:>9,} x {kind.type}, first at input {kind.index:,}: {first[:160]}"


def duration(seconds: float) -> str:
    """`1.5 ms`, `2.31 s`, `4 min 05 s`, `3 h 20 min`."""
    if seconds < 1e-3:
        return f"{seconds * 1e6:.3g} µs"
    if seconds < 1:
        return f"{seconds * 1e3:.3g} ms"
    if seconds < 120:
        return f"{seconds:.3g} s"
    if seconds < 7200:
        return f"{seconds // 60:.0f} min {seconds % 60:02.0f} s"
    return f"{seconds // 3600:.0f} h {seconds % 3600 // 60:02.0f} min"
