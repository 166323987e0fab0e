"""`corral check` in a tree that has findings already: the baseline and the cache."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from corral.check import source
from corral.check.tool import cache, project_run
from tests.cli.command import Corral, write
from tests.cli.programs import CLEAN, DROPPED, LOST

NEW = "\n\nasync def more() -> None:\n    asyncio.create_task(other())\n"


def test_baseline_hides_what_was_there(corral: Corral) -> None:
    """What `--write-baseline` wrote is left out from then on, also when it moves; what is new is told."""
    write({"a.py": LOST, "b.py": DROPPED})
    done = corral("check", "--write-baseline", "known.json")
    assert (done.status, done.err) == (0, "known.json: 2 known.\n")
    done = corral("check", "--baseline", "known.json")
    assert (done.status, done.out) == (0, "No hazards shown in 2 files.\n2 findings in the baseline.\n")
    write({"a.py": f"# moved\n\n{LOST}{NEW}"})
    done = corral("check", "--baseline", "known.json", "--format", "concise")
    assert done.status == 1
    assert [line.split()[0] for line in done.out.splitlines() if "TG001" in line] == ["a.py:12:5:"]


def test_same_line_again_is_new(corral: Corral) -> None:
    """The baseline counts: a second copy of a known line is a finding."""
    write({"a.py": LOST})
    corral("check", "--write-baseline", "known.json")
    write({"a.py": LOST + LOST})
    assert corral("check", "--baseline", "known.json").status == 1


def test_baseline_stands_in_the_configuration(corral: Corral) -> None:
    """`baseline` in `[tool.corral]` is used wherever the command is called from, and entries that met nothing are counted."""
    write(
        {
            "pyproject.toml": "[tool.corral]\nbaseline = 'known.json'\n",
            "known.json": '{"version": 1, "files": {}}',
            "src/a.py": LOST,
        }
    )
    assert corral("check", "--write-baseline", "known.json").status == 0
    assert corral("check").status == 0
    os.chdir("src")
    assert corral("check").status == 0
    write({"a.py": CLEAN})
    done = corral("check")
    assert done.status == 0
    assert "1 entry of the baseline met nothing" in done.out


def test_baseline_can_be_read_by_people(corral: Corral) -> None:
    """The file is JSON, sorted, with the text of each line: a diff of it says what changed."""
    write({"b.py": DROPPED, "a.py": LOST + LOST})
    corral("check", "--write-baseline", "known.json")
    assert json.loads(Path("known.json").read_text()) == {
        "version": 1,
        "files": {
            "a.py": [{"code": "TG001", "line": "asyncio.create_task(work())", "count": 2}],
            "b.py": [{"code": "TG004", "line": "loop.run_in_executor(None, data.save)", "count": 1}],
        },
    }


@pytest.mark.parametrize(
    "text", ["", "[]", '{"version": 2, "files": {}}', '{"version": 1, "files": {"a.py": [1]}}', "\ufeff{"]
)
def test_baseline_that_is_none_is_refused(corral: Corral, text: str) -> None:
    """A file that `--write-baseline` did not write is told, not taken for an empty one."""
    write({"known.json": text})
    done = corral("check", "--baseline", "known.json")
    assert done.status == 2
    assert "expected a file that --write-baseline wrote" in done.err


def test_files_that_cannot_be_checked_are_never_known(corral: Corral) -> None:
    """Nothing is known about a file that does not parse, so no baseline hides it."""
    write({"a.py": "import asyncio\nasyncio.create_task(\n"})
    assert corral("check", "--write-baseline", "known.json").status == 1
    assert corral("check", "--baseline", "known.json").status == 1


def test_file_that_is_gone_before_its_line_is_read_is_new(corral: Corral, monkeypatch: pytest.MonkeyPatch) -> None:
    """A finding whose line cannot be read any more is in no baseline, and is told."""
    write({"a.py": LOST})
    corral("check", "--write-baseline", "known.json")
    assert corral("check", "--baseline", "known.json").status == 0
    real = project_run.ProjectRun.check

    def gone(part: project_run.ProjectRun, *arguments: object, **options: object) -> None:
        real(part, *arguments, **options)  # type: ignore[arg-type]  # passed on as it came
        Path("a.py").unlink()

    monkeypatch.setattr(project_run.ProjectRun, "check", gone)
    done = corral("check", "--baseline", "known.json", "--format", "concise")
    assert done.status == 1
    assert "a.py:" in done.out


@pytest.fixture
def analysed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that were parsed, as the runs go on."""
    paths: list[str] = []
    real = source.check_source

    def noting(data: bytes, path: str, settings: object) -> object:
        paths.append(path)
        return real(data, path, settings)  # type: ignore[arg-type]  # passed on as it came

    monkeypatch.setattr(source, "check_source", noting)
    return paths


