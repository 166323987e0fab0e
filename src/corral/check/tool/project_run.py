"""The files of one project: found, checked, mended."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import final

from corral.check.cannot import cannot_check
from corral.check.model import Finding
from corral.check.prefilter import may_matter
from corral.check.tool.cache import Cache, digest_of
from corral.check.tool.config import Project
from corral.check.tool.discover import Excludes, discover
from corral.check.tool.pool import Findings, Item, analyse, collector_paused
from corral.check.tool.result import Change
from corral.check.tool.writing import replace_file

# So many files named on the command line are parsed whatever is in them; more are a list that some tool has made of a whole tree.
FEW = 100
# What is larger is told without being searched.
MOST = 8_000_000


@final
class ProjectRun:
    """What is known about a project's files, by the path that is shown, as the run goes on."""

    def __init__(self, project: Project, *, workers: int = 1, cache: bool = False) -> None:
        self.project = project
        self.found: dict[str, Findings] = {}
        self.fixed: list[Finding] = []
        self.changes: list[Change] = []
        self._stdin: dict[str, bytes] = {}
        self._workers = workers
        with collector_paused():
            self._cache = Cache(project.root, project.settings) if cache else None
        self._here = os.getcwd() == project.root and os.sep == "/"

    def check(self, paths: Sequence[str], *, force_exclude: bool = False) -> None:
        """Check the files and folders; `force_exclude` leaves out what is excluded even if it is named. Fails: `NoSuchPath`."""
        if force_exclude:
            excludes = Excludes(self.project.exclude, self.project.root)
            paths = [path for path in paths if not excludes.exclude_below(os.path.abspath(path))]
        waiting: dict[str, tuple[str, os.stat_result, str]] = {}
        with collector_paused():
            for item, findings in analyse(self._unknown(paths, waiting), self.project.settings, workers=self._workers):
                path, status, digest = waiting.pop(item.path)
                if self._cache:
                    self._cache.keep(item.path, digest, status, findings)
                self._found(path, findings)
        if self._cache:
            self._cache.write()

    def check_bytes(self, data: bytes, path: str) -> None:
        """Check bytes that are not a file's, as if they stood at `path`."""
        from corral.check.source import check_source

        self._stdin[path] = data
        self._found(path, check_source(data, self._relative(path), self.project.settings).findings)

    def mend(self, *, unsafe: bool, write: bool) -> None:
        """Take the fixes of what is shown; `write` the files, or only work out what would change."""
        lowest = self.project.settings.min_level
        for path, findings in list(self.found.items()):
            if any(f.fix and (unsafe or f.fix.safe) and f.level >= lowest and not f.suppressed for f in findings):
                self._mend(path, unsafe=unsafe, write=write)

    def read(self, path: str) -> bytes:
        """The bytes that were checked. Fails: `OSError`."""
        if path in self._stdin:
            return self._stdin[path]
        with open(path, "rb") as file:
            return file.read()

    def _mend(self, path: str, *, unsafe: bool, write: bool) -> None:
        from corral.check.fixer import fix_source

        try:
            before = self.read(path)
            result = fix_source(before, self._relative(path), self.project.settings, unsafe=unsafe)
            if result.data is before:
                return
            if path in self._stdin:
                self._stdin[path] = result.data
            elif write and not replace_file(path, result.data, expected=before):
                self.found[path] = (cannot_check(path, "it was changed by somebody else while it was being mended"),)
                return
        except OSError as error:
            self.found[path] += (cannot_check(path, f"its fixes cannot be written: {error.strerror}"),)
            return
        self.changes.append(Change(path, before, result.data))
        self.fixed += self._shown_at(path, result.fixed)
        if write:
            self._found(path, result.remaining)

    def _unknown(self, paths: Sequence[str], waiting: dict[str, tuple[str, os.stat_result, str]]) -> Iterator[Item]:
        """The files that must be analysed; of the others it is known, or plain to see, what there is in them."""
        cache = self._cache
        excludes = Excludes(self.project.exclude, self.project.root)
        named = frozenset(map(os.path.normpath, paths)) if len(paths) <= FEW else frozenset[str]()
        most = max(self.project.settings.max_bytes, MOST)
        for path in discover(paths, excludes, gitignore=self.project.gitignore):
            relative = self._relative(path)
            try:
                if cache and (known := cache.by_time(relative, os.stat(path), parsed=path in named)) is not None:
                    self._found(path, known)
                    continue
                data, status = _read(path, most)
            except OSError as error:
                self._found(path, (cannot_check(path, (error.strerror or str(error)).lower()),))
                continue
            if len(data) > most:
                why = f"the file has {status.st_size / 1e6:.1f} MB, and more than {most / 1e6:.1f} MB is not read"
                self._found(path, (cannot_check(path, why),))
                continue
            if path not in named and not may_matter(data):
                self.found[path] = ()
                if cache:
                    cache.keep_passed_over(relative, status)
                continue
            digest = digest_of(data) if cache else ""
            if cache and (known := cache.by_content(relative, digest, status)) is not None:
                self._found(path, known)
                continue
            waiting[relative] = path, status, digest
            yield Item(relative, data)

    def _found(self, path: str, findings: Findings) -> None:
        self.found[path] = self._shown_at(path, findings) if findings else findings

    def _shown_at(self, path: str, findings: Findings) -> Findings:
        return tuple(f if f.path == path else f._replace(path=path) for f in findings)

    def _relative(self, path: str) -> str:
        """The path as the globs of the configuration see it: from the project's root, with `/`."""
        if self._here and path[0] not in "/.":
            return path
        return os.path.relpath(os.path.abspath(path), self.project.root).replace(os.sep, "/")


def _read(path: str, most: int) -> tuple[bytes, os.stat_result]:
    """The file's bytes, cut off one past `most`: enough to see that it is too large, whatever it is."""
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    try:
        status = os.fstat(handle)
        data = os.read(handle, min(status.st_size + 1, most + 1))
        if len(data) < status.st_size or not status.st_size:
            with open(handle, "rb", closefd=False) as file:
                data += file.read(most + 1 - len(data))
        return data, status
    finally:
        os.close(handle)
