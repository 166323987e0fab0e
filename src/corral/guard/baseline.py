"""A baseline: the leaks that an old suite had before anybody looked, so that only new ones fail.

A leak is known by its test, its code, and the file and function that made the task; so it stays known when lines move. Each
entry covers as many leaks as it counts.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, TypeAlias, final

Leak: TypeAlias = Mapping[str, str | int]
Entry: TypeAlias = tuple[str, str, str]
_VERSION: Final = 1


class BaselineError(Exception):
    """The file is not one that can be used; says what was expected."""


@final
class Baseline:
    """What is known already, counted down as it is met again."""

    def __init__(self, entries: Counter[Entry], root: Path) -> None:
        self._left = entries.copy()
        self._root = root

    def covers(self, test: str, leak: Leak) -> bool:
        """Whether the leak of this test is known; each entry answers as often as it counts."""
        entry = _entry(test, leak, self._root)
        if self._left[entry] < 1:
            return False
        self._left[entry] -= 1
        return True


def read(path: Path) -> Baseline:
    """The baseline in a file. Fails: `BaselineError`."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        return Baseline(_entries(document), path.resolve().parent)
    except FileNotFoundError as error:
        raise BaselineError(f"there is no baseline {path}: make it with --corral-write-baseline") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BaselineError(
            f"baseline {path}: expected a file that --corral-write-baseline wrote (version {_VERSION}), got {error!r}"
        ) from error


def write(path: Path, leaks: Iterable[tuple[str, Leak]]) -> int:
    """Makes these leaks the baseline, sorted so that its diffs can be read; how many they are."""
    counted = Counter(_entry(test, leak, path.resolve().parent) for test, leak in leaks)
    tests: dict[str, list[dict[str, str | int]]] = {}
    for (test, code, made), count in sorted(counted.items()):
        tests.setdefault(test, []).append({"code": code, "made": made, "count": count})
    path.write_text(
        json.dumps({"version": _VERSION, "tests": tests}, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    return counted.total()


def _entries(document: dict[str, Any]) -> Counter[Entry]:
    if document["version"] != _VERSION:
        raise ValueError(f"version {document['version']!r}")
    entries: Counter[Entry] = Counter()
    for test, known in document["tests"].items():
        for leak in known:
            entries[test, str(leak["code"]), str(leak["made"])] += int(leak["count"])
    return entries


def _entry(test: str, leak: Leak, root: Path) -> Entry:
    file = Path(str(leak.get("file", "")))
    if file.is_relative_to(root):
        file = file.relative_to(root)
    else:
        file = Path(file.name)  # an installed package: elsewhere on every machine
    return test, str(leak["code"]), f"{file.as_posix()} {leak.get('function', '')}"
