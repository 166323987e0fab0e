"""Files that cannot be checked: each is told, none stops the run, and nothing is ever changed in one."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.check.tool.tree import LOST, checked, grow, told

BAD: dict[str, tuple[str | bytes, str]] = {
    "latin.py": (LOST.encode() + b"# \xe9\n", "not utf-8: byte 0xe9 at offset"),
    "utf16.py": (LOST.encode("utf-16"), "not utf-8: byte 0xff at offset 0"),
    "cookie.py": (
        b"# coding: klingon\n" + LOST.encode(),
        "in no encoding that can be told (unknown encoding: klingon)",
    ),
    "wrong_cookie.py": (b"# coding: ascii\n" + LOST.encode() + "# é\n".encode(), "not ascii: byte 0xc3"),
    "nulls.py": (LOST.encode() + b"\0", "null bytes"),
    "syntax.py": (LOST.replace("work())", "work("), "cannot parse the file"),
    "python2.py": (LOST + 'print "done"\n', "cannot parse the file"),
    "future.py": (LOST + "async yield from spawn;\n", "cannot parse the file"),
    "deep_brackets.py": (LOST + "x = " + "[" * 5000 + "]" * 5000 + "\n", "cannot parse the file"),
    "deep_minus.py": (LOST + "x = " + "-" * 200_000 + "1\n", "nested too deeply"),
    "deep_dots.py": (LOST + "x" + ".a" * 1500 + ".create_task(work())\n", "nested too deeply to be followed"),
    "deep_indent.py": (
        LOST + "".join(" " * n + "if x:\n" for n in range(200)) + " " * 200 + "pass\n",
        "too many levels",
    ),
    "large.py": (LOST + "x = 1\n" * 400_000, "the file has 2.4 MB, and more than 2.0 MB is not parsed"),
    "huge.py": (LOST + "x = 1\n" * 1_700_000, "the file has 10.2 MB, and more than 8.0 MB is not read"),
    "no_hazard_but_nulls.py": (b"x = 1\0\n", "null bytes"),
    "no_hazard_but_latin.py": (b"x = '\xe9'\n", "not utf-8"),
}


pytestmark = pytest.mark.usefixtures("folder")


@pytest.mark.parametrize("workers", [1, 2])
def test_each_bad_file_is_told_and_the_rest_goes_on(workers: int) -> None:
    """Among good files every bad one has one diagnostic that says why, and the good ones are checked as if they were alone."""
    grow({name: content for name, (content, _) in BAD.items()} | {"aaa.py": LOST, "zzz.py": LOST})
    before = {path.name: path.read_bytes() for path in Path().iterdir()}
    result = checked(workers=workers, fix=True, unsafe_fixes=True)
    cannot = {finding.path: finding.message for finding in result.findings if finding.code == "TG000"}
    assert {name: BAD[name][1] for name in cannot if BAD[name][1] not in cannot[name]} == {}
    assert set(cannot) == set(BAD)
    assert result.files == len(before)
    mended = {finding.path for finding in result.fixed}
    assert {finding.path for finding in result.findings} - set(BAD) | mended == {"aaa.py", "zzz.py"}
    assert {name for name, data in before.items() if Path(name).read_bytes() != data} <= mended


def test_links_and_folders_that_lead_nowhere_are_told() -> None:
    """A link in a circle, a link to nothing and a folder that links back to itself cost a diagnostic each, or nothing."""
    grow({"pkg/a.py": LOST})
    Path("pkg/again").symlink_to(".", target_is_directory=True)
    Path("round.py").symlink_to("round.py")
    Path("gone.py").symlink_to("nowhere.py")
    result = checked()
    assert told(result) == ["gone.py:1 TG000", "pkg/a.py:5 TG001", "round.py:1 TG000"]
    assert "no such file or directory" in result.findings[0].message
    assert "too many" in result.findings[2].message


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such permissions")
def test_forbidden_file_and_folder_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """What may not be read is told with the reason that the system gives; the rest is checked."""
    with tempfile.TemporaryDirectory() as name:  # pytest's own folders are closed to everybody else
        monkeypatch.chdir(name)
        grow({"a.py": LOST, "secret.py": LOST, "closed/b.py": LOST})
        checked()  # whoever may not read these files may not be able to read the checker's either
        Path().chmod(0o755)
        Path("secret.py").chmod(0)
        Path("closed").chmod(0)
        try:
            with nobody():
                result = checked()
        finally:
            Path("closed").chmod(0o700)
            monkeypatch.undo()
    assert told(result) == ["a.py:5 TG001", "closed:1 TG000", "secret.py:1 TG000"]
    assert result.findings[2].message == "Not checked: permission denied."


@contextlib.contextmanager
def nobody() -> Iterator[None]:
    """As a user who may not read everything: root may, so that root is somebody else here."""
    if root := os.geteuid() == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


def test_named_file_is_parsed_whatever_is_in_it() -> None:
    """A file on the command line gets its syntax error told even if it names no hazard, and also when the cache has passed it over."""
    grow({"a.py": "def f(:\n"})
    assert told(checked(cache=True)) == []
    assert told(checked("a.py", cache=True)) == ["a.py:1 TG000"]
    assert told(checked("a.py", cache=True)) == ["a.py:1 TG000"]
    assert checked("a.py").findings[0].span.column == 7


def test_standard_input_is_parsed_whatever_is_in_it() -> None:
    """What comes through a pipe is somebody's one file."""
    assert told(checked("-", stdin=b"def f(:\n")) == ["-:1 TG000"]


DEADLY = """
import os, sys, threading
from corral.check import source
from corral.check.tool import pool
from tests.check.tool.tree import LOST, checked, grow, told

real = source.check_source
names = [f"m{number:02}.py" for number in range(30)]

started = []
start = pool._start

def noted(settings, workers):
    started.append(workers)
    return start(settings, workers)

pool._start = noted

def deadly(data, path, settings):
    if path == "deadly.py":
        os._exit(11)
    return real(data, path, settings)

pool.CHUNK, pool.WORTH_A_POOL, pool.PER_FILE = 10_000, 20_000, 300
pool.AHEAD = 1  # so that there is something left to hand out when the process has died
source.check_source = deadly  # at the top: a spawned process runs this file again, as far as here

if __name__ == "__main__":
    if sys.argv[1] == "spawn":
        threading.Thread(target=threading.Event().wait, daemon=True).start()
    os.chdir(sys.argv[2])
    grow(dict.fromkeys([*names, "deadly.py"], LOST + "x = 'y'\\n" * 400))
    result = checked(workers=2)
    assert told(result) == ["deadly.py:1 TG000", *(f"{name}:5 TG001" for name in names)], told(result)
    assert "the process that analysed it died" in result.findings[0].message
    assert started.count(2) == 2, started  # the pool, and another for what comes after
    assert started.count(1) < 15, started  # one for each file that was handed out with the deadly one
"""


@pytest.mark.parametrize("start", ["fork", pytest.param("spawn", marks=pytest.mark.heavy)])
def test_process_that_dies_costs_its_file_alone(tmp_path: Path, start: str) -> None:
    """A file on which a worker process dies is told, and all others have their findings; however processes are started.

    What was handed out beside it is done again file by file, and what comes after in many processes as before.
    """
    program = tmp_path / "program" / "deadly_program.py"
    program.parent.mkdir()
    program.write_text(DEADLY)
    (tmp_path / "tree").mkdir()
    root = str(Path(__file__).parents[3])
    env = {**os.environ, "PYTHONPATH": root}
    ran = subprocess.run(
        [sys.executable, program, start, tmp_path / "tree"], env=env, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
