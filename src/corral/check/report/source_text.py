"""A file's bytes as lines of text, and places in it: byte offsets, rows and columns, UTF-16 units."""

from __future__ import annotations

import codecs
import io
import re
import tokenize
from bisect import bisect_right
from functools import cached_property
from typing import final

_LINE_END = re.compile(rb"\r\n|\n|\r")


@final
class SourceText:
    """Text that can be pointed into. Bytes that the file's encoding does not allow are shown as replacement characters."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    @cached_property
    def encoding(self) -> str:
        """The encoding that the file declares, or UTF-8; never with the byte order mark."""
        try:
            name = tokenize.detect_encoding(io.BytesIO(self.data).readline)[0]
        except (SyntaxError, UnicodeDecodeError):
            return "utf-8"
        return "utf-8" if name == "utf-8-sig" else name

    @cached_property
    def _starts(self) -> list[int]:
        first = len(codecs.BOM_UTF8) if self.data.startswith(codecs.BOM_UTF8) else 0
        return [first, *(match.end() for match in _LINE_END.finditer(self.data))]

    @cached_property
    def lines(self) -> list[str]:
        """The lines without their ends, as Python counts lines."""
        ends = [*self._starts[1:], len(self.data)]
        pieces = (self.data[start:end].rstrip(b"\r\n") for start, end in zip(self._starts, ends, strict=True))
        return [piece.decode(self.encoding, "replace") for piece in pieces]

    def line(self, row: int) -> str:
        """The line with this number, from 1; empty past the end."""
        return self.lines[row - 1] if 1 <= row <= len(self.lines) else ""

    def start(self, row: int) -> int:
        """The byte offset at which the line with this number, from 1, begins."""
        return self._starts[row - 1]

    def place(self, offset: int) -> tuple[int, int]:
        """The row and column, both from 1 and in characters, of a byte offset."""
        row = max(bisect_right(self._starts, offset), 1)
        start = self._starts[row - 1]
        return row, len(self.data[start:offset].decode(self.encoding, "replace")) + 1

    def units(self, row: int, column: int, encoding: str) -> int:
        """How many code units of `encoding` (`utf-8`, `utf-16` or `utf-32`) stand before this column."""
        return _units(self.line(row)[: column - 1], encoding)

    def column(self, row: int, units: int, encoding: str) -> int:
        """The column before which so many code units stand; past the end of the line when there are fewer."""
        line = self.line(row)
        low, high = 0, len(line)
        while low < high:
            middle = (low + high) // 2
            if _units(line[:middle], encoding) < units:
                low = middle + 1
            else:
                high = middle
        return low + 1


def _units(text: str, encoding: str) -> int:
    if encoding == "utf-32" or text.isascii():
        return len(text)
    if encoding == "utf-8":
        return len(text.encode("utf-8", "surrogatepass"))
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
