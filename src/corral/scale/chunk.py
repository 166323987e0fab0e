"""What runs over there: a chunk of inputs through the same engine, in a loop that its thread keeps."""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter
from typing import Any, NamedTuple

from corral._results import ListRun
from corral.scale import parcel
from corral.scale.errand import Errand, errand_of
from corral.scale.home import Home, here
from corral.scale.settle import caught_elsewhere, packed


class Reply(NamedTuple):
    """What comes back of a chunk.

    Args:
        outcomes: For each input a value, `parcel.Fault` or the like, as `packed` makes them.
        refused: Why none of them could run.
        again: Whether one of the inputs did not unpack: they have to be sent one by one.
        busy: Seconds that the loop did not wait.
        wall: Seconds in all.
    """

    outcomes: list[Any]
    refused: Any = None
    busy: float = 0.0
    wall: float = 0.0
    again: bool = False


class ChunkRun(ListRun):
    """A run that collects everything, also what would end the verb: the verb is elsewhere."""

    __slots__ = ()

    def caught(self, index: int, item: object, returned: object, error: BaseException) -> bool:
        """Takes down what an input raised."""
        outcome = caught_elsewhere(self, index, item, returned, error)
        if outcome is None:
            return super().caught(index, item, returned, error)
        self.put(index, outcome)
        return False


async def _run(home: Home, errand: Errand, numbers: Sequence[int], items: list[Any]) -> list[Any]:
    resource = None if errand.resource is None else await home.resource(errand.key, errand.resource)
    failures = errand.failures()
    failures.numbers = numbers
    run = ChunkRun(failures, errand.call(resource), items, None)
    run.start(items)
    return await run.all()


def run_packed(key: str, errand: bytes, numbers: Sequence[int], items: bytes) -> bytes:
    """Runs inputs that came from another process, in the loop of this thread, and packs what came of them."""
    return parcel.dumps(_run_packed(key, errand, numbers, items))


def _run_packed(key: str, packed_errand: bytes, numbers: Sequence[int], packed_items: bytes) -> Reply:
    try:
        errand = errand_of(key, packed_errand)
        home = here.home(uvloop=errand.uvloop)
    except Exception as exc:
        return Reply([], parcel.pack_error(exc))
    try:
        items = parcel.unpack(packed_items)
    except Exception as exc:
        return Reply([], again=True) if len(numbers) > 1 else Reply([parcel.pack_error(exc)])
    start, busy = perf_counter(), home.busy()
    try:
        outcomes = home.runner.run(_run(home, errand, numbers, items))
    except Exception as exc:
        return Reply([], parcel.pack_error(exc))
    return Reply([packed(outcome) for outcome in outcomes], None, home.busy() - busy, perf_counter() - start)
