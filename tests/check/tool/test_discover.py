"""Which files are looked at."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from corral.check.tool.discover import DEFAULT_EXCLUDES, Excludes, NoSuchPath, discover
from tests.check.tool.tree import grow


@pytest.fixture(autouse=True)
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project that is the current folder, with a home of its own."""
    root = tmp_path / "project"
    root.mkdir()
    monkeypatch.chdir(root)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return root


def touch(*paths: str) -> None:
    grow(dict.fromkeys(paths, ""))


def found(*paths: str, exclude: Sequence[str] = DEFAULT_EXCLUDES, gitignore: bool = True) -> list[str]:
    files = list(discover(paths or ["."], Excludes(exclude, str(Path.cwd())), gitignore=gitignore))
    assert len(files) == len(set(files))
    return sorted(files)


def test_python_files_below_a_folder() -> None:
    """A folder stands for the Python files in it and below, and for nothing else."""
    touch("a.py", "b.pyw", "c.pyi", "d.txt", "py", "sub/deep/e.py", "sub/.hidden.py")
    Path("folder.py").mkdir()
    assert found() == ["a.py", "b.pyw", "sub/.hidden.py", "sub/deep/e.py"]


def test_named_files_are_always_taken() -> None:
    """What is named is looked at, whatever it is called and whatever ignores it."""
    touch("script", "build/gen.py", ".gitignore")
    Path(".gitignore").write_text("build\n")
    assert found("script", "build/gen.py", "build/gen.py") == ["build/gen.py", "script"]


def test_paths_are_shown_as_they_were_named(tree: Path) -> None:
    """Findings bear the path in the form in which the folder was named."""
    touch("pkg/a.py")
    assert found("pkg") == ["pkg/a.py"]
    assert found("./pkg/") == ["pkg/a.py"]
    assert found(str(tree)) == [str(tree / "pkg/a.py")]
    os.chdir("pkg")
    assert found("..") == ["../pkg/a.py"]


def test_overlapping_paths_give_each_file_once() -> None:
    """A folder, a folder in it and a file in that are one walk."""
    touch("pkg/sub/a.py", "pkg/b.py")
    assert found(".", "pkg", "pkg/sub/a.py") == ["pkg/b.py", "pkg/sub/a.py"]


def test_missing_path_is_an_error() -> None:
    """A path that is not there is refused before anything is checked."""
    touch("a.py")
    with pytest.raises(NoSuchPath, match=r"no such file or folder: nope\.py"):
        discover(["a.py", "nope.py"], Excludes((), "."))


def test_ignored_files_are_left_out() -> None:
    """Every `.gitignore` holds for its folder and below, the nearest last, as git does it."""
    touch("a.py", "gen/b.py", "sub/c.py", "sub/keep.py", "sub/gen/d.py", "top/gen.py")
    Path(".gitignore").write_text("gen/\n*keep.py\n/top/*.py\n")
    Path("sub/.gitignore").write_text("!keep.py\nc.py\n")
    assert found() == ["a.py", "sub/keep.py"]
    assert len(found(gitignore=False)) == 6


def test_ignore_files_above_the_walk_hold() -> None:
    """A walk of a folder obeys the ignore files between it and the repository's root, `info/exclude`, and the user's own."""
    touch("sub/a.py", "sub/b.py", "sub/c.py", "sub/d.py", ".git/info/exclude", "../config/git/ignore")
    Path(".gitignore").write_text("a.py\n")
    Path(".git/info/exclude").write_text("b.py\n")
    Path("../config/git/ignore").write_text("c.py\n")
    assert found("sub") == ["sub/d.py"]


def test_excluded_folders_are_not_entered() -> None:
    """What never holds a project's own source is left out by its name, and anything else by `exclude` globs."""
    touch(
        "a.py",
        ".venv/lib/b.py",
        "x/node_modules/c.py",
        "x/site-packages/d.py",
        "docs/e.py",
        "x/docs/f.py",
        "x/g_pb2.py",
    )
    assert found() == ["a.py", "docs/e.py", "x/docs/f.py", "x/g_pb2.py"]
    assert found(exclude=["docs", "*_pb2.py", ".venv", "x/node_*"]) == ["a.py", "x/site-packages/d.py"]
    assert found(exclude=["/docs", "x"]) == [".venv/lib/b.py", "a.py"]
    assert found(".venv") == [".venv/lib/b.py"]


def test_links_neither_loop_nor_repeat(tmp_path: Path) -> None:
    """Links to folders are not followed; links to files are, when the file lies elsewhere."""
    touch("a.py", "sub/b.py", "../elsewhere/c.py")
    Path("sub/up").symlink_to("..", target_is_directory=True)
    Path("again.py").symlink_to("a.py")
    Path("other.py").symlink_to(tmp_path / "elsewhere/c.py")
    Path("twice.py").symlink_to(tmp_path / "elsewhere/c.py")
    Path("folder.py").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    names = set(found())
    assert names > {"a.py", "sub/b.py"}
    assert names - {"a.py", "sub/b.py"} in ({"other.py"}, {"twice.py"})


def test_what_cannot_be_read_is_yielded() -> None:
    """A link that leads nowhere or round in a circle is a file that somebody meant: reading it says what is wrong."""
    Path("round.py").symlink_to("round.py")
    Path("gone.py").symlink_to("nowhere.py")
    assert found() == ["gone.py", "round.py"]
    assert found("round.py") == ["round.py"]


@pytest.mark.skipif(os.name == "nt", reason="there are no named pipes in a folder there")
def test_pipes_are_left_alone() -> None:
    """A named pipe or a device that is called like a module, or linked to, is not opened: to read it would never end."""
    os.mkfifo("pipe.py")
    Path("link.py").symlink_to("pipe.py")
    Path("endless.py").symlink_to("/dev/zero")
    assert found() == []


def test_deep_trees_are_walked() -> None:
    """The depth of a tree costs no recursion."""
    folder = Path(*["d"] * 200)
    folder.mkdir(parents=True)
    (folder / "a.py").touch()
    assert len(found()) == 1


def test_nothing_outside_of_the_root_is_excluded(tmp_path: Path) -> None:
    """Patterns are about what is below the folder of their `pyproject.toml`."""
    excludes = Excludes(("*.py",), str(tmp_path / "a"))
    assert excludes.exclude_below(str(tmp_path / "a" / "x.py"))
    assert not excludes.exclude_below(str(tmp_path / "x.py"))
