"""A run of the checker: from what the command line asks for to a `Result`."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple, final

from corral.check.cannot import CODE as CANNOT
from corral.check.model import Finding, Level
from corral.check.settings import Settings
from corral.check.tool.config import Project, find_project, load_project
from corral.check.tool.pool import default_workers
from corral.check.tool.project_run import ProjectRun
from corral.check.tool.result import Result


@final
class Overrides(NamedTuple):
    """What the command line says about rules.

    Args:
        select: Replaces the configured rules, and what the configuration ignores.
        extend_select: More rules.
        ignore: Rules to leave out.
        min_level: The lowest level that is shown and mended.
    """

    select: Sequence[str] | None = None
    extend_select: Sequence[str] | None = None
    ignore: Sequence[str] | None = None
    min_level: Level | None = None

    def over(self, settings: Settings) -> Settings:
        """The configured settings with what is said here instead or on top."""
        fresh = self.select is not None
        return settings._replace(
            select=settings.select if self.select is None else tuple(self.select),
            extend_select=(*(() if fresh else settings.extend_select), *(self.extend_select or ())),
            ignore=(*(() if fresh else settings.ignore), *(self.ignore or ())),
            min_level=settings.min_level if self.min_level is None else self.min_level,
        )


@final
class Options(NamedTuple):
    """What the command line asks for; what is None is left to the configuration.

    Args:
        paths: Files and folders.
        stdin: The bytes to check instead, under the name `paths[0]`.
        rules: What is said about rules and levels.
        fix: Write the fixes.
        unsafe_fixes: Take also those that change what is cancelled or raised.
        diff: Work out the fixes and write nothing.
        baseline: The file of known findings.
        write_baseline: The file to write them to.
        force_exclude: Leave out files that `exclude` names even when they are named here.
        cache: Whether to read and write the cache.
        config: A configuration file, instead of the nearest `pyproject.toml`.
        workers: Processes at most; None: one for each processor.
    """

    paths: tuple[str, ...] = (".",)
    stdin: bytes | None = None
    rules: Overrides = Overrides()
    fix: bool = False
    unsafe_fixes: bool = False
    diff: bool = False
    baseline: str | None = None
    write_baseline: str | None = None
    force_exclude: bool = False
    cache: bool = True
    config: str | None = None
    workers: int | None = None


def run(options: Options) -> Result:
    """Check what the options name, mend what they ask for, and say what came of it.

    Fails: `ConfigError`, `NoSuchPath`; and `OSError` for a baseline that cannot be written. What is wrong with one file is a
    finding of that file.
    """
    parts = [_checked(project, paths, options) for project, paths in _by_project(options)]
    if options.write_baseline:
        return _written(parts, options.write_baseline)
    hidden: Counter[str] = Counter()
    findings: list[Finding] = []
    stale = 0
    for part in parts:
        shown = _visible(part, hidden)
        if name := options.baseline or part.project.baseline:
            from corral.check.tool.baseline import read_baseline

            baseline = read_baseline(name)
            line_of = _Lines(part)
            new = [f for f in shown if f.code == CANNOT or not baseline.covers(f, line_of(f))]
            hidden["baseline"] += len(shown) - len(new)
            stale += baseline.stale(part.found)
            shown = new
        findings += shown
    return _result(parts, findings, hidden, stale)


def _by_project(options: Options) -> list[tuple[Project, list[str]]]:
    if options.config:
        return [(load_project(options.config), list(options.paths))]
    groups: dict[str, tuple[Project, list[str]]] = {}
    for path in options.paths:
        project = find_project(path if os.path.isdir(path) else os.path.dirname(os.path.abspath(path)))
        groups.setdefault(project.root, (project, []))[1].append(path)
    return list(groups.values())


def _checked(project: Project, paths: list[str], options: Options) -> ProjectRun:
    project = project._replace(settings=options.rules.over(project.settings))
    if options.stdin is not None:
        part = ProjectRun(project)
        part.check_bytes(options.stdin, paths[0])
    else:
        workers = default_workers() if options.workers is None else options.workers
        part = ProjectRun(project, workers=workers, cache=options.cache)
        part.check(paths, force_exclude=options.force_exclude)
    if options.fix or options.diff:
        part.mend(unsafe=options.unsafe_fixes, write=not options.diff)
    return part


def _visible(part: ProjectRun, hidden: Counter[str]) -> list[Finding]:
    shown: list[Finding] = []
    for finding in (finding for findings in part.found.values() for finding in findings):
        if finding.suppressed:
            hidden["suppressed"] += 1
        elif finding.level < part.project.settings.min_level:
            hidden[finding.level.label] += 1
        else:
            shown.append(finding)
    return sorted(shown, key=_place)


def _place(finding: Finding) -> tuple[str, int, int, str]:
    return finding.path, finding.span.row, finding.span.column, finding.code


@final
class _Lines:
    """The first line of a finding, as text; each file is read once."""

    def __init__(self, part: ProjectRun) -> None:
        self._part = part
        self._lines: dict[str, list[str]] = {}

    def __call__(self, finding: Finding) -> str:
        if finding.path not in self._lines:
            try:
                text = self._part.read(finding.path).decode("utf-8", "replace")
            except OSError:
                text = ""
            self._lines[finding.path] = text.splitlines()
        lines = self._lines[finding.path]
        return lines[finding.span.row - 1] if finding.span.row <= len(lines) else ""


def _written(parts: list[ProjectRun], name: str) -> Result:
    """The result of a run that makes a baseline: everything is known now, but for files that cannot be checked."""
    from corral.check.tool.baseline import write_baseline

    hidden: Counter[str] = Counter()
    rest: list[Finding] = []
    known: list[tuple[Finding, str]] = []
    for part in parts:
        line_of = _Lines(part)
        shown = _visible(part, hidden)
        rest += [finding for finding in shown if finding.code == CANNOT]
        known += [(finding, line_of(finding)) for finding in shown if finding.code != CANNOT]
    write_baseline(name, known)
    hidden["baseline"] += len(known)
    return _result(parts, rest, hidden, 0)


def _result(parts: list[ProjectRun], findings: list[Finding], hidden: Counter[str], stale: int) -> Result:
    owner = {path: part for part in parts for path in part.found}

    def read(path: str) -> bytes:
        return owner[path].read(path)

    return Result(
        files=sum(len(part.found) for part in parts),
        findings=tuple(sorted(findings, key=_place)),
        read=read,
        fixed=tuple(finding for part in parts for finding in part.fixed),
        changes=tuple(change for part in parts for change in part.changes),
        hidden=hidden,
        stale=stale,
    )
