"""The ignore patterns: what git says is right."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corral.check.tool.gitignore import IgnoreFile, as_bytes

TREE = [
    "a",
    "a/b",
    "a/b/c.py",
    "a/c.py",
    "b",
    "b/a",
    "b/a/b",
    "b/a/b/a.py",
    "c.py",
    ".c.py",
    "[c].py",
    "a-c.py",
    "é.py",
    "a c.py",
    "#c.py",
    "!c.py",
]
FOLDERS = {"a", "a/b", "b", "b/a", "b/a/b"}

PATTERNS = [
    "[[:alpha:",
    "[[:x]*.py",
    "[a\\",
    "[\\a].py",
    "a[",
    "c.py",
    "/c.py",
    "a/c.py",
    "a/",
    "a/*",
    "*/c.py",
    "**/c.py",
    "a/**",
    "a/**/c.py",
    "**/a/**",
    "/**/b",
    "a**c.py",
    "*.py\n!c.py",
    "*\n!*/\n!c.py",
    "[ab]",
    "[!a]*",
    "[^a].py",
    "[a-c].py",
    "[[:alpha:]].py",
    "[[:nope:]].py",
    "[]c].py",
    "[c",
    "[[]c[]].py",
    "[a-]c.py",
    "a[-]c.py",
    "[c-a].py",
    "?.py",
    "??.py",
    "\\#c.py",
    "#c.py",
    "\\!c.py",
    "!c.py",
    "c.py ",
    "c.py\\ ",
    "a\\ c.py",
    "a c.py  ",
    "c.py\r",
    "c.py\\",
    "\\c.py",
    "/",
    "//",
    "!",
    "a//b",
    "*/",
    "**",
    "/**",
    "**/",
    "a/b/",
    "[a/b]/c.py",
    "a?c.py",
    "***/c.py",
    "é.py",
    "[é].py",
    "b/**/a.py",
    "\ufeff*.py",
]


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("ignored")
    git(root, "init", "-q")
    for name in TREE:
        if name in FOLDERS:
            (root / name).mkdir()
        else:
            (root / name).touch()
    return root


def git(root: Path, *arguments: str, typed: bytes = b"") -> bytes:
    """Git, as if nobody had ever configured it."""
    environment = {**os.environ, "HOME": str(root), "XDG_CONFIG_HOME": str(root), "GIT_CONFIG_NOSYSTEM": "1"}
    done = subprocess.run(["git", *arguments], cwd=root, env=environment, input=typed, capture_output=True, check=False)
    assert done.returncode in {0, 1}, done.stderr
    return done.stdout


def ignored_by_git(root: Path, patterns: str) -> set[str]:
    (root / ".gitignore").write_bytes(patterns.encode())
    shown = git(root, "check-ignore", "--no-index", "-z", "--stdin", typed=b"\0".join(map(os.fsencode, TREE)))
    return {os.fsdecode(path) for path in shown.split(b"\0") if path}


def ignored_by_us(root: Path, patterns: str) -> set[str]:
    (root / ".gitignore").write_bytes(patterns.encode())
    found = IgnoreFile.read(str(root / ".gitignore"), str(root))
    ignored: set[str] = set()
    for path in TREE:
        above = {str(parent) for parent in Path(path).parents}
        if above & ignored or (found and found.verdict(as_bytes(path), folder=path in FOLDERS)):
            ignored.add(path)
    return ignored


@pytest.mark.skipif(os.name == "nt", reason="names with a newline or a quote cannot be made there")
@pytest.mark.parametrize("patterns", PATTERNS)
def test_ignores_what_git_ignores(repository: Path, patterns: str) -> None:
    """Each form of pattern that gitignore(5) describes, and each malformed one, means here what it means to git."""
    assert ignored_by_us(repository, patterns) == ignored_by_git(repository, patterns)


@pytest.mark.heavy  # git a hundred times over, whatever the interpreter
@settings(max_examples=100)
@given(patterns=st.lists(st.text("abc.py/*?[]!-\\# ^:", min_size=1, max_size=8), min_size=1, max_size=4).map("\n".join))
def test_random_patterns_mean_what_git_means(repository: Path, patterns: str) -> None:
    """No pattern is read otherwise than git reads it."""
    assert ignored_by_us(repository, patterns) == ignored_by_git(repository, patterns)
