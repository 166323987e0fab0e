"""Where a job's inputs come from, and how it is told that they are still the same ones.

A file and a range are compared before anything starts: a file by the hash of its content, of which a beginning is enough,
so that it may grow at its end. What can only be streamed (standard input, a pipe, any Python iterable) is compared input
by input, as the recorded ones come past.
"""

from __future__ import annotations

from array import array
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator, Sized
from typing import Any, Literal, Protocol

import msgspec

from corral.job.bitmap import Bitmap
from corral.job.errors import OR_ELSE, JobError
from corral.job.record import canonical, shown

Kind = Literal["file", "range", "stream"]
Job = tuple[int, Any]  # an input with its index: what runs, and what is recorded, is told by it


class InputIdentity(msgspec.Struct, omit_defaults=True):
    """What tells an input from another one, as it stands in the `.corral` file.

    Args:
        kind: A file, a range, or a stream that can be read only once.
        name: As it was given; only for people.
        format: How a file or standard input is read.
        size: Bytes of the file (unpacked), or the length of the range.
        sha256: The hash of those bytes.
    """

    kind: Kind
    name: str = ""
    format: str | None = None
    size: int | None = None
    sha256: str | None = None


class Recorded:
    """What the results already hold, as the source needs it: which inputs to pass over, and what they were."""

    def __init__(self) -> None:
        self.done: Bitmap = Bitmap()
        self.hashes: array[int] | None = None  # of the recorded inputs, where the source is a stream
        self.look_up: Callable[[int], bytes | None] = lambda _: None

    def remember(self, index: int, value: bytes) -> None:
        """Keep what input `index` was: eight bytes of it."""
        hashes = self.hashes
        assert hashes is not None
        if index >= len(hashes):
            hashes.extend([0] * (index + 1 - len(hashes)))
        hashes[index] = hash(value)

    def compare(self, index: int, item: object) -> None:
        """Refuse an `item` that is not what was recorded at its index."""
        if self.hashes is not None and hash(_as_recorded(item)) != self.hashes[index]:
            before = self.look_up(index)
            was = "something else" if before is None else before.decode("utf-8", "replace")[:200]
            raise JobError(
                f"the input has changed: input {index} is {shown(item)} now, and was {was} in the results. "
                "Give the input that the results were begun with, ",
                *OR_ELSE,
            )


def _as_recorded(item: object) -> bytes:
    try:
        return canonical(item)
    except Exception:  # then its repr was recorded
        return canonical(shown(item))


class Source(Protocol):
    """The inputs of a job."""

    kind: Kind
    total: int | None

    def identify(self, before: InputIdentity | None) -> InputIdentity:
        """What tells this input from others; may take a while, and is called in a thread.

        Args:
            before: What it was when the results were begun.

        Fails: `JobError` when `before` is not a beginning of it.
        """
        ...

    def jobs(self, recorded: Recorded) -> Iterator[Job] | AsyncIterator[Job]:
        """Each input that is not recorded, with its index."""
        ...


class RangeSource:
    """`range:N`: the whole numbers from 0 to N - 1."""

    kind: Kind = "range"

    def __init__(self, size: int) -> None:
        self.total: int | None = size
        self._size = size

    def identify(self, before: InputIdentity | None) -> InputIdentity:
        """Its length; a longer one has grown."""
        if before is not None and before.kind == "range" and (before.size or 0) > self._size:
            raise changed(f"it is range:{self._size} now, and was range:{before.size}")
        return InputIdentity("range", f"range:{self._size}", size=self._size)

    def jobs(self, recorded: Recorded) -> Iterator[Job]:
        """The numbers."""
        done = recorded.done
        if not done:
            yield from zip(range(self._size), range(self._size), strict=True)
        for index in range(self._size if done else 0):
            if index not in done:
                yield index, index


class IterableSource:
    """Any Python iterable or async iterable: inputs as they come."""

    kind: Kind = "stream"

    def __init__(self, items: Iterable[Any] | AsyncIterable[Any]) -> None:
        self.total: int | None = len(items) if isinstance(items, Sized) else None
        self._items = items

    def identify(self, before: InputIdentity | None) -> InputIdentity:  # noqa: ARG002  # a stream is known by what comes past
        """Nothing can be told before it is iterated."""
        return InputIdentity("stream", type(self._items).__qualname__)

    def jobs(self, recorded: Recorded) -> Iterator[Job] | AsyncIterator[Job]:
        """Its items."""
        if isinstance(self._items, AsyncIterable):
            return self._async_jobs(self._items, recorded)
        return self._jobs(self._items, recorded)

    def _jobs(self, items: Iterable[Any], recorded: Recorded) -> Iterator[Job]:
        done = recorded.done
        index = -1
        for index, item in enumerate(items):
            if index in done:
                recorded.compare(index, item)
            else:
                yield index, item
        check_end(recorded, index + 1)

    async def _async_jobs(self, items: AsyncIterable[Any], recorded: Recorded) -> AsyncIterator[Job]:
        done = recorded.done
        index = -1
        async for item in items:
            index += 1
            if index in done:
                recorded.compare(index, item)
            else:
                yield index, item
        check_end(recorded, index + 1)


def check_end(recorded: Recorded, count: int) -> None:
    """Refuse a stream that ended before the last of the recorded inputs came past."""
    if recorded.done.end() > count:
        raise changed(f"it ended after {count:,} inputs, and the results hold input {recorded.done.end() - 1:,}")


def changed(how: str) -> JobError:
    """The refusal of an input that is not the one the results were begun with."""
    return JobError(
        f"the input has changed: {how}. Give the input that the results were begun with (it may have grown at its end), ",
        *OR_ELSE,
    )


def parse_range(text: str) -> RangeSource:
    """`range:N`. Fails: `JobError` when N is not a whole number from 1 up."""
    number = text.removeprefix("range:").replace("_", "")
    if not (number.isascii() and number.isdigit()) or int(number) < 1:
        raise JobError(f"expected range:N with a whole number N from 1 up, got {text!r}; for example range:1000")
    return RangeSource(int(number))
