"""Runs of the checker over files made for a test, in the current folder."""

from __future__ import annotations

from pathlib import Path

from corral.check.tool.result import Result
from corral.check.tool.run import Options, run

LOST = """\
import asyncio


async def main() -> None:
    asyncio.create_task(work())
    await asyncio.sleep(1)
"""


def grow(files: dict[str, str | bytes]) -> None:
    """Make these files."""
    for name, content in files.items():
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())


def checked(*paths: str, **options: object) -> Result:
    """A run over the paths, by default everything in the current folder, in this process and without the cache."""
    return run(Options(paths or (".",), **{"cache": False, "workers": 1, **options}))  # type: ignore[arg-type]  # the caller names fields of Options


def told(result: Result) -> list[str]:
    """Each finding as `path:row CODE`."""
    return [f"{finding.path}:{finding.span.row} {finding.code}" for finding in result.findings]
