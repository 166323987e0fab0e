"""What git would ignore: the pattern language of `gitignore(5)`, as regular expressions.

Git matches bytes, not characters, so patterns and paths are handled as one character a byte (`as_bytes`). The rules come from
git's `wildmatch.c` and `dir.c`; the tests ask `git check-ignore` itself.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple, final

_CLASSES = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "blank": " \\t",
    "cntrl": "\\x00-\\x1f\\x7f",
    "digit": "0-9",
    "graph": "!-~",
    "lower": "a-z",
    "print": " -~",
    "punct": "!-/:-@\\[-`{-~",
    "space": " \\t-\\r",
    "upper": "A-Z",
    "xdigit": "0-9A-Fa-f",
}


def as_bytes(path: str) -> str:
    """The path with one character for each byte of its name on disk; an ASCII path is returned as it is."""
    return path if path.isascii() else os.fsencode(path).decode("latin-1")


@final
class Pattern(NamedTuple):
    """One line of an ignore file."""

    ignores: bool
    folders_only: bool
    regex: re.Pattern[str]


@final
class IgnoreFile:
    """The patterns of one ignore file, which speak about the folder `base` and all below it."""

    __slots__ = ("_any", "_patterns", "base")

    def __init__(self, base: str, text: str) -> None:
        self.base: str = base
        self._patterns = [pattern for line in _lines(text) if (pattern := _compile(line))]
        self._patterns.reverse()
        sources = "|".join(f"(?:{pattern.regex.pattern})" for pattern in self._patterns)
        # One search over all of them answers for nearly every path, which is: not mentioned here.
        self._any = re.compile(sources, re.DOTALL) if sources else None

    def verdict(self, relative: str, *, folder: bool) -> bool | None:
        """Whether the path, relative to `base`, is ignored; None when this file says nothing about it."""
        if self._any is None or self._any.match(relative) is None:
            return None
        for pattern in self._patterns:
            if (folder or not pattern.folders_only) and pattern.regex.match(relative):
                return pattern.ignores
        return None

    @classmethod
    def read(cls, path: str, base: str) -> IgnoreFile | None:
        """The ignore file at `path`, or None when there is none that can be read."""
        try:
            with open(path, "rb") as file:
                data = file.read()
        except OSError:
            return None
        parsed = cls(base, data.removeprefix(b"\xef\xbb\xbf").decode("latin-1"))
        return parsed if parsed._any else None


@final
class Ignores:
    """The ignore files that hold in one folder, those nearest to it last."""

    __slots__ = ("_files",)

    def __init__(self, files: tuple[IgnoreFile, ...] = ()) -> None:
        self._files = files

    def __bool__(self) -> bool:
        """Whether any of them says anything."""
        return bool(self._files)

    def entering(self, folder: str) -> Ignores:
        """What holds inside `folder`, a child of the folder these hold in."""
        found = IgnoreFile.read(os.path.join(folder, ".gitignore"), folder)
        return Ignores((*self._files, found)) if found else self

    def ignore(self, path: str, *, folder: bool) -> bool:
        """Whether git would ignore the path, given that it ignores none of the folders it lies in."""
        for file in reversed(self._files):
            relative = path[len(file.base) :].replace(os.sep, "/").lstrip("/")
            verdict = file.verdict(as_bytes(relative), folder=folder)
            if verdict is not None:
                return verdict
        return False

    @classmethod
    def above(cls, folder: str) -> Ignores:
        """What holds in `folder` before its own ignore file: those above it up to the repository's root, and the user's own."""
        chain = _to_repository_root(folder)
        user = os.environ.get("XDG_CONFIG_HOME") or os.path.join(os.path.expanduser("~"), ".config")
        general = [os.path.join(user, "git", "ignore"), os.path.join(chain[0], ".git", "info", "exclude")]
        ignores = cls(tuple(file for path in general if (file := IgnoreFile.read(path, chain[0]))))
        for each in chain[:-1]:
            ignores = ignores.entering(each)
        return ignores


def _to_repository_root(folder: str) -> list[str]:
    chain = [folder]
    while not os.path.lexists(os.path.join(chain[0], ".git")):
        parent = os.path.dirname(chain[0])
        if parent == chain[0]:
            return [folder]
        chain.insert(0, parent)
    return chain


def _lines(text: str) -> Iterator[str]:
    for line in text.split("\n"):
        kept = line.removesuffix("\r")
        while kept.endswith(" ") and not re.search(r"(?<!\\)(?:\\\\)*\\ $", kept):
            kept = kept[:-1]
        if kept and not kept.startswith("#"):
            yield kept


def _compile(line: str) -> Pattern | None:
    ignores = not line.startswith("!")
    glob = line if ignores else line[1:]
    folders_only = glob.endswith("/")
    glob = glob.removesuffix("/")
    anchored = "/" in glob
    source = glob_regex(glob.removeprefix("/"), paths=anchored)
    if source is None or not glob:
        return None
    return Pattern(ignores, folders_only, re.compile(source if anchored else f"(?:.*/)?{source}", re.DOTALL))


@lru_cache(maxsize=1024)
def glob_regex(glob: str, *, paths: bool = True) -> str | None:
    """The regular expression of a glob, anchored at the end; None when git holds that the glob matches nothing.

    Args:
        glob: The pattern, one character a byte.
        paths: Whether `/` is special, and `**` means any number of folders.
    """
    out: list[str] = []
    at = 0
    piece: str | None
    while at < len(glob):
        char = glob[at]
        if char == "*":
            at, piece = _stars(glob, at, paths=paths)
        elif char == "[":
            at, piece = _bracket(glob, at)
        elif char == "\\":
            at, piece = at + 2, re.escape(glob[at + 1 : at + 2]) or None
        else:
            at, piece = at + 1, "[^/]" if char == "?" else re.escape(char)
        if piece is None:
            return None
        out.append(piece)
    return "".join(out) + r"\Z"


def _stars(glob: str, at: int, *, paths: bool) -> tuple[int, str]:
    end = at
    while glob[end : end + 1] == "*":
        end += 1
    opens = at == 0 or glob[at - 1] == "/"
    if not paths or end - at < 2 or not opens or glob[end : end + 1] not in {"", "/"}:
        return end, "[^/]*"
    if glob[end : end + 1] == "/":
        return end + 1, "(?:.*/)?"
    return end, ".*"


def _bracket(glob: str, at: int) -> tuple[int, str | None]:
    """The bracket expression at `at`: where it ends, and its regular expression; None when it is not closed."""
    at += 1
    negated = glob[at : at + 1] in {"!", "^"}
    at += negated
    parts: list[str] = []
    first = True
    while first or glob[at : at + 1] != "]":
        first = False
        if at >= len(glob):
            return at, None
        if glob.startswith("[:", at):
            end = glob.find("]", at + 2)
            if end == -1:
                return at, None
            if glob[end - 1] == ":" and end - 1 >= at + 2:
                if glob[at + 2 : end - 1] not in _CLASSES:
                    return at, None
                parts.append(_CLASSES[glob[at + 2 : end - 1]])
                at = end + 1
                continue
        low, at = _member(glob, at)
        high = low
        if glob[at : at + 1] == "-" and glob[at + 1 : at + 2] not in {"", "]"}:
            high, at = _member(glob, at + 1)
        if not low or not high:
            return at, None
        # A range that runs backwards still matches its first character: git compares that before it sees the dash.
        parts.append(f"{re.escape(low)}-{re.escape(high)}" if low <= high else re.escape(low))
    inside = "".join(parts)
    if negated:
        return at + 1, f"(?!/)[^{inside}]" if inside else "[^/]"
    return at + 1, f"(?!/)[{inside}]" if inside else "(?!)"


def _member(glob: str, at: int) -> tuple[str, int]:
    if glob[at] == "\\":
        return glob[at + 1 : at + 2], at + 2
    return glob[at], at + 1
