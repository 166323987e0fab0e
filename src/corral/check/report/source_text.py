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

    def place(self, offset: int) -> tuple[int, int]:
        """The row and column, both from 1 and in characters, of a byte offset."""
        row = max(bisect_right(self._starts, offset), 1)
        start = self._starts[row - 1]
        return row, len(self.data[start:offset].decode(self.encoding, "replace")) + 1

    def utf16(self, row: int, column: int) -> int:
        """How many UTF-16 code units stand before this column."""
        return len(self.line(row)[: column - 1].encode("utf-16-le", "surrogatepass")) // 2
