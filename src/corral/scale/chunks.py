"""Chunks of inputs, each a call of its own: for executors that may be on other machines.

Such a call can be run again elsewhere when its worker dies, as Dask and Ray do. The price: outcomes come back when all of
a chunk are there, so chunks are kept short.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent import futures
from concurrent.futures import Executor
from contextlib import suppress
from itertools import chain
from typing import Any

from corral.scale import parcel
from corral.scale.chunk import Reply, run_packed
from corral.scale.elsewhere import Elsewhere, Sent
from corral.scale.errand import Errand
from corral.scale.home import leave_resource
from corral.scale.pace import Pace
from corral.scale.pools import can_take_back
from corral.scale.settle import settle_packed


class Chunks(Elsewhere):
    """An executor that is given one chunk after another."""

    def __init__(self, errand: Errand, executor: Executor, limit: int | None, lanes: int) -> None:
        super().__init__(errand, executor, limit, lanes, live=False)
        self._pace = Pace(limit, lanes, most_deep=2 if can_take_back(executor) else 1)
        self._chunks: dict[int, list[Sent]] = {}
        self._made = 0

    def send(self) -> None:
        """Sends chunks while there are slots."""
        while self.waiting and not self.over:
            free = self._pace.slots() - len(self._chunks)
            if free <= 0:
                return
            chunk = self.take_waiting(self._pace.size(len(self.waiting), free))
            if chunk:
                self._submit(chunk)

    def _submit(self, chunk: list[Sent]) -> None:
        errand = self.errand
        chunk, items = self.pack_all(chunk)
        if not chunk:
            return
        numbers = [sent.number for sent in chunk]
        try:
            future = self.executor.submit(run_packed, errand.key, self.packed, numbers, items)
        except Exception as exc:
            self.broken(exc, chunk)
            return
        self._made += 1
        self._chunks[self._made] = chunk
        self.call(future, self._ended, self._made)

    def _ended(self, future: futures.Future[Any], made: int) -> None:
        chunk = self._chunks.pop(made)
        if self.over:
            return
        error = futures.CancelledError() if future.cancelled() else future.exception()
        if error is not None:
            self.broken(error, chunk)
            return
        self._take(chunk, parcel.unpack(future.result()))
        self.ask()

    def _take(self, chunk: list[Sent], reply: Reply) -> None:
        if reply.again:  # an input among them does not unpickle there: each by itself, and that one will say so
            for sent in chunk:
                self._submit([sent])
            return
        if reply.refused is not None:
            self.broken(parcel.unpack_error(reply.refused), chunk)
            return
        self._pace.learn(len(chunk), reply.busy, reply.wall)
        for sent, outcome in zip(chunk, reply.outcomes, strict=True):
            if not sent.future.done():
                settle_packed(sent.future, outcome)

    def flying(self) -> Iterable[Sent]:
        """The inputs that are at the executor."""
        return chain.from_iterable(self._chunks.values())

    def recall(self) -> None:
        """Takes back the chunks that have not begun; what runs cannot be told to stop."""
        if can_take_back(self.executor):
            for future in tuple(self.calls):
                self.take_back(future)
        if self.errand.resource is not None:
            for number in range(self.lanes):
                with suppress(Exception):  # an executor that takes nothing any more has nobody who keeps anything
                    key = self.errand.key
                    future = self.executor.submit(leave_resource, key, number, uvloop=self.errand.uvloop)
                    self.call(future, _left)


def _left(_: futures.Future[Any]) -> None:
    """Nobody is told how that went, but it is waited for."""
