"""Which files are looked at: the ones named, and the Python files below the folders named that nothing excludes."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Iterator, Sequence
from typing import final

from corral.check.tool.gitignore import Ignores, as_bytes, glob_regex

SUFFIXES = (".py", ".pyw")

# What never holds a project's own source; the list is ruff's.
DEFAULT_EXCLUDES = (
    ".bzr",
    ".direnv",
    ".eggs",
    ".git",
    ".git-rewrite",
    ".hg",
    ".ipynb_checkpoints",
    ".mypy_cache",
    ".nox",
    ".pants.d",
    ".pyenv",
    ".pytest_cache",
    ".pytype",
    ".ruff_cache",
    ".svn",
    ".tox",
    ".venv",
    ".vscode",
    "__pypackages__",
    "_build",
    "buck-out",
    "dist",
    "node_modules",
    "site-packages",
    "venv",
)


class NoSuchPath(Exception):
    """A path on the command line is not there; the message names it."""


@final
class Excludes:
    """The globs that keep files and folders out: a bare name matches anywhere, one with a slash from the root on."""

    __slots__ = ("_names", "_regex", "_root")

    def __init__(self, globs: Iterable[str], root: str) -> None:
        every = list(globs)
        self._root = root
        self._names = frozenset(glob for glob in every if not re.search(r"[*?\[\\/]", glob))
        sources = [glob_source(glob) for glob in every if glob not in self._names]
        self._regex = re.compile("|".join(sources), re.DOTALL) if sources else None

    def exclude(self, name: str, path: str) -> bool:
        """Whether the entry `name` at `path` is kept out."""
        if name in self._names:
            return True
        if self._regex is None:
            return False
        return self._regex.match(as_bytes(os.path.relpath(path, self._root).replace(os.sep, "/"))) is not None

    def exclude_below(self, path: str) -> bool:
        """Whether the file at the absolute `path`, or a folder between the root and it, is kept out."""
        relative = os.path.relpath(path, self._root)
        parts = relative.split(os.sep)
        if parts[0] == os.pardir:
            return False
        return any(self.exclude(part, os.path.join(self._root, *parts[: at + 1])) for at, part in enumerate(parts))


def glob_source(glob: str) -> str:
    """The regular expression of an `exclude` or `per-file-ignores` glob over paths relative to the project's root.

    Fails: `ValueError` for a glob that can match nothing, such as one with an open bracket.
    """
    text = as_bytes(glob).removesuffix("/")
    anchored = "/" in text
    source = glob_regex(text.removeprefix("/"), paths=anchored)
    if source is None or not text:
        raise ValueError(f"the glob {glob!r} matches nothing: is a bracket or a backslash left open?")
    inside = source.removesuffix(r"\Z") + r"(?:/.*)?\Z"
    return f"(?:{inside})" if anchored else f"(?:(?:.*/)?{inside})"


def discover(paths: Sequence[str], excludes: Excludes, *, gitignore: bool = True) -> Iterator[str]:
    """Every file to look at, each once, in no promised order; a file named on the command line is never left out.

    Symbolic links to folders are not followed, so there are no loops; links to files are, if the file lies outside the folders.
    A folder that cannot be listed is yielded itself, so that whoever reads it finds out why.

    Fails: `NoSuchPath` for a path that is not there, before anything is yielded.
    """
    folders: list[str] = []
    files: list[str] = []
    for path in paths:
        try:
            named_folder = stat.S_ISDIR(os.stat(path).st_mode)
        except OSError as error:
            if not os.path.lexists(path):
                raise NoSuchPath(f"no such file or folder: {path}") from error
            named_folder = False  # reading it will say what is wrong with it
        (folders if named_folder else files).append(os.path.normpath(path))
    return _once(files, folders, excludes, gitignore=gitignore)


def _once(files: list[str], folders: list[str], excludes: Excludes, *, gitignore: bool) -> Iterator[str]:
    seen: set[str] = set()
    tops = [os.path.realpath(folder) for folder in folders]
    for file in files:
        if (real := os.path.realpath(file)) not in seen:
            seen.add(real)
            yield file
    for folder, top in zip(folders, tops, strict=True):
        ignores = Ignores.above(top) if gitignore else None
        for path, real, link in _walk(folder, top, excludes, ignores):
            if link:
                # A target inside a folder of ours is met by itself, or left out for a reason.
                target = os.path.realpath(real)
                inside = any(target.startswith(top + os.sep) for top in tops)
                there = os.path.exists(target)
                if target in seen or (there and (inside or not os.path.isfile(target))):
                    continue
                seen.add(target)
                yield path
            elif real not in seen:
                seen.add(real)
                yield path


def _walk(top: str, real_top: str, excludes: Excludes, ignores: Ignores | None) -> Iterator[tuple[str, str, bool]]:
    """Each Python file or link below `top`: its path as it is shown, its real path up to the last component, whether it is a link."""
    stack = [("" if top == "." else top, real_top, ignores)]
    while stack:
        shown, real, ignores = stack.pop()
        try:
            with os.scandir(real) as scan:
                entries = list(scan)
        except OSError:
            yield shown, real, False
            continue
        if ignores is not None and any(entry.name == ".gitignore" for entry in entries):
            ignores = ignores.entering(real)
        excluded = excludes.exclude
        ignored = ignores.ignore if ignores else None
        prefix = os.path.join(shown, "")
        for entry in entries:
            name, path = entry.name, entry.path
            # The question that most entries answer with yes comes first.
            if (python := name.endswith(SUFFIXES)) and entry.is_file(follow_symlinks=False):
                folder = link = False
            else:
                folder = entry.is_dir(follow_symlinks=False)
                link = not folder and python and entry.is_symlink()
                if not folder and not link:
                    continue
            if excluded(name, path) or (ignored is not None and ignored(path, folder=folder)):
                continue
            if folder:
                stack.append((prefix + name, path, ignores))
            else:
                yield prefix + name, path, link
