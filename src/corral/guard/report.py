"""What the guard says: plain data, and the exception and the warning that carry it."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final, final

from corral.guard.catalogue import HAZARDS, Kind

_CUT: Final = 200


def cut(text: str, length: int = _CUT) -> str:
    """At most `length` characters, and a mark where something is missing."""
    return text if len(text) <= length else text[: length - 1] + "…"


def shown(value: object) -> str:
    """`repr`, cut, and never a failure of its own."""
    try:
        return cut(repr(value))
    except Exception as error:
        return f"<{type(value).__name__} whose repr raised {type(error).__name__}>"


@final
@dataclass(frozen=True, slots=True)
class Place:
    """A line of source: where a task was made."""

    file: str
    line: int
    function: str

    def __str__(self) -> str:
        """`path:line in function`, the path from the current folder if it is below it."""
        inside = f"{Path.cwd()}{os.sep}"
        return f"{self.file.removeprefix(inside)}:{self.line} in {self.function}"


@final
@dataclass(frozen=True, slots=True)
class Report:
    """One leak.

    Args:
        kind: What happened: `pending`, `failed`, `lost`, `orphaned`, `swallowed`, `discarded`, `future` or `unawaited`.
        code: The hazard, such as `TG001`; `hazard` is its name, and `corral explain TG001` its page.
        what: The sentence that says what happened.
        task: The name of the task, or None where there is none: a future, a coroutine that never became a task.
        coroutine: The qualified name of the function that the task runs.
        made_at: The line that made the task; if the event loop made it, the line where its function begins.
        waits_on: What a task that is still running waits on, and the line where it does.
        exception: What was raised and not seen.
    """

    kind: Kind
    code: str
    what: str
    task: str | None = None
    coroutine: str | None = None
    made_at: Place | None = None
    waits_on: str | None = None
    exception: BaseException | None = None

    @property
    def hazard(self) -> str:
        """The name of the hazard, such as `lost-task`."""
        return HAZARDS[self.code]

    @property
    def page(self) -> str:
        """The page about the hazard, in the folder `docs/rules` of the project."""
        return f"docs/rules/{self.code}.md"

    def __str__(self) -> str:
        """All of it, for people, on a few lines."""
        lines = [f"{self.code} {self.hazard}: {self.what}"]
        if self.made_at is not None:
            lines.append(f"made at:  {self.made_at}")
        if self.waits_on is not None:
            lines.append(f"waits on: {self.waits_on}")
        if self.exception is not None:
            lines.append(f"failure:  {shown(self.exception)}")
        lines.append(f"read:     corral explain {self.code}, or {self.page}")
        return "\n  ".join(lines)

    def as_dict(self) -> dict[str, str | int]:
        """Strings and numbers only, what is not known left out: for a log record, a span's attributes, JSON."""
        place = self.made_at
        known = {
            "kind": self.kind,
            "code": self.code,
            "hazard": self.hazard,
            "page": self.page,
            "what": self.what,
            "task": self.task,
            "coroutine": self.coroutine,
            "file": place and place.file,
            "line": place and place.line,
            "function": place and place.function,
            "waits_on": self.waits_on,
            "exception": None if self.exception is None else shown(self.exception),
        }
        return {key: value for key, value in known.items() if value is not None}


@final
class LeakedTask(Exception):
    """One leak, in the `ExceptionGroup` that the policy `"raise"` raises; `report` has the data.

    Its cause is the exception that nobody had seen, if there is one; its notes are the lines of the report.
    """

    def __init__(self, report: Report) -> None:
        first, *lines = str(report).split("\n")
        super().__init__(first)
        for line in lines:
            self.add_note(line)
        self.report = report
        self.__cause__: BaseException | None = report.exception


def write(leaks: BaseExceptionGroup[Exception]) -> None:
    """All of them on standard error, where nobody is left to catch them."""
    for leak in leaks.exceptions:
        sys.stderr.write("\n".join([str(leak), *getattr(leak, "__notes__", ())]) + "\n")


@final
class LeakWarning(RuntimeWarning):
    """What the policy `"warn"` warns with; turned into an error by a filter, it is the policy `"raise"`."""
