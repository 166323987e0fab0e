"""The byte search before the parser: what it passes over, nobody looks at again."""

from __future__ import annotations

import re
import sysconfig
from pathlib import Path

import pytest

from corral.check.prefilter import may_matter
from corral.check.settings import Settings
from corral.check.source import check_source


@pytest.mark.parametrize(
    "line",
    [
        "hass.loop.create_task(f())",
        "from asyncio import ensure_future as ef",
        "asyncio.run_coroutine_threadsafe(f(), loop)",
        "import asyncio; asyncio.gather",
        "from asyncio import as_completed",
        "import asyncio; asyncio.Task(f())",
        "await asyncio.wait(tasks)",
        "await asyncio . tasks . wait(tasks)",
        "from asyncio import Event, wait",
        "from asyncio import (\n    Event,\n    wait,\n)",
        "from asyncio.tasks import *  # then wait(tasks)",
        "from asyncio import tasks as t; t.wait(ts)",
        "import os, asyncio as aio; aio.wait(ts)",
        "import asyncio.tasks as t; t.wait(ts)",
        "import asyncio; a = asyncio; a.wait(ts)",
        "loop.run_in_executor(None, f)",
        "g = loop.run_in_executor",
        "await loop.run_in_executor(None, f) or loop.run_in_executor(None, g)",
        "# what others await\nloop.run_in_executor(None, f)",
        "await first(loop.run_in_executor(None, f))",
        "import asyncio; asyncio.shield(f())",
        "import asyncio; asyncio.wait_for(f(), 1)",
        "x = 1  # noqa: TG001",
        "x = 1  # NOQA:E501,TG002",
        "x = 'a\0b'",
    ],
)
def test_what_may_be_a_hazard_is_parsed(line: str):
    """Each way to name what a rule is about, under whatever alias, brings the file to the parser."""
    assert may_matter(line.encode())


@pytest.mark.parametrize(
    "line",
    [
        "gather(seeds)",
        "process.wait()  # asyncio",
        "import asyncio; await asyncio.sleep(1); done.wait()",
        "from asyncio import Event, sleep\nevent.wait()",
        "import asyncio; return await asyncio.wait_for(f(), 1)",
        "await asyncio.get_running_loop().run_in_executor(None, f)",
        "await self.loop.run_in_executor(\n    None, f)",
        "import asyncio; CancelScope(shield=True)",
        "condition.wait_for(ready)",
        "x = 1  # noqa: E501",
        "name = 'é'",
    ],
)
def test_what_is_none_is_passed_over(line: str):
    """A name that only looks like one of asyncio's, and what is awaited where it is made, costs no parsing."""
    assert not may_matter(line.encode())


def test_bytes_in_no_encoding_are_told():
    """What is not text at all is brought to the parser, so that somebody is told; a declared encoding is believed."""
    assert may_matter("x = 'é'".encode("latin-1"))
    assert not may_matter("# coding: latin-1\nx = 'é'".encode("latin-1"))


def test_nothing_is_lost_in_the_standard_library():
    """Where the search says no, the rules find nothing: tried on every file around asyncio that this Python brings along."""
    folder = Path(sysconfig.get_path("stdlib"))
    paths = [
        path
        for pattern in ("*.py", "asyncio/*.py", "concurrent/**/*.py", "multiprocessing/*.py")
        for path in folder.glob(pattern)
    ]
    files = [path.read_bytes() for path in paths]
    passed_over = [data for data in files if re.search(b"asyncio|executor|shield|wait", data) and not may_matter(data)]
    assert len(passed_over) > 20
    assert [f for data in passed_over for f in check_source(data, "app.py", Settings()).findings] == []
