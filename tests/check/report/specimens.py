"""A file with something wrong at every level, and findings about it made by hand: the formats know nothing of the rules."""

from __future__ import annotations

from corral.check.model import Edit, Finding, Fix, Level, Span
from corral.check.tool.result import Result

PATH = "src/app.py"
SOURCE = '''\
import asyncio


async def main(urls):
    """Fetch them all: 🐎 <b>&amp;</b>."""
    asyncio.create_task(watch())
    name = "日本"; asyncio.create_task(watch(name))
\ttask = 1

    results = await asyncio.gather(
        fetch(urls[0]),
        fetch(urls[1]),
    )
    return results
'''
DATA = SOURCE.encode()


def span(text: str, *, after: str = "") -> tuple[int, int, Span]:
    """Where the text stands in the file, first after `after`: byte offsets, and rows and columns."""
    start = SOURCE.index(text, SOURCE.index(after))
    end = start + len(text)
    places = [(SOURCE.count("\n", 0, at) + 1, at - (SOURCE.rfind("\n", 0, at) + 1) + 1) for at in (start, end)]
    return len(SOURCE[:start].encode()), len(SOURCE[:end].encode()), Span(*places[0], *places[1])


def replaced(text: str, by: str, *, after: str = "") -> Edit:
    """The edit that puts `by` in the text's place."""
    start, end, _ = span(text, after=after)
    return Edit(start, end, by)


IMPORT = Edit(len(b"import asyncio\n"), len(b"import asyncio\n"), "\nfrom corral import spawn\n")
LOST = Finding(
    "TG001",
    "lost-task",
    Level.ERROR,
    "Nothing keeps the task of `watch()`: it may be collected while it waits.",
    "Write `spawn(watch())`, which keeps it until it ends.",
    PATH,
    span("asyncio.create_task(watch())")[2],
    Fix("Use `spawn`", (IMPORT, replaced("asyncio.create_task(watch())", "spawn(watch())")), safe=True),
)
LOST_TOO = Finding(
    "TG001",
    "lost-task",
    Level.WARNING,
    "Nothing keeps the task of `watch(name)`.",
    "Write `spawn(watch(name))`.",
    PATH,
    span("asyncio.create_task(watch(name))")[2],
)
GATHER = "asyncio.gather(\n        fetch(urls[0]),\n        fetch(urls[1]),\n    )"
ORPHANED = Finding(
    "TG002",
    "orphaned-siblings",
    Level.NOTE,
    "When one `fetch` fails the other runs on.",
    'Write `gather_tg(..., on_error="first")`.',
    PATH,
    span(GATHER)[2],
    Fix(
        "Use `gather_tg`",
        (
            replaced("asyncio.gather", "gather_tg", after="results"),
            replaced("\n    )", '\n        on_error="first",\n    )'),
        ),
        safe=False,
        caveat="The other `fetch` is cancelled when one fails.",
    ),
)
UNREADABLE = Finding(
    "TG000",
    "cannot-check",
    Level.ERROR,
    "The file cannot be checked: permission denied.",
    "Mend that.",
    "a <b>.py",
    Span(1, 1, 1, 1),
)


def read(path: str) -> bytes:
    """The bytes of the one file there is."""
    if path != PATH:
        raise PermissionError(13, "Permission denied", path)
    return DATA


RESULT = Result(
    files=3, findings=(UNREADABLE, LOST, LOST_TOO, ORPHANED), read=read, hidden={"note": 2, "baseline": 1}, stale=1
)
CLEAN = Result(files=3, findings=(), read=read)
