"""The programs of examples/ for `corral run`, by the command that each begins with."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import shlex
import signal
import sqlite3
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.house.source import ROOT

pytestmark = pytest.mark.heavy

EXAMPLES = ROOT / "examples"


def loaded(program: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"example_{Path(program).stem}", EXAMPLES / program)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def command_of(module: ModuleType) -> list[str]:
    """The command that the docstring of a program shows, to be run here."""
    text = module.__doc__.replace("\\\n", " ").replace("\n    ", " ")
    (line,) = [line for line in text.splitlines() if line.startswith("corral run ")]
    words = shlex.split(line)[1:]
    return [sys.executable, "-c", "import sys; from corral.cli import main; sys.exit(main())", *words, "--json"]


@pytest.fixture
def folder(folder):
    """As if one stood in the folder of the project, with room to write."""
    (folder / "examples").symlink_to(EXAMPLES)
    return folder


async def told_by(command: list[str]) -> dict:
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await process.communicate()
    assert process.returncode in {0, 1}, err.decode()
    assert err == b""
    return json.loads(out)


def records(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


async def test_crawler_command(folder):
    """The command of the crawler fetches every page once, and what is gone is told by its status."""
    crawler = loaded("crawler.py")
    async with crawler.small_site(30) as root:
        (folder / "urls.txt").write_text("".join(f"{root}{number}\n" for number in range(30)))
        summary = await told_by(command_of(crawler))
        first = next(record for record in records(folder / "pages.jsonl") if record["index"] == 0)
        assert first["output"] == {"status": 200, "title": "Page 0", "links": [f"{root}1"]}
    assert (summary["ok"], summary["failed"]) == (26, 4)
    assert summary["failures"][0]["message"].startswith("404")


async def test_llm_command(folder, monkeypatch):
    """Refused calls wait as long as they are told to and are answered in the end; after `kill -9` no answer is paid for again."""
    batch = loaded("llm_batch.py")
    (folder / "prompts.jsonl").write_text(
        "".join(json.dumps({"id": number, "prompt": f"say {number}"}) + "\n" for number in range(60))
    )
    api = batch.Api(allowed=3)  # fifteen a second, and the command asks for twenty
    command = command_of(batch)
    async with api.serving() as address:
        monkeypatch.setenv(batch.API, address)
        process = await asyncio.create_subprocess_exec(*command)
        answers = folder / "answers.jsonl"
        while not answers.exists() or answers.read_bytes().count(b"\n") < 10:
            await asyncio.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        await process.wait()
        known = answers.read_bytes().count(b"\n")
        summary = await told_by(command)
    assert api.served - 60 <= 10  # paid for twice: what was in flight when it was killed, three in a fifth of a second
    assert (summary["ok"], summary["failed"], summary["skipped"]) == (60, 0, known)
    assert api.refused > 0
    assert sorted(record["output"]["text"] for record in records(folder / "answers.jsonl")) == sorted(
        f"{number} say" for number in range(60)
    )


async def test_sqlite_command(folder, monkeypatch):
    """Every good row is in the database once, the bad one is told; a second time, rows and records stay as they were."""
    rows = loaded("rows_to_sqlite.py")
    monkeypatch.setenv(rows.DATABASE, "shop.db")
    lines = [f"{number},c{number},{number}" for number in range(200)]
    lines[7] = "seven,c,7"
    (folder / "orders.csv").write_text("\n".join(["number,customer,cents", *lines]) + "\n")
    for _ in range(2):
        summary = await told_by(command_of(rows))
        assert (summary["ok"], summary["failed"], summary["failures"][0]["index"]) == (199, 1, 7)
        with sqlite3.connect("shop.db") as connection:
            assert connection.execute("SELECT count(*), sum(cents) FROM orders").fetchone() == (199, 199 * 100 - 7)
        connection.close()
