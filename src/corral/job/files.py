"""Inputs from a file, and which source it is that an argument names."""

from __future__ import annotations

import difflib
import errno
import gzip
import hashlib
import os
import stat
import sys
import zlib
from collections.abc import AsyncIterable, Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import IO, Any, Final

from corral.job.errors import JobError, Words
from corral.job.formats import FORMATS, completed, format_of
from corral.job.lines import LineSplitter
from corral.job.pipe import PipeSource
from corral.job.source import (
    InputIdentity,
    IterableSource,
    Job,
    Kind,
    Recorded,
    Source,
    changed,
    parse_range,
)

_BLOCK: Final = 1 << 18


def open_source(
    inputs: str | os.PathLike[str] | Iterable[Any] | AsyncIterable[Any], input_format: str | None = None
) -> Source:
    """The source that `inputs` stands for.

    Args:
        inputs: A path (`.txt`, `.jsonl`, `.csv`, each also `.gz`), `-` for standard input, `range:N`, or any iterable.
        input_format: `txt`, `jsonl` or `csv`, where the name does not tell.

    Fails: `JobError` for a file that is missing, empty, a directory, unreadable, or of an unknown format.
    """
    if not isinstance(inputs, (str, os.PathLike)):
        if isinstance(inputs, (bytes, bytearray)) or not (hasattr(inputs, "__iter__") or hasattr(inputs, "__aiter__")):
            raise JobError(f"expected a path, '-', 'range:N' or an iterable of inputs, got {type(inputs).__name__}")
        return IterableSource(inputs)
    text = os.fspath(inputs)
    if text.startswith("range:"):
        return parse_range(text)
    if text == "-":
        if sys.stdin is None:  # what Python makes of a descriptor that was closed by who started it
            raise JobError("there is no input: standard input is closed")
        return PipeSource(sys.stdin.fileno(), "-", format_of("-.txt", input_format))
    return _file(Path(text), input_format)


def _file(path: Path, input_format: str | None) -> Source:
    try:
        found = path.stat()
        if stat.S_ISDIR(found.st_mode):
            raise IsADirectoryError(errno.EISDIR, "it is a directory")
        if not stat.S_ISREG(found.st_mode):
            return _pipe(path, input_format)
        source = FileSource(path, format_of(path.name, input_format))
        with path.open("rb"):
            return source
    except FileNotFoundError:
        near = _nearest(path)
        raise JobError(f"no input file {path}" + (f"; did you mean {near}?" if near else "")) from None
    except OSError as why:
        raise JobError(f"the input {path} cannot be read: {why.strerror}") from None


def _nearest(path: Path) -> Path | None:
    beside = [other.name for other in path.parent.iterdir()] if path.parent.is_dir() else []
    longer = [name for name in beside if name.startswith(path.name)]  # `.gz` was forgotten
    near = longer or difflib.get_close_matches(path.name, beside, n=1)
    return path.with_name(near[0]) if near else None


def _pipe(path: Path, input_format: str | None) -> Source:
    if path.suffix == ".gz":
        unpacked = Words(f"give `gzip.open({str(path)!r}, 'rt')`", f"`zcat {path} | corral run ... -`")
        raise JobError(f"{path} is no file but a pipe, and those are not unpacked: ", unpacked)
    form = format_of(path.name if path.suffix else "-.txt", input_format)  # `<(command)` has no name to tell by
    return PipeSource(os.open(path, os.O_RDONLY | os.O_CLOEXEC), str(path), form, close=True)


class FileSource:
    """A file that can be read again: known by its content before anything starts, counted, and read in blocks."""

    kind: Kind = "file"

    def __init__(self, path: Path, form: str) -> None:
        self.total: int | None = None
        self._path = path
        self._form = form
        self._size = 0

    def is_file(self, path: Path) -> bool:
        """Whether `path` is this very file."""
        try:
            return path.samefile(self._path)
        except OSError:  # there is no such file yet
            return False

    def identify(self, before: InputIdentity | None) -> InputIdentity:
        """Reads the whole file once: its hash, its size and the number of its inputs."""
        if before is not None and before.format != self._form:
            raise changed(f"it is read as {self._form} now, and was read as {before.format}")
        boundary = None if before is None else before.size
        seen, total, last = 0, 0, b"\n"
        hashed, splitter, form = hashlib.sha256(), LineSplitter(), FORMATS[self._form]()
        for block in self._blocks(None):
            rest = block
            if before is not None and boundary is not None and seen <= boundary < seen + len(block):
                cut = boundary - seen
                hashed.update(block[:cut])
                _same(hashed.hexdigest(), before)
                rest = block[cut:]
                if ((block[:cut] or last)[-1:] != b"\n") and rest[:1] not in {b"\n", b"\r"}:
                    raise changed("its last line went on")
            hashed.update(rest)
            seen += len(block)
            last = block[-1:]
            total += sum(1 for _ in completed(form, splitter, block))
        total += sum(1 for _ in completed(form, splitter, b""))
        if before is not None and seen <= (boundary or 0):
            if seen < (boundary or 0):
                raise changed(f"it has {seen:,} bytes now, and had {boundary:,}")
            _same(hashed.hexdigest(), before)
        if not total:
            raise JobError(f"there is no input: {self._path} {self._lacks(seen)}")
        self.total, self._size = total, seen
        return InputIdentity("file", self._path.name, self._form, seen, hashed.hexdigest())

    def _lacks(self, size: int) -> str:
        if not size:
            return "is empty"
        return "has no rows below its header" if self._form == "csv" else "has blank lines only"

    def jobs(self, recorded: Recorded) -> Iterator[Job]:
        """Reads it a second time, a block at a time."""
        # No further than what was hashed: what is appended while this runs is for the next run.
        form, splitter, done = FORMATS[self._form](), LineSplitter(), recorded.done
        index = 0
        for block in chain(self._blocks(self._size), (b"",)):
            for number, raw in completed(form, splitter, block):
                if index not in done:
                    yield index, form.decode(number, raw)
                index += 1

    def _blocks(self, size: int | None) -> Iterator[bytes]:
        packed = self._path.suffix.lower() == ".gz"
        try:
            with gzip.open(self._path) if packed else self._path.open("rb", buffering=0) as file:
                yield from _read(file, size)
        except (EOFError, zlib.error, gzip.BadGzipFile) as why:
            raise JobError(f"the input {self._path} is not a whole gzip file: {why}") from None
        except OSError as why:
            raise JobError(f"the input {self._path} cannot be read: {why.strerror or why}") from None


def _read(file: IO[bytes] | gzip.GzipFile, size: int | None) -> Iterator[bytes]:
    left = sys.maxsize if size is None else size
    while left and (block := file.read(min(_BLOCK, left))):
        left -= len(block)
        yield block


def _same(found: str, before: InputIdentity) -> None:
    if found != before.sha256:
        raise changed(
            f"its first {before.size:,} bytes are not those of {before.name or 'the file'} that the results were begun with"
        )
