"""Lanes: calls that stay at the executor and are fed, for executors on this machine.

Each input's outcome comes back when it is there, and another takes its place: a slow one holds nobody back. A lane can be
told to stop, and ends by itself when this process does, since its connection does. An executor is shared, so a lane leaves
when there is nothing to do, and steps back in line when others wait for a worker.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from concurrent import futures
from concurrent.futures import Executor
from functools import partial
from itertools import chain
from math import ceil
from typing import Any, Final

from corral.scale import parcel
from corral.scale.elsewhere import Elsewhere, Sent
from corral.scale.errand import Errand
from corral.scale.folder import SocketFolder
from corral.scale.lane import serve_live, serve_packed
from corral.scale.link import Frames, LiveLink, Port
from corral.scale.pace import GROWTH, MOST, Cost
from corral.scale.pools import others_wait
from corral.scale.settle import settle_live, settle_packed

#: Seconds between two looks at whether a lane is idle, or had its turn while others wait.
_LOOK: Final = 0.05
_TURN: Final = 0.2


class Lane:
    """One call at the executor, as it is seen from here."""

    def __init__(self, window: int) -> None:
        #: There once the executor has taken it, before which nobody asks.
        self.future: futures.Future[Any]
        self.port: Port | None = None
        self.flying: dict[int, Sent] = {}
        self.cost: Cost = Cost()
        self.window: int = 1
        self._most = window
        self.opened: float = 0.0
        self.used: float = 0.0
        self.ending: bool = False
        self.gone: bool = False

    def room(self) -> int:
        """How many inputs more it may be given."""
        return 0 if self.port is None or self.ending else self.window - len(self.flying)

    def learn(self, started: int, busy: float) -> None:
        """It has started so many inputs, and was busy for so long."""
        self.cost.add(started, busy)
        self.window = max(1, min(self.cost.affordable(), self.window * GROWTH, self._most))


class Lanes(Elsewhere):
    """An executor on this machine."""

    turns_to_close = 4  # for the loop's own task of a connection that was just being accepted

    def __init__(self, errand: Errand, executor: Executor, limit: int | None, lanes: int, *, live: bool) -> None:
        super().__init__(errand, executor, limit, lanes, live=live)
        self._share = MOST if limit is None else ceil(limit / lanes)
        self._lanes: list[Lane] = []
        self._by_token: dict[str, Lane] = {}
        self._made = 0
        self._folder: SocketFolder | None = None
        self._server: asyncio.Server | None = None
        #: Links that have not ended, whether or not they have said which lane they are of.
        self._ports: set[Port] = set()
        self._timer: asyncio.TimerHandle | None = None

    async def open(self) -> None:
        """Listens for the lanes: on a socket in a folder that only this user can enter."""
        if self.live:
            return
        self._folder = SocketFolder()
        try:
            self._server = await self.loop.create_unix_server(self._accepted, self._folder.socket)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Nothing runs any more, or nobody waits for it."""
        if self._timer is not None:
            self._timer.cancel()
        for port in self._ports:  # a server that closes leaves the connections it has accepted open
            port.close()
        if self._server is not None:
            # A server closed while a connection is being accepted leaves that open for ever (gh-109564).
            self.loop.remove_reader(self._server.sockets[0])
            self.loop.call_soon(self._server.close)
        if self._folder is not None:
            self._folder.close()

    # Lanes come and go.

    def _start(self) -> None:
        lane = Lane(self._share)
        try:
            if self._folder is None:
                port = LiveLink(self.loop, self._heard, lane)
                lane.future = self.executor.submit(serve_live, self.errand, port)
            else:
                path = self._folder.socket
                self._made += 1
                token = f"{self.errand.key}-{self._made}"
                self._by_token[token] = lane
                lane.future = self.executor.submit(serve_packed, self.errand.key, self.packed, path, token)
        except Exception as exc:
            self.broken(exc, self.waiting)
            return
        self._lanes.append(lane)
        self.call(lane.future, self._ended, lane)
        if self._timer is None:
            self._timer = self.loop.call_later(_LOOK, self._look)

    def _accepted(self) -> Frames:
        frames = Frames(self._greeted)
        self._ports.add(frames)
        if self.over:
            frames.close()
        return frames

    def _greeted(self, frames: Frames, message: tuple[Any, ...]) -> None:
        """A connection says which lane it is of; it cannot know unless this process has told it."""
        lane = self._by_token.pop(str(message[1]), None) if message[0] == "hello" else None
        if lane is None:
            self._ports.discard(frames)
            frames.close()
            return
        frames.heard = partial(self._heard, lane)
        self._heard(lane, frames, message)

    def _heard(self, lane: Lane, port: Port, message: tuple[Any, ...]) -> None:
        match message:
            case ("hello", *_):
                lane.port = port
                self._ports.add(port)
                lane.opened = lane.used = self.loop.time()
                if self.over:
                    port.end()
            case ("out", outcomes, started, busy):
                self._take(lane, outcomes)
                lane.learn(started, busy)
            case ("again", numbers):  # one of them does not unpickle there: each by itself, and that one will say so
                for number in numbers:
                    self._give(lane, [lane.flying.pop(number)])
            case ("refused", error):
                self.broken(error if self.live else parcel.unpack_error(error))
            case _:  # the connection has ended
                lane.gone = True
                self._ports.discard(port)
                self._check(lane)
        self.ask()

    def _take(self, lane: Lane, outcomes: Sequence[tuple[int, Any]]) -> None:
        lane.used = self.loop.time()
        settle = settle_live if self.live else settle_packed
        for number, outcome in outcomes:
            sent = lane.flying.pop(number)
            if not sent.future.done():
                settle(sent.future, outcome)

    def _ended(self, future: futures.Future[Any], lane: Lane) -> None:
        error = futures.CancelledError() if future.cancelled() else future.exception()
        if error is not None:
            self.broken(error)
        self._check(lane)

    def _check(self, lane: Lane) -> None:
        """A lane that has ended has told all it had to tell once its connection has ended too."""
        if not lane.future.done() or (lane.port is not None and not lane.gone):
            return
        if lane in self._lanes:
            if lane.flying:
                # The connection's end may be heard before the executor's own error, which says more.
                error = None if lane.future.cancelled() else lane.future.exception()
                self.broken(error or RuntimeError("a worker has left without a word"))
            self._lanes.remove(lane)
        self.ask()

    def _look(self) -> None:
        self._timer = None
        now = self.loop.time()
        # A resource is entered once in each process: with one, lanes stay.
        if self.errand.resource is None:
            at_work = sum(lane.port is not None and not lane.gone for lane in self._lanes)
            crowded = others_wait(self.executor, len(self._lanes), at_work)
            for lane in self._lanes:
                if lane.port is None or lane.ending:
                    continue
                idle = not lane.flying and not self.waiting and now - lane.used >= _LOOK
                if idle or (crowded and now - lane.opened >= _TURN):
                    lane.ending = True
                    lane.port.end()  # of the lane when what it has is done
        if self._lanes and not self.over:
            self._timer = self.loop.call_later(_LOOK, self._look)

    # Sending.

    def send(self) -> None:
        """Gives what waits to the lanes that have least to do."""
        wanted = len(self.waiting) + sum(len(lane.flying) for lane in self._lanes)
        while sum(not lane.ending for lane in self._lanes) < min(self.lanes, wanted) and not self.over:
            before = len(self._lanes)
            self._start()
            if len(self._lanes) == before:
                return
        while self.waiting:
            free = [lane for lane in self._lanes if lane.room() > 0]
            if not free:
                return
            lane = min(free, key=lambda lane: len(lane.flying))
            self._give(lane, self.take_waiting(min(lane.room(), ceil(len(self.waiting) / len(free)))))

    def _give(self, lane: Lane, chunk: list[Sent]) -> None:
        port = lane.port
        assert port is not None
        items: Any
        if self.live:
            items = [sent.item for sent in chunk]
        else:
            chunk, items = self.pack_all(chunk)
        if chunk:
            lane.flying.update((sent.number, sent) for sent in chunk)
            lane.used = self.loop.time()
            port.give([sent.number for sent in chunk], items)

    def flying(self) -> Iterable[Sent]:
        """The inputs that are at the executor."""
        return chain.from_iterable(lane.flying.values() for lane in self._lanes)

    def recall(self) -> None:
        """Takes back the lanes that have not begun, and tells the others to stop."""
        for lane in self._lanes:
            if lane.port is not None:
                lane.ending = True
                lane.port.stop()
            else:
                self.take_back(lane.future)
