"""The leaks of a test run, and the section about them: grouped by the line that made them, worst first."""

from __future__ import annotations

import linecache
from collections.abc import Iterable
from pathlib import Path
from typing import Final, Protocol, TypeAlias, final

Leak: TypeAlias = dict[str, str | int]
_TESTS: Final = 5


class Terminal(Protocol):
    """The part of pytest's terminal that is used."""

    def section(self, title: str, sep: str = ...) -> None: ...  # noqa: D102  pytest's own
    def write_line(self, line: str) -> None: ...  # noqa: D102  pytest's own


@final
class Ledger:
    """What was found, in the process that tells."""

    def __init__(self) -> None:
        self.leaks: list[tuple[str, Leak]] = []
        self.known = 0
        self.written: int | None = None

    def add(self, test: str, leaks: Iterable[Leak]) -> None:
        """The leaks of one test."""
        self.leaks.extend((test, leak) for leak in leaks)

    def print(self, terminal: Terminal, baseline: Path | None) -> None:
        """The section, if there is anything to say."""
        if not self.leaks and not self.known and self.written is None:
            return
        groups = self._groups()
        terminal.section(
            f"corral guard: {_count(len(self.leaks), 'leak')}, made by {_count(len(groups), 'line')}", sep="="
        )
        for where, found in groups:
            for line in _lines(where, found):
                terminal.write_line(line)
        if self.known:
            terminal.write_line(f"{_count(self.known, 'leak')} known from {baseline}")
        if self.written is not None:
            terminal.write_line(f"{_count(self.written, 'leak')} written to {baseline}")

    def _groups(self) -> list[tuple[str, list[tuple[str, Leak]]]]:
        groups: dict[str, list[tuple[str, Leak]]] = {}
        for test, leak in self.leaks:
            groups.setdefault(_where(leak), []).append((test, leak))
        return sorted(groups.items(), key=lambda group: (-len(group[1]), group[0]))


def _lines(where: str, found: list[tuple[str, Leak]]) -> Iterable[str]:
    _, leak = found[0]
    yield where
    source = linecache.getline(str(leak.get("file", "")), int(leak.get("line", 0))).strip()
    if source:
        yield f"    {source}"
    hazards = sorted({f"{each['code']} {each['hazard']}" for _, each in found})
    tests = list(dict.fromkeys(test for test, _ in found))
    yield f"  {', '.join(hazards)}: {_count(len(found), 'leak')} in {_count(len(tests), 'test')}"
    for test in tests[:_TESTS]:
        yield f"    {test}"
    if len(tests) > _TESTS:
        yield f"    and {len(tests) - _TESTS} more"


def _where(leak: Leak) -> str:
    if "file" not in leak:
        return "made where nobody saw"
    inside = f"{Path.cwd()}/"
    return f"{str(leak['file']).removeprefix(inside)}:{leak['line']} in {leak['function']}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
