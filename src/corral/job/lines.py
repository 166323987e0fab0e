"""Blocks of bytes into lines, for files and for what comes in through a pipe."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator


class LineSplitter:
    """Feed it blocks, get the lines that are whole so far, without their ends; memory is one block and the longest line."""

    def __init__(self) -> None:
        self._tail: list[bytes] = []
        self._first = True

    def feed(self, block: bytes) -> list[bytes]:
        """The lines that `block` completes."""
        if self._first and block:
            self._first = False
            block = block.removeprefix(codecs.BOM_UTF8)
        lines = block.split(b"\n")
        if len(lines) == 1:
            # Kept apart until the line ends: a line of many blocks would be copied for each of them.
            self._tail.append(block)
            return []
        if self._tail:
            self._tail.append(lines[0])
            lines[0] = b"".join(self._tail)
        last = lines.pop()
        self._tail = [last] if last else []
        return lines

    def end(self) -> list[bytes]:
        """The last line, where the input does not end in a line end."""
        tail, self._tail = b"".join(self._tail), []
        return [tail] if tail else []


def not_blank(lines: Iterable[bytes]) -> Iterator[bytes]:
    """The lines that hold something: an editor may have left others among results."""
    return (line for line in lines if not line.isspace())
