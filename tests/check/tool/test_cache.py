"""What is known from last time is taken only where it is surely still so."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from corral.check.settings import Settings
from corral.check.source import check_source
from corral.check.tool.cache import FOLDER, KEPT, Cache, digest_of

LOST = b"import asyncio\nasync def f():\n    asyncio.create_task(g())\n"


@pytest.fixture
def path(tmp_path: Path) -> str:
    """A file of last year."""
    file = tmp_path / "app.py"
    file.write_bytes(LOST)
    os.utime(file, (1e9, 1e9))
    return str(file)


def known(path: str) -> Cache:
    cache = Cache(str(Path(path).parent), Settings())
    findings = check_source(LOST, path, Settings()).findings
    cache.keep(path, digest_of(LOST), Path(path).stat(), findings)
    cache.write()
    return Cache(str(Path(path).parent), Settings())


def test_what_was_found_is_found_again(path: str) -> None:
    """By its time or by its content, a file's findings are those of last time, to the letter."""
    findings = check_source(LOST, path, Settings()).findings
    cache = known(path)
    assert cache.by_time(path, Path(path).stat(), parsed=True) == findings
    assert cache.by_content(path, digest_of(LOST), Path(path).stat()) == findings
    assert cache.by_content(path, digest_of(b""), Path(path).stat()) is None


def test_what_was_passed_over_is_parsed_when_it_is_named(path: str) -> None:
    """A file that the byte search passed over has no findings, but whether it parses is not known."""
    cache = Cache(str(Path(path).parent), Settings())
    cache.keep_passed_over(path, Path(path).stat())
    cache.write()
    cache = Cache(str(Path(path).parent), Settings())
    assert cache.by_time(path, Path(path).stat()) == ()
    assert cache.by_time(path, Path(path).stat(), parsed=True) is None


def test_damage_is_a_cold_start(path: str) -> None:
    """Entries that make no sense are as if they were not there."""
    known(path)
    (file,) = (file for file in (Path(path).parent / FOLDER).iterdir() if file.suffix == ".json")
    entries = json.loads(file.read_text())
    entries[path][3] = [["TG001", "too short"]]
    file.write_text(json.dumps(entries))
    cache = Cache(str(Path(path).parent), Settings())
    assert cache.by_time(path, Path(path).stat()) is None
    assert cache.by_content(path, entries[path][2], Path(path).stat()) is None


def test_old_settings_are_forgotten(path: str) -> None:
    """Each set of settings has a file of its own, and only the newest of these files are kept."""
    folder = Path(path).parent / FOLDER
    folder.mkdir()
    for number in range(KEPT + 3):
        (folder / f"{number}.json").write_text("{}")
        os.utime(folder / f"{number}.json", (number, number))
    known(path)
    left = [file.name for file in folder.iterdir() if file.suffix == ".json"]
    assert len(left) == KEPT
    assert "0.json" not in left
