"""How many inputs make a chunk, and how many chunks a lane: learned from what inputs cost over there."""

from __future__ import annotations

from math import ceil
from typing import Final

#: Seconds of work that a chunk aims at: failures, progress and Ctrl-C wait for it.
AIM: Final = 0.1
#: Most inputs of a chunk, or in a lane, where there is no limit; and how fast it comes to that.
MOST: Final = 4096
GROWTH: Final = 8


class Cost:
    """Seconds of work for an input, where the latest counts most."""

    def __init__(self) -> None:
        self._inputs = self._busy = 0.0

    def add(self, inputs: int, busy: float) -> None:
        """So many inputs were begun, and so many seconds worked, since the last time."""
        if inputs:
            self._inputs *= 0.7
            self._busy *= 0.7
        self._inputs += inputs
        self._busy += busy

    def affordable(self) -> int:
        """How many inputs make twice the seconds that are aimed at: one part is at work, the other at hand."""
        return int(2 * AIM * self._inputs / self._busy) if self._busy > 0 else MOST


class Pace:
    """The size of the next chunk.

    Args:
        limit: Of the verb.
        lanes: How many chunks run at the same time.
        most_deep: How many chunks a lane may have, at most.
    """

    def __init__(self, limit: int | None, lanes: int, most_deep: int) -> None:
        self._limit = limit
        self._lanes = lanes
        self._cost: float | None = None
        self._size = 1
        #: Chunks for each lane: a second one is at hand when the first is done, unless inputs wait more than they work.
        self.depth: int = most_deep
        self._most_deep = most_deep

    def learn(self, count: int, busy: float, wall: float) -> None:
        """Takes down what a chunk of `count` inputs cost: seconds of work, and seconds in all."""
        cost = busy / count
        self._cost = cost if self._cost is None else (self._cost + cost) / 2
        self._size = max(1, min(int(AIM / max(self._cost, 1e-9)), self._size * GROWTH, MOST))
        self.depth = 1 if wall > 4 * busy and wall > AIM / 10 else self._most_deep

    def slots(self) -> int:
        """How many chunks may be at the executor."""
        return self._lanes * self.depth

    def size(self, waiting: int, free: int) -> int:
        """How many of the inputs that wait the next chunk takes, with so many slots free: an even share, and no more than the pace."""
        most = self._size if self._limit is None else min(self._size, ceil(self._limit / self.slots()))
        return max(1, min(most, ceil(waiting / free)))
