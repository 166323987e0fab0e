"""What a lane and the process that feeds it say to each other: over a socket, or within one process.

    to the lane      ("items", numbers, packed)  ("end",)  ("stop",)
    from the lane    ("hello", token)  ("out", outcomes, started, busy)  ("again", numbers)  ("refused", fault)

The end of the connection is ("gone",) to either side. Frames are pickles of plain values behind their length.
"""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Final, Protocol, cast

from corral.scale import parcel

Message = tuple[Any, ...]
_LENGTH: Final = 8


class Port(Protocol):
    """The end of a link on the side that feeds."""

    @abstractmethod
    def give(self, numbers: Sequence[int], items: Any) -> None:
        """Gives inputs to the lane."""

    @abstractmethod
    def end(self) -> None:
        """No more inputs will come."""

    @abstractmethod
    def stop(self) -> None:
        """Cancel what runs, and end."""

    def close(self) -> None:
        """Nobody listens any more."""


class Frames(asyncio.Protocol):
    """One end of a connection. `heard` is called with each message."""

    def __init__(self, heard: Callable[[Frames, Message], None]) -> None:
        self.heard = heard
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._closed = False
        #: Done once the connection has ended.
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection stands."""
        self._transport = cast(asyncio.Transport, transport)
        if self._closed:
            self._transport.close()

    def data_received(self, data: bytes) -> None:
        """Bytes have come: none, one or several messages."""
        buffer = self._buffer
        buffer += data
        start = 0
        while len(buffer) - start >= _LENGTH:
            end = start + _LENGTH + int.from_bytes(buffer[start : start + _LENGTH], "big")
            if len(buffer) < end:
                break
            message = parcel.unpack(bytes(memoryview(buffer)[start + _LENGTH : end]))
            start = end
            self.heard(self, message)
        del buffer[:start]

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the signature is asyncio's
        """The connection has ended."""
        self._transport = None
        self.lost.set_result(None)
        self.heard(self, ("gone",))

    def say(self, *message: Any) -> None:
        """Sends a message; to nobody, if the other side is gone."""
        if self._transport is not None:
            packed = parcel.dumps(message)
            self._transport.write(len(packed).to_bytes(_LENGTH, "big") + packed)

    def close(self) -> None:
        """Ends the connection once what was said is sent; at once when it comes to stand only now."""
        self._closed = True
        if self._transport is not None:
            self._transport.close()

    def give(self, numbers: Sequence[int], items: Any) -> None:
        """Gives inputs to the lane."""
        self.say("items", numbers, items)

    def end(self) -> None:
        """No more inputs will come."""
        self.say("end")

    def stop(self) -> None:
        """Cancel what runs, and end."""
        self.say("stop")


class LiveLink:
    """Both ends of a link to a lane in another thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop, heard: Callable[[Any, Port, Message], None], lane: Any) -> None:
        self._loop = loop
        self._heard = heard
        self._lane = lane
        # Both are there from `open` on: until it has said hello nothing is told to the lane.
        self._there: asyncio.AbstractEventLoop
        self._heard_there: Callable[[Message], None]

    def open(self, heard: Callable[[Message], None]) -> None:
        """Called by the lane, in its thread."""
        self._there = asyncio.get_running_loop()
        self._heard_there = heard
        self.say("hello")

    def say(self, *message: Any) -> None:
        """Called by the lane, in its thread."""
        with suppress(RuntimeError):  # the loop is closed: nobody listens any more
            self._loop.call_soon_threadsafe(self._heard, self._lane, self, message)

    def _tell(self, *message: Any) -> None:
        with suppress(RuntimeError):  # likewise
            self._there.call_soon_threadsafe(self._heard_there, message)

    def give(self, numbers: Sequence[int], items: Any) -> None:
        """Gives inputs to the lane."""
        self._tell("items", numbers, items)

    def end(self) -> None:
        """No more inputs will come."""
        self._tell("end")

    def stop(self) -> None:
        """Cancel what runs, and end."""
        self._tell("stop")

    def close(self) -> None:
        """Nobody listens any more."""
        self._tell("gone")
