"""What the checker may be told: the frozen form of `[tool.corral]` and of the command line."""

from __future__ import annotations

from typing import NamedTuple, final

from corral.check.model import Level

LOOP_NAMES = ("loop", "*_loop", "eventloop", "evloop", "ioloop")
TEST_PATTERNS = ("test_*.py", "*_test.py", "conftest.py", "tests/*", "test/*", "testing/*")


@final
class Settings(NamedTuple):
    """Everything that changes what `check_source` finds or how `fix_source` mends.

    Codes are given whole (`TG001`), by prefix (`TG`, `TG00`), by name (`lost-task`) or as `ALL`.

    Args:
        select: The rules that run.
        extend_select: More of them, on top of `select`.
        ignore: Rules that do not run; wins over both.
        min_level: Findings below it are not shown (`Report.shown`) and not mended; they are still found, without their fix.
        per_file_ignores: Pairs of a glob (as in `fnmatch`, against the path with `/`, or its last part) and the codes ignored there.
        spawners: Calls that own the task they start, as dotted names matched from the right:
            `hass.async_create_task` covers `self.hass.async_create_task(...)`.
        loop_names: Globs; a name or attribute so called is an event loop.
        strong_task_factory: The program runs under a task factory that holds every task (the guard's, say): a lost task cannot
            be collected, so TG001 is a note about failures nobody sees.
        test_patterns: Globs; in such files every finding is one level down.
        target: The oldest Python the code must run on; below 3.11, which Corral needs, no fix is offered.
        first_party: Top-level modules of the project itself, for the place of an added import.
        line_length: The longest line that an import may grow to in one piece.
        max_bytes: Larger files are not parsed and get a diagnostic instead.
    """

    select: tuple[str, ...] = ("TG",)
    extend_select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    min_level: Level = Level.WARNING
    per_file_ignores: tuple[tuple[str, tuple[str, ...]], ...] = ()
    spawners: tuple[str, ...] = ()
    loop_names: tuple[str, ...] = LOOP_NAMES
    strong_task_factory: bool = False
    test_patterns: tuple[str, ...] = TEST_PATTERNS
    target: tuple[int, int] = (3, 11)
    first_party: frozenset[str] = frozenset()
    line_length: int = 88
    max_bytes: int = 2_000_000
