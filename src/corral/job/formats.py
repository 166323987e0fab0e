"""The formats of an input file: lines of text, JSON values, rows of CSV.

A format turns physical lines into raw inputs (`raws`) and one raw input into what `fn` gets (`decode`). They are apart so
that the inputs which are recorded already are counted and never decoded.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from pathlib import PurePath
from typing import Final, Protocol

import msgspec

from corral.job.errors import BadInput, JobError, Option
from corral.job.lines import LineSplitter

Raw = tuple[int, bytes]  # the number of its (last) line in the file, and its bytes without the line's end


class Bad:
    """An input that its format could not read: what is recorded of it instead of calling `fn`."""

    __slots__ = ("error", "text")

    def __init__(self, text: str, error: BadInput) -> None:
        self.text: str = text
        self.error: BadInput = error


class Format(Protocol):
    """How a file is read: stateful, one for each pass over it."""

    def raws(self, lines: Iterable[bytes]) -> Iterator[Raw]:
        """The raw inputs among `lines`; may be called again with the lines that follow."""
        ...

    def end(self) -> Iterator[Raw]:
        """What the end of the file leaves as a last input."""
        ...

    def decode(self, number: int, raw: bytes) -> object:
        """What `fn` gets for the raw input whose (last) line has this number; a `Bad` where it cannot be read."""
        ...


class TextLines:
    """A line an input, without its end; blank lines are passed over."""

    def __init__(self) -> None:
        self._number = 0

    def raws(self, lines: Iterable[bytes]) -> Iterator[Raw]:
        """The lines that are not blank."""
        number = self._number
        for number, line in enumerate(lines, number + 1):  # noqa: B020  # goes on from the last call
            if line and not line.isspace():
                yield number, line
        self._number = number

    def end(self) -> Iterator[Raw]:
        """Nothing: a line never goes on."""
        return iter(())

    def decode(self, number: int, raw: bytes) -> object:
        """The line as text."""
        try:
            text = raw.decode()
        except UnicodeDecodeError as why:
            return _bad(number, raw, f"expected UTF-8 text, {_where(why)}")
        return text[:-1] if text[-1] == "\r" else text


class JsonLines(TextLines):
    """A JSON value a line; blank lines are passed over."""

    def decode(self, number: int, raw: bytes) -> object:
        """The value on the line."""
        try:
            return _json(raw)
        except UnicodeDecodeError as why:
            return _bad(number, raw, f"expected UTF-8 text, {_where(why)}")
        except (msgspec.DecodeError, RecursionError) as why:
            return _bad(number, raw, f"expected one JSON value on the line: {why}")


_json: Final = msgspec.json.Decoder().decode


class CsvRows:
    """A row an input, as a dict by the names in the first row; a quoted field may hold line ends."""

    def __init__(self) -> None:
        self._number = 0
        self._open: list[bytes] = []
        self._header: list[str] | None = None
        # A document in a field is what a batch is often about; the module's own limit is 128 KiB.
        csv.field_size_limit(max(csv.field_size_limit(), 2**31 - 1))

    def raws(self, lines: Iterable[bytes]) -> Iterator[Raw]:
        """The rows below the header, each of one line or more."""
        for line in lines:
            self._number += 1
            # An odd number of quotes so far: the row goes on on the next line.
            if self._open or line.count(b'"') % 2:
                self._open.append(line)
                if len(self._open) > 1 and line.count(b'"') % 2:
                    row, self._open = b"\n".join(self._open), []
                    yield from self._row(row)
            elif line and not line.isspace():
                yield from self._row(line)

    def end(self) -> Iterator[Raw]:
        """A row whose quotes are never closed."""
        if self._open:
            row, self._open = b"\n".join(self._open), []
            yield from self._row(row)

    def _row(self, raw: bytes) -> Iterator[Raw]:
        if self._header is None:
            self._header = self._names(raw)
        else:
            yield self._number, raw

    def _names(self, raw: bytes) -> list[str]:
        try:
            (names,) = csv.reader([raw.decode().rstrip("\r")], strict=True)
        except (UnicodeDecodeError, csv.Error, ValueError) as why:
            raise JobError(f"the first row of the CSV should name the columns, but cannot be read: {why}") from None
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise JobError(f"the first row of the CSV should name the columns, but names {twice[0]!r} twice")
        return names

    def decode(self, number: int, raw: bytes) -> object:
        """The row as a dict."""
        header = self._header or []
        try:
            (row,) = csv.reader([raw.decode().rstrip("\r")], strict=True)
        except UnicodeDecodeError as why:
            return _bad(number, raw, f"expected UTF-8 text, {_where(why)}")
        except (csv.Error, ValueError) as why:
            return _bad(number, raw, f"expected a row of CSV: {why}")
        if len(row) != len(header):
            return _bad(
                number, raw, f"expected {len(header)} fields as in the first row ({', '.join(header)}), got {len(row)}"
            )
        return dict(zip(header, row, strict=True))


FORMATS: Final[dict[str, type[TextLines | JsonLines | CsvRows]]] = {
    "txt": TextLines,
    "jsonl": JsonLines,
    "csv": CsvRows,
}


def completed(form: Format, splitter: LineSplitter, block: bytes) -> Iterator[Raw]:
    """The raw inputs that `block` completes; an empty one is the end of the file."""
    yield from form.raws(splitter.feed(block) if block else splitter.end())
    if not block:
        yield from form.end()


def format_of(name: str, asked: str | None) -> str:
    """The format of the file `name`: by its ending, unless one was `asked` for."""
    if asked is not None:
        if asked not in FORMATS:
            raise JobError(f"expected an input format of {', '.join(FORMATS)}, got {asked!r}")
        return asked
    path = PurePath(name)
    ending = PurePath(path.stem).suffix if path.suffix.lower() == ".gz" else path.suffix
    ending = ending.lower().lstrip(".")
    if ending == "ndjson":
        return "jsonl"
    if ending in FORMATS:
        return ending
    hint = "; a JSON array becomes JSONL with `jq -c '.[]'`" if ending == "json" else ""
    raise JobError(
        f"cannot tell the format of {name!r}: expected .txt, .jsonl or .csv (each also .gz), range:N, or - for standard input{hint}; "
        "or say it with ",
        Option("input_format", "txt|jsonl|csv"),
    )


def _bad(number: int, raw: bytes, why: str) -> Bad:
    return Bad(raw.decode("utf-8", "backslashreplace"), BadInput(f"line {number}: {why}"))


def _where(why: UnicodeDecodeError) -> str:
    return f"got byte 0x{why.object[why.start]:02x} at position {why.start}"
