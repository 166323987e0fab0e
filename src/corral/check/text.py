"""A file's bytes as text, and the way back: from the parser's rows and columns to places in the bytes on disk."""

from __future__ import annotations

import ast
import bisect
import io
import re
import tokenize
from collections.abc import Iterable, Sequence
from typing import final

from corral.check.model import Edit, Span

NEWLINE = re.compile(r"\r\n|\r|\n")  # what Python's tokenizer ends a line at; `str.splitlines` knows seven more


class CannotDecode(Exception):
    """The bytes are not text in the encoding the file declares."""


@final
class Text:
    """Decoded source that still knows its bytes.

    The parser counts columns in bytes of UTF-8 whatever the file's own encoding is, so three counts meet here: UTF-8 columns, characters of
    `text`, and bytes of `data`.
    """

    def __init__(self, data: bytes) -> None:
        self.data = data
        encoding, text = decode(data)
        self.encoding: str = encoding
        self.text: str = text
        self.bom = 3 if self.encoding == "utf-8-sig" else 0
        first = NEWLINE.search(self.text)
        self.newline: str = first.group() if first else "\n"
        self.starts: list[int] = [0, *(m.end() for m in NEWLINE.finditer(self.text))]
        self.is_ascii: bool = self.text.isascii()

    def line(self, row: int) -> str:
        """The row's text (from 1), its line end included."""
        end = self.starts[row] if row < len(self.starts) else len(self.text)
        return self.text[self.starts[row - 1] : end]

    def at(self, row: int, utf8_column: int) -> int:
        """The index in `text` of a place as the parser names it."""
        start = self.starts[row - 1]
        if self.is_ascii:
            return start + utf8_column
        return start + len(self.line(row).encode()[:utf8_column].decode(errors="ignore"))

    def start(self, node: ast.expr | ast.stmt | ast.keyword | ast.alias) -> int:
        """Where the node begins in `text`."""
        return self.at(node.lineno, node.col_offset)

    def end(self, node: ast.expr | ast.stmt | ast.keyword | ast.alias) -> int:
        """Where the node ends in `text`."""
        return self.at(node.end_lineno or node.lineno, node.end_col_offset or 0)

    def segment(self, node: ast.expr | ast.stmt | ast.keyword) -> str:
        """The node as it is written."""
        return self.text[self.start(node) : self.end(node)]

    def row(self, index: int) -> int:
        """The row (from 1) of an index in `text`."""
        return bisect.bisect_right(self.starts, index)

    def span(self, start: int, end: int) -> Span:
        """Rows and columns, from 1 and in characters, of a stretch of `text`."""
        row, end_row = self.row(start), self.row(end)
        return Span(row, start - self.starts[row - 1] + 1, end_row, end - self.starts[end_row - 1] + 1)

    def offset(self, index: int) -> int:
        """The place in `data` of an index in `text`; only right where `exact`."""
        if self.is_ascii and self.encoding in {"utf-8", "utf-8-sig"}:
            return self.bom + index
        return self.bom + len(self.encode(self.text[:index]))

    def exact(self, index: int) -> bool:
        """Whether `offset` is right for certain: an encoding may have several ways to write the same text."""
        if self.encoding in {"utf-8", "utf-8-sig"}:
            return True
        return self.data[: self.offset(index)] == self.encode(self.text[:index])

    def encode(self, text: str) -> bytes:
        """The text in the file's own encoding, without a byte order mark."""
        return text.encode("utf-8" if self.bom else self.encoding)


def decode(data: bytes) -> tuple[str, str]:
    """The encoding (PEP 263, PEP 3120) and the text of a source file.

    Fails:
        `CannotDecode` with the reason: an unknown encoding, or bytes that are not text in it.
    """
    try:
        return decoded(data)
    except UnicodeDecodeError as e:
        raise CannotDecode(f"not {e.encoding}: byte 0x{data[e.start]:02x} at offset {e.start}") from None
    except (SyntaxError, LookupError, ValueError, OverflowError) as e:
        raise CannotDecode(f"in no encoding that can be told ({str(e) or type(e).__name__})") from None


def decoded(data: bytes) -> tuple[str, str]:
    """What `tokenize.open` would read."""
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
    except SyntaxError:
        data.decode()  # where no encoding is declared, which byte is wrong says more
        raise
    return encoding, data.decode(encoding)


def edited(data: bytes, edits: Iterable[Edit], encoding: str, errors: str = "strict") -> bytes:
    """The bytes with these edits made, from the end, so that no place moves."""
    for edit in sorted(edits, reverse=True):
        data = data[: edit.start] + edit.text.encode(encoding, errors) + data[edit.end :]
    return data


def same_ends(old: Sequence[object], new: Sequence[object]) -> tuple[int, int]:
    """How many lines both have in common at the begin, and how many of the others at the end."""
    head = 0
    while head < min(len(old), len(new)) and old[head] == new[head]:
        head += 1
    tail = 0
    while tail < min(len(old), len(new)) - head and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    return head, tail
