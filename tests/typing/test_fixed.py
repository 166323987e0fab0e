"""What the fixer writes, as ruff and mypy see it."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from corral.check.fixer import fix_source
from corral.check.model import Level
from corral.check.settings import Settings
from tests.check.specimens import FIXED, UNSAFE

pytestmark = pytest.mark.typing

# What a fix leaves unused because to take it out would be a guess, or puts below a statement that shares a line with an import:
# no code that anybody has formatted looks so.
STAYS = {
    "imports on one line, over several": ["F401"],
    "an import that is all of its block": ["F401"],
    "an import with a comment over it": ["F401"],
    "names that have a comment each, in a function": ["F401"],
    "a loop on a line with something else": ["F841"],
    "a loop by two names": ["F841"],
    "an import beside another statement, which stays": ["F401", "E402"],
    "an import behind the docstring on its line": ["F401"],
    "an import of Corral's beside another statement": ["E402"],
    "an import where another statement of several lines begins or ends": ["F401"],
}
ALL = Settings(min_level=Level.NOTE)
# With real types, and coroutines of different kinds.
TYPED = """\
import asyncio


async def fetch(number: int) -> str:
    return str(number)


async def count(number: int) -> int:
    return number


async def hand() -> list[str]:
    t1 = asyncio.create_task(fetch(1))
    t2 = asyncio.create_task(fetch(2))
    return list(await asyncio.gather(t1, t2))


async def listed(numbers: list[int]) -> list[str]:
    tasks = [asyncio.create_task(fetch(number)) for number in numbers]
    return await asyncio.gather(*tasks)


async def mapped(numbers: list[int]) -> list[str]:
    return await asyncio.gather(*[fetch(number) for number in numbers])


async def mixed() -> str:
    text, number = await asyncio.gather(fetch(1), count(2))
    return text * number


async def by_place() -> str:
    results = await asyncio.gather(fetch(1), count(2))
    return results[0] * results[1]


async def said() -> tuple[str, int]:
    return await asyncio.gather(fetch(1), count(2))


async def in_turn() -> str:
    t1 = asyncio.create_task(fetch(1))
    t2 = asyncio.create_task(count(2))
    text = await t1
    number = await t2
    return text * number


async def outcomes(numbers: list[int]) -> None:
    await asyncio.gather(*[fetch(number) for number in numbers], return_exceptions=True)


async def timed(numbers: list[int]) -> list[str]:
    return await asyncio.wait_for(asyncio.gather(*map(fetch, numbers)), 10)


async def lost(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.create_task(fetch(1), name="one")
    _ = asyncio.create_task(fetch(1))
    loop.call_soon(asyncio.create_task, fetch(1))
    asyncio.get_running_loop().call_later(1, lambda: asyncio.create_task(fetch(1)))
    asyncio.run_coroutine_threadsafe(fetch(1), loop)
    async with asyncio.TaskGroup() as tg:
        asyncio.create_task(fetch(1))
        tg.create_task(fetch(2))
"""


def complaints(tool: list[str], folder: Path, pattern: str) -> Counter[tuple[str, str]]:
    """How often a tool says what about each file."""
    done = subprocess.run([sys.executable, "-m", *tool], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode in {0, 1}, done.stderr
    return Counter((m[1], m[2]) for m in re.finditer(pattern, done.stdout, re.MULTILINE))


def written(folder: Path, name: str, code: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.py").write_text(code, encoding="utf-8")


def test_ruff_has_nothing_new_to_say(tmp_path: Path) -> None:
    """No unused name or import, no import out of order, no lost task that was not there before: under ruff's usual rules and isort's."""
    specimens = [s for s in FIXED + UNSAFE if "import *" not in s.code]  # who knows what else it brings
    for number, specimen in enumerate(specimens):
        fixed = fix_source(specimen.data, "app.py", ALL, unsafe=True).data.decode()
        written(tmp_path / "before", f"m{number}", specimen.code)
        written(tmp_path / "after", f"m{number}", fixed)
    ruff = [
        "ruff",
        "check",
        "--isolated",
        "--no-cache",
        "--output-format=concise",
        "--select=E4,E7,E9,F,I,RUF006,RUF100",
        ".",
    ]
    pattern = r"^(m\d+)\.py:\d+:\d+: (\w+)"
    before, after = (complaints(ruff, tmp_path / side, pattern) for side in ("before", "after"))
    assert {one.title for one in specimens} >= STAYS.keys()
    stays = Counter((f"m{at}", code) for at, one in enumerate(specimens) for code in STAYS.get(one.title, []))
    assert after - before == stays
    assert after.total() < before.total()


def test_mypy_has_nothing_new_to_say(tmp_path: Path) -> None:
    """The verbs that the fixer chooses keep each result's type: strict, and with nothing that is awaitable dropped."""
    fixed = fix_source(TYPED.encode(), "app.py", ALL, unsafe=True)
    assert len(fixed.fixed) > 10
    written(tmp_path / "before", "app", TYPED)
    written(tmp_path / "after", "app", fixed.data.decode())
    mypy = [
        "mypy",
        "--strict",
        "--enable-error-code=unused-awaitable",
        "--no-incremental",
        "--cache-dir=/dev/null",
        ".",
    ]
    pattern = r"^(\w+)\.py:\d+: error: .*\[([\w-]+)\]$"
    before, after = (complaints(mypy, tmp_path / side, pattern) for side in ("before", "after"))
    assert after - before == Counter()
    assert ("app", "unused-awaitable") in before
    assert ("app", "unused-awaitable") not in after
