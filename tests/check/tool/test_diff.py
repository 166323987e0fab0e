"""Diffs that other tools take."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from corral.check.tool.diff import unified
from corral.check.tool.result import Change

BEFORE = b"import asyncio\n\n\nasync def f():\n    asyncio.create_task(g())\n    return 1\n"
AFTER = BEFORE.replace(b"asyncio.create_task(g())", b"spawn(g())")


@pytest.mark.parametrize(
    "form",
    [
        bytes,
        lambda data: data.replace(b"\n", b"\r\n"),
        lambda data: data.removesuffix(b"\n"),
        lambda data: data.replace(b"import asyncio", b"# \xe9\x80\x85\x0c\nimport asyncio"),
        lambda data: b"\xef\xbb\xbf" + data,
    ],
    ids=["plain", "crlf", "no final newline", "bytes of no encoding", "byte order mark"],
)
def test_git_applies_the_diff(tmp_path: Path, form: object) -> None:
    """`git apply` makes of the file, byte for byte, what the fix would."""
    assert callable(form)
    change = Change("sub/a.py", form(BEFORE), form(AFTER))
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.py").write_bytes(change.before)
    subprocess.run(["git", "apply", "-p0", "-"], cwd=tmp_path, input=unified(change), check=True)
    assert (tmp_path / "sub" / "a.py").read_bytes() == change.after