def old(*names: str) -> None:
    """Make the files old enough for their times to be believed."""
    for name in names:
        os.utime(name, ns=(time.time_ns() - 10**10,) * 2)


def test_second_run_parses_nothing(corral: Corral, analysed: list[str]) -> None:
    """What has not changed is not parsed again, and is told in the same words; what has changed is."""
    write({"a.py": LOST, "b.py": DROPPED, "c.py": "x = 1\n"})
    old("a.py", "b.py", "c.py")
    first = corral("check")
    assert sorted(analysed) == ["a.py", "b.py"]
    analysed.clear()
    assert corral("check") == first
    assert analysed == []
    write({"b.py": CLEAN})
    assert corral("check").out != first.out
    assert analysed == ["b.py"]


def test_fresh_checkout_parses_nothing(corral: Corral, analysed: list[str]) -> None:
    """Where only the times differ the bytes are known."""
    write({"a.py": LOST})
    old("a.py")
    corral("check")
    os.utime("a.py", ns=(time.time_ns() - 10**9,) * 2)
    analysed.clear()
    assert corral("check").status == 1
    assert analysed == []


def test_settings_and_the_checker_itself_are_part_of_what_is_known(
    corral: Corral, analysed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other rules, another configuration or another version of the checker parse anew."""
    write({"a.py": LOST})
    old("a.py")
    for arguments in (["--select", "TG002"], ["--select", "TG001"]):
        corral("check", *arguments)
    write({"pyproject.toml": "[tool.corral]\nstrong-task-factory = true\n"})
    corral("check")
    monkeypatch.setattr(cache, "sys", SimpleNamespace(version_info=(4, 0)))
    corral("check")
    corral("check", "--min-level", "error")  # what is not shown has no fix
    assert analysed == ["a.py"] * 5


def test_file_changed_within_a_moment_is_not_believed(corral: Corral, analysed: list[str]) -> None:
    """A file as young as the run may change again under the same time, so it is looked at again."""
    write({"a.py": LOST})
    corral("check")
    corral("check")
    assert analysed == ["a.py", "a.py"]


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"a.py": 1}', b'{"a.py": [1, 2, 3, [[]]]}', b"\xff\xfe"])
def test_damaged_cache_is_none(corral: Corral, damage: bytes) -> None:
    """A cache that somebody has cut or scribbled on is as good as none: the run is right and writes a new one."""
    write({"a.py": LOST})
    old("a.py")
    first = corral("check")
    (kept,) = Path(".corral_cache").glob("*.json")
    kept.write_bytes(damage)
    assert corral("check") == first
    assert json.loads(kept.read_bytes())


def test_place_that_cannot_be_written_to_needs_no_cache(corral: Corral) -> None:
    """Where no cache can be made the run goes on without."""
    write({"a.py": LOST, ".corral_cache": "a file, not a folder"})
    done = corral("check")
    assert (done.status, done.err) == (1, "")


def test_cache_is_no_part_of_the_project(corral: Corral) -> None:
    """Git does not see the cache, and `--no-cache` makes none."""
    write({"a.py": LOST})
    corral("check", "--no-cache")
    assert not Path(".corral_cache").exists()
    corral("check")
    assert "*" in Path(".corral_cache/.gitignore").read_text().split()
