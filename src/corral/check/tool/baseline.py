"""A baseline: the findings that were there before anybody looked, so that only new ones are told.

A finding is known by its file, its rule and the text of its first line with the white space taken out; so it stays known when
lines move or are indented, and is new again when the line itself is changed. Each entry covers as many findings as it counts.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable
from typing import Any, TypeAlias, final

from corral.check.model import Finding
from corral.check.tool.config import ConfigError
from corral.check.tool.writing import replace_file

Entry: TypeAlias = tuple[str, str, str]
VERSION = 1


@final
class Baseline:
    """What is known already, counted down as it is met again."""

    def __init__(self, entries: Counter[Entry], root: str) -> None:
        self._left = entries.copy()
        self._root = root

    def covers(self, finding: Finding, line: str) -> bool:
        """Whether the finding, whose first line reads `line`, is known; each entry answers as often as it counts."""
        entry = _entry(finding, line, self._root)
        if self._left[entry] < 1:
            return False
        self._left[entry] -= 1
        return True

    def stale(self, checked: Iterable[str]) -> int:
        """How many findings of the files `checked`, or of files that are gone, the baseline holds and nobody met."""
        seen = {_relative(path, self._root) for path in checked}
        gone = {path for path, _, _ in self._left if not os.path.lexists(os.path.join(self._root, path))}
        return sum(count for (path, _, _), count in self._left.items() if path in seen | gone)


def read_baseline(path: str) -> Baseline:
    """The baseline in the file `path`. Fails: `ConfigError`."""
    try:
        with open(path, encoding="utf-8") as file:
            document = json.load(file)
        return Baseline(_entries(document), os.path.dirname(os.path.abspath(path)))
    except OSError as error:
        hint = "; make it with --write-baseline" if isinstance(error, FileNotFoundError) else ""
        raise ConfigError(f"baseline {path}: {error.strerror}{hint}") from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        message = f"baseline {path}: expected a file that --write-baseline wrote (version {VERSION}), got {error!r}"
        raise ConfigError(message) from error


def _entries(document: dict[str, Any]) -> Counter[Entry]:
    if document["version"] != VERSION:
        raise ValueError(f"version {document['version']!r}")
    entries: Counter[Entry] = Counter()
    for path, known in document["files"].items():
        for item in known:
            entries[path, str(item["code"]), str(item["line"])] += int(item["count"])
    return entries


def write_baseline(path: str, known: Iterable[tuple[Finding, str]]) -> None:
    """Make the findings, each with its first line, the baseline in the file `path`; sorted, so that its diffs can be read.

    Fails: `OSError`.
    """
    root = os.path.dirname(os.path.abspath(path))
    counted = Counter(_entry(finding, line, root) for finding, line in known)
    files: dict[str, list[dict[str, object]]] = {}
    for (file, code, line), count in sorted(counted.items()):
        files.setdefault(file, []).append({"code": code, "line": line, "count": count})
    text = json.dumps({"version": VERSION, "files": files}, indent=1, ensure_ascii=False)
    replace_file(path, (text + "\n").encode("utf-8", "surrogatepass"))


def _entry(finding: Finding, line: str, root: str) -> Entry:
    return _relative(finding.path, root), finding.code, " ".join(line.split())


def _relative(path: str, root: str) -> str:
    return os.path.relpath(os.path.abspath(path), root).replace(os.sep, "/")
