"""Reading results back: which inputs are recorded, and where a crash left the file.

The file is read in blocks and never held; of each record only the index and the head of an error are decoded, which
msgspec does at some 500 MB/s while it checks that the rest is JSON.
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Final

import msgspec
from msgspec import UNSET, UnsetType

from corral.job.bitmap import Bitmap
from corral.job.errors import OR_ELSE, OUT, JobError
from corral.job.lines import not_blank
from corral.job.record import canonical, shown
from corral.job.source import Recorded

_BLOCK: Final = 1 << 21


class _ErrorHead(msgspec.Struct, gc=False):
    type: str
    message: str


class _Head(msgspec.Struct, gc=False):
    index: int
    error: _ErrorHead | UnsetType = UNSET


class _HeadAndInput(msgspec.Struct, gc=False):
    index: int
    input: msgspec.Raw
    error: _ErrorHead | UnsetType = UNSET


_decode_any: Final = msgspec.json.Decoder().decode


class Scan(Recorded):
    """What results hold.

    Args:
        path: The file.
        remember_inputs: Keep eight bytes of each input, to compare a stream with.

    Attributes:
        failed: The inputs whose record is a failure.
        errors: How many failures of each type there are, with the index and the message of the first.
        superseded: Records that a later one of the same index replaces.
        size: The bytes that are whole records.
        torn: The bytes after them: what a crash left of a last record.
        unended: Whether the last record lacks only its line end.
    """

    def __init__(self, path: Path, *, remember_inputs: bool = False) -> None:
        super().__init__()
        self.failed: Bitmap = Bitmap()
        self.errors: dict[str, tuple[int, int, str]] = {}
        self.superseded: int = 0
        self.size: int = 0
        self.torn: int = 0
        self.unended: bool = False
        self._path = path
        self._length = path.stat().st_size
        if remember_inputs:
            self.hashes: array[int] | None = array("q")
            self.look_up: Callable[[int], bytes | None] = self._input_at
        kind = _HeadAndInput if remember_inputs else _Head
        self._decoder: msgspec.json.Decoder[_Head | _HeadAndInput] = msgspec.json.Decoder(kind)
        self._read()

    def _read(self) -> None:
        with self._path.open("rb") as file:
            for block in _whole_lines(file.fileno()):
                ended = block.endswith(b"\n")
                # Read at once, a blank line is passed over, and so are a missing and a needless line end.
                if len(heads := self._at_once(block)) == block.count(b"\n") + (not ended):
                    self._note(heads)
                    self.size += len(block)
                elif not self._line_by_line(block):
                    return
                self.unended = not ended

    def _at_once(self, block: bytes) -> list[_Head | _HeadAndInput]:
        try:
            return self._decoder.decode_lines(block)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return []

    def _line_by_line(self, block: bytes) -> bool:
        """Take the records of a block that holds something else; False where the rest of the file is torn."""
        for line in BytesIO(block):
            if not line.isspace():
                try:
                    head = self._decoder.decode(line)
                except (msgspec.DecodeError, UnicodeDecodeError):
                    self._end_or_refuse(line)
                    return False
                self._note([head])
            self.size += len(line)
        return True

    def _end_or_refuse(self, line: bytes) -> None:
        # After a crash of the machine, the end may be torn over several lines or be zeros; but a record below it means
        # that somebody else has written here, and then cutting would lose what is sound.
        with self._path.open("rb") as file:
            file.seek(self.size + len(line))
            for later in file:
                try:
                    self._decoder.decode(later)
                except (msgspec.DecodeError, UnicodeDecodeError):
                    continue
                number = self._line_number()
                raise JobError(
                    f"line {number} of {self._path} is not a record: expected "
                    f'{{"index": …, "input": …, "output": …}}, got {shown(line[:80])}. '
                    "Take the line out (its input will run again), give ",
                    *OR_ELSE,
                )
        self.torn = self._length - self.size

    def _line_number(self) -> int:
        """The number of the line that stands after the records read so far."""
        with self._path.open("rb") as file:
            return file.read(self.size).count(b"\n") + 1

    def _note(self, heads: list[_Head | _HeadAndInput]) -> None:
        add, beyond = self.done.add, self._length + 10_000_000
        for head in heads:
            index = head.index
            # A bit for each input up to the largest: a number that no run can have written must not claim the memory.
            if not 0 <= index < beyond:
                raise JobError(
                    f"{self._path} holds a record of input {index}, which no run of this size has. Give another ",
                    OUT,
                )
            self.superseded += not add(index)
            if head.error is not UNSET:
                self._note_failure(index, head.error)
            if isinstance(head, _HeadAndInput):
                self.remember(index, canonical(_decode_any(bytes(head.input))))

    def _note_failure(self, index: int, error: _ErrorHead) -> None:
        self.failed.add(index)
        count, first, message = self.errors.get(error.type, (0, index, error.message))
        self.errors[error.type] = (count + 1, first, message)

    def _input_at(self, index: int) -> bytes | None:
        decoder = msgspec.json.Decoder(_HeadAndInput)
        with self._path.open("rb") as file:
            for line in not_blank(file):
                head = decoder.decode(line)
                if head.index == index:
                    return bytes(head.input)
        return None


def _whole_lines(descriptor: int) -> Iterator[bytes]:
    """Blocks that end where a line ends; the last one may not."""
    pieces: list[bytes] = []
    while block := os.read(descriptor, _BLOCK):
        cut = block.rfind(b"\n") + 1
        if cut:
            yield b"".join([*pieces, block[:cut]])
            pieces = []
        if cut < len(block):
            pieces.append(block[cut:])
    if pieces:
        yield b"".join(pieces)
