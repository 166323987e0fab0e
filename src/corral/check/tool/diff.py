"""The unified diff of a change, byte for byte, so that `patch -p0` and `git apply` take it."""

from __future__ import annotations

from corral.check.tool.result import Change


def unified(change: Change) -> bytes:
    """The diff from `before` to `after`, with three lines of context."""
    import difflib

    before, after = _lines(change.before), _lines(change.after)
    name = change.path.encode("utf-8", "surrogateescape")
    lines = difflib.diff_bytes(difflib.unified_diff, before, after, name, name, lineterm=b"\n")
    return b"".join(line if line.endswith(b"\n") else line + b"\n\\ No newline at end of file\n" for line in lines)


def _lines(data: bytes) -> list[bytes]:
    pieces = data.split(b"\n")
    return [piece + b"\n" for piece in pieces[:-1]] + ([pieces[-1]] if pieces[-1] else [])
