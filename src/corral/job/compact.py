"""Each index exactly once: results in which records were superseded are written anew, with the last of each."""

from __future__ import annotations

import os
from typing import Final

import msgspec

from corral.job.bitmap import Bitmap
from corral.job.errors import AGAIN, JournalError
from corral.job.journal import Journal
from corral.job.lines import not_blank

_BUFFER: Final = 1 << 20


class _Index(msgspec.Struct, gc=False):
    index: int


def compact(journal: Journal) -> int:
    """Drop the superseded records of a finished journal, and tell how many they were.

    Temporary file, `fsync`, rename: a crash leaves the old file or the new one. Memory: a place in a dict for each input that
    stands there more than once.

    Fails: `JournalError`, for instance when the disk has no room for a second copy; the results stay as they were, sound.
    """
    later = _times_again(journal)
    if not later:
        return 0
    place = journal.path.resolve()  # a link stays one
    temporary = place.with_name(f"{place.name}.new")
    try:
        descriptor = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o666)
        try:
            os.fchmod(descriptor, journal.path.stat().st_mode & 0o7777)
            dropped = _copy_last(journal, descriptor, later)
            os.fsync(descriptor)
            journal.replace(temporary, descriptor)
        except BaseException:
            os.close(descriptor)
            temporary.unlink(missing_ok=True)
            raise
    except OSError as why:
        raise JournalError(
            f"{journal.path} holds records that later ones replace, and the file without them could not be written: "
            f"{why.strerror or why}. Nothing is lost: make room and ",
            AGAIN,
        ) from None
    return dropped


def _times_again(journal: Journal) -> dict[int, int]:
    """How many more records follow the first one, for each index that stands there more than once."""
    decode = msgspec.json.Decoder(_Index).decode
    seen, again = Bitmap(), dict[int, int]()
    with journal.path.open("rb", buffering=_BUFFER) as file:
        for line in not_blank(file):
            index = decode(line).index
            if not seen.add(index):
                again[index] = again.get(index, 0) + 1
    return again


def _copy_last(journal: Journal, descriptor: int, later: dict[int, int]) -> int:
    decode = msgspec.json.Decoder(_Index).decode
    dropped = 0
    with (
        journal.path.open("rb", buffering=_BUFFER) as file,
        os.fdopen(os.dup(descriptor), "wb", buffering=_BUFFER) as new,
    ):
        for line in not_blank(file):
            index = decode(line).index
            if later.get(index):
                later[index] -= 1
                dropped += 1
            else:
                new.write(line)
    return dropped
