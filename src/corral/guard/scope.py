"""What is done about a leak: policies, the hook, the patterns of what is allowed."""

from __future__ import annotations

import fnmatch
import logging
import os
import sys
import traceback
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias, TypedDict, Unpack, get_args

from corral.guard.catalogue import RUNNING, Kind
from corral.guard.report import LeakedTask, LeakWarning, Report

Action: TypeAlias = Literal["warn", "raise", "cancel"]
Policy: TypeAlias = Action | Callable[[Report], Action | None]
Hook: TypeAlias = Callable[[Report], object]

_KINDS: Final = get_args(Kind)
_ACTIONS: Final = get_args(Action)
_KEPT: Final = 200

logger: logging.Logger = logging.getLogger("corral.guard")
logger.addHandler(
    logging.NullHandler()
)  # else an unconfigured program prints each leak twice: as a warning, and as a log


class Options(TypedDict, total=False):
    """What `guard`, `install` and `run` take; see `guard`."""

    policy: Policy
    pending: Policy
    failed: Policy
    lost: Policy
    orphaned: Policy
    swallowed: Policy
    discarded: Policy
    future: Policy
    unawaited: Policy
    hook: Hook | None
    allow: Iterable[str]
    grace: float | None


class Scope:
    """The part of a program that one guard answers for."""

    def __init__(self, ends: str, **options: Unpack[Options]) -> None:
        """Checks the options. `ends` completes "was still running when ..."."""
        unknown = sorted(set(options) - set(Options.__annotations__))
        if unknown:
            known = ", ".join(Options.__annotations__)
            raise TypeError(f"guard: unknown option {unknown[0]!r}; there are {known}")
        self.ends = ends
        self._default = _checked("policy", options.get("policy", "warn"))
        given: Mapping[str, Any] = {**options}
        self._policies = {kind: _checked(kind, given[kind]) for kind in _KINDS if kind in given}
        self._hook = options.get("hook")
        if self._hook is not None and not callable(self._hook):
            raise TypeError(f"guard: expected a function of one Report as hook, got {self._hook!r}")
        allow = options.get("allow", ())
        if isinstance(allow, str):
            raise TypeError(
                f"guard: expected several patterns as allow, got the text {allow!r}: write allow=[{allow!r}]"
            )
        self._allow = [str(pattern) for pattern in allow]
        self.grace: float | None = _seconds(options.get("grace", 1.0))
        # No more than a few of either: a report has an exception, that has frames, and programs run for months.
        self._raising: deque[Report] = deque(maxlen=_KEPT)
        self._raised = 0
        self.reports: deque[Report] = deque(maxlen=_KEPT)
        self.pid: int = os.getpid()

    def here(self) -> bool:
        """Whether this is still the process that the scope was opened in, and not a fork of it."""
        return self.pid == os.getpid()

    def deliver(self, report: Report) -> bool:
        """Tells the hook and follows the policy; whether what is running is to be cancelled."""
        if not self.here() or sys.is_finalizing() or allowed(report, self._allow):
            return False
        self.reports.append(report)
        if self._hook is not None:
            _call(self._hook, report)
        return self._follow(self._policies.get(report.kind, self._default), report)

    def _follow(self, policy: Any, report: Report) -> bool:
        if callable(policy):
            chosen = _call(policy, report)
            if chosen is None:
                return False
            if chosen not in _ACTIONS:
                _told(policy, report, TypeError(f"expected None or one of {', '.join(_ACTIONS)}, got {chosen!r}"))
                chosen = "warn"
            policy = chosen
        if policy == "cancel" and report.kind in RUNNING:
            logger.info("%s (cancelled)", report, extra={"corral": report.as_dict()})
            return True
        if policy == "raise" or not warn(report):
            self._raising.append(report)
            self._raised += 1
        return False

    def failure(self) -> ExceptionGroup[LeakedTask] | None:
        """What the policy `"raise"` has gathered, once."""
        reports, count = list(self._raising), self._raised
        self._raising.clear()
        self._raised = 0
        if not reports:
            return None
        leaks = "1 leak" if count == 1 else f"{count} leaks"
        last = "" if count == len(reports) else f", the last {len(reports)} of them"
        return ExceptionGroup(f"corral.guard: {leaks}{last}", [LeakedTask(report) for report in reports])

    def settle(self, error: BaseException | None) -> None:
        """Raises what is to be raised. What the program itself raises goes first: the leaks are then a note on that."""
        failure = self.failure()
        if failure is None:
            return
        if error is None:
            raise failure
        leaks = [str(leak.report) for leak in failure.exceptions if isinstance(leak, LeakedTask)]
        error.add_note("\n".join([str(failure), *leaks]))

    def adopt(self) -> None:
        """Goes on in a fork, for what the fork starts; what its parent has found is the parent's."""
        self.pid = os.getpid()
        self._raising.clear()
        self._raised = 0
        self.reports.clear()


def warn(report: Report) -> bool:
    """A log record and a warning that points to the line which made the task; False if a filter makes it an error."""
    logger.warning("%s", report, extra={"corral": report.as_dict()})
    place = report.made_at
    try:
        if place is None:
            warnings.warn(str(report), LeakWarning, stacklevel=1)
        else:
            warnings.warn_explicit(str(report), LeakWarning, place.file, place.line)
    except LeakWarning:
        return False
    return True


def allowed(report: Report, patterns: Iterable[str]) -> bool:
    """Whether a pattern fits the task's name, its coroutine, or the file, the function or the line that made it."""
    names = [report.task, report.coroutine]
    if (place := report.made_at) is not None:
        # A script that was started by a relative path has that as its file; a pattern may be either.
        files = {place.file, str(Path(place.file).absolute())}
        names += [place.function, *files, *(f"{file}:{place.line}" for file in files)]
    return any(fnmatch.fnmatchcase(name, pattern) for name in names if name for pattern in patterns)


def _call(function: Callable[[Report], Any], report: Report) -> Any:
    """A hook that fails is told about, and is never fatal."""
    try:
        return function(report)
    except Exception as error:
        _told(function, report, error)
        return None if isinstance(error, LeakWarning) else "warn"


def _told(function: object, report: Report, error: Exception) -> None:
    text = f"corral.guard: {function!r} failed on a report: {error!r}\n{report}"
    logger.error(text, exc_info=error)
    try:
        warnings.warn(text, RuntimeWarning, stacklevel=1)
    except RuntimeWarning:
        traceback.print_exception(error)


def _checked(name: str, policy: Policy) -> Policy:
    if callable(policy) or policy in _ACTIONS:
        if policy == "cancel" and name in _KINDS and name not in RUNNING:
            raise ValueError(
                f"guard: {name}='cancel': nothing is left to cancel there; 'cancel' is for pending and orphaned"
            )
        return policy
    raise ValueError(f"guard: expected 'warn', 'raise', 'cancel' or a function of one Report as {name}, got {policy!r}")


def _seconds(grace: Any) -> float | None:
    if grace is not None and (isinstance(grace, bool) or not isinstance(grace, (int, float)) or not grace >= 0):
        raise ValueError(f"guard: expected seconds, or None for never, as grace, got {grace!r}")
    return None if grace is None else float(grace)
