"""What was found last time, by file: good as long as the file, the settings and the checker itself are the same.

A file that the byte search passed over is known by its time and size alone; one that was parsed also by a hash of its bytes, so that
a fresh checkout, where only the times differ, costs no parsing. The cache is JSON, never a pickle: it lies in the work tree, and a
work tree may be a stranger's.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from hashlib import blake2b
from typing import Any, cast, final

from corral.check.model import Edit, Finding, Fix, Level, Span
from corral.check.settings import Settings
from corral.check.tool.writing import replace_file

FOLDER = ".corral_cache"
KEPT = 8
# A file changed this shortly before it was read may change again without its time telling; its entry is not kept.
RACY = 100_000_000


@final
class Cache:
    """The known findings of the files below one root, under one set of settings."""

    def __init__(self, root: str, settings: Settings) -> None:
        self._folder = os.path.join(root, FOLDER)
        self._path = os.path.join(self._folder, f"{_key(settings)}.json")
        self._known: dict[str, list[Any]] = _load(self._path)
        self._kept: dict[str, list[Any]] = {}
        self._changed = False

    def by_time(self, path: str, status: os.stat_result, *, parsed: bool = False) -> tuple[Finding, ...] | None:
        """What was found in the file, if it has not been touched since; None if that is not known, or not `parsed` when it must be."""
        entry = self._known.get(path)
        if entry is None or entry[0] != status.st_mtime_ns or entry[1] != status.st_size:
            return None
        if parsed and entry[2] is None:
            return None
        return _decoded(entry, path) if entry[3] else ()

    def by_content(self, path: str, digest: str, status: os.stat_result) -> tuple[Finding, ...] | None:
        """What was found in bytes with this digest; None if that is not known."""
        entry = self._known.get(path)
        if entry is None or entry[2] != digest:
            return None
        findings = _decoded(entry, path)
        if findings is not None:
            self._keep(path, status, entry[2], entry[3])
        return findings

    def keep_passed_over(self, path: str, status: os.stat_result) -> None:
        """Remember that the byte search found nothing to parse in the file."""
        self._keep(path, status, None, [])

    def keep(self, path: str, digest: str, status: os.stat_result, findings: tuple[Finding, ...]) -> None:
        """Remember what was found in the file, whose bytes have this digest."""
        self._keep(path, status, digest, [_encoded(finding) for finding in findings])

    def _keep(self, path: str, status: os.stat_result, digest: str | None, findings: list[Any]) -> None:
        self._changed = True
        if status.st_mtime_ns + RACY < time.time_ns():
            self._kept[path] = [status.st_mtime_ns, status.st_size, digest, findings]

    def write(self) -> None:
        """Save what is known; a place that cannot be written to only means that the next run is a cold one."""
        if not self._changed:
            return
        with contextlib.suppress(OSError):
            os.makedirs(self._folder, exist_ok=True)
            ignore = os.path.join(self._folder, ".gitignore")
            if not os.path.exists(ignore):
                replace_file(ignore, b"# Made by corral check.\n*\n")
            text = json.dumps({**self._known, **self._kept}, separators=(",", ":"))
            replace_file(self._path, text.encode("utf-8", "surrogatepass"), durable=False)
            _prune(self._folder)


def _prune(folder: str) -> None:
    files = [entry for entry in os.scandir(folder) if entry.name.endswith(".json")]
    for old in sorted(files, key=lambda entry: entry.stat().st_mtime_ns)[:-KEPT]:
        os.unlink(old.path)


def _load(path: str) -> dict[str, list[Any]]:
    try:
        with open(path, "rb") as file:
            known: Any = json.loads(file.read().decode("utf-8", "surrogatepass"))
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(known, dict):
        return {}
    entries = cast("dict[str, list[Any]]", known)
    well_formed = all(entry.__class__ is list and len(entry) == 4 for entry in entries.values())
    return entries if well_formed else {}


def _key(settings: Settings) -> str:
    """Names the settings, the interpreter and the checker's own code: a change of any of them is a cache of its own."""
    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    code: list[tuple[str, int, int]] = []
    for folder in (here, os.path.join(here, "rules"), os.path.join(here, "fixes")):
        with contextlib.suppress(OSError), os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.endswith(".py"):
                    status = entry.stat()
                    code.append((entry.name, status.st_size, status.st_mtime_ns))
    parts = [getattr(settings, name) for name in Settings._fields if name != "first_party"]
    return digest_of(repr((parts, sorted(settings.first_party), sorted(code), sys.version_info)).encode())


def digest_of(data: bytes) -> str:
    """A hash of a file's bytes."""
    return blake2b(data, digest_size=16).hexdigest()


def _encoded(finding: Finding) -> list[Any]:
    fix = finding.fix
    place = finding.span
    return [
        finding.code,
        finding.name,
        int(finding.level),
        finding.message,
        finding.advice,
        [place.row, place.column, place.end_row, place.end_column],
        fix and [fix.title, [[edit.start, edit.end, edit.text] for edit in fix.edits], fix.safe, fix.caveat],
        finding.suppressed,
    ]


def _decoded(entry: list[Any], path: str) -> tuple[Finding, ...] | None:
    try:
        return tuple(_finding(item, path) for item in entry[3])
    except (TypeError, ValueError):
        return None


def _finding(item: list[Any], path: str) -> Finding:
    code, name, level, message, advice, place, fix, suppressed = item
    mended = Fix(fix[0], tuple(Edit(*edit) for edit in fix[1]), fix[2], fix[3]) if fix else None
    return Finding(code, name, Level(level), message, advice, path, Span(*place), mended, suppressed)
