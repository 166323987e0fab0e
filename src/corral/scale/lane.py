"""What runs over there in a lane: inputs through the same engine, as they come."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from typing import Any

from corral._calls import Call
from corral._engine import Run
from corral._failures import Failures
from corral.outcome import Ok
from corral.scale import parcel
from corral.scale.errand import Errand, errand_of
from corral.scale.home import Home, here
from corral.scale.link import Frames, LiveLink, Message
from corral.scale.settle import caught_elsewhere, packed


class LaneRun(Run):
    """Takes inputs as they are given, and says what came of each in the iteration of the loop in which that is known.

    Args:
        failures: Of a run that collects.
        fn: The function.
        say: Takes outcomes by number, how many inputs were started since, and how long the loop was busy since.
        busy: The clock of what is busy.
    """

    __slots__ = ("_busy", "_fed", "_last", "_outbox", "_said", "_say", "_ticking", "numbers")

    def __init__(
        self,
        failures: Failures,
        fn: Call,
        say: Callable[[list[tuple[int, Any]], int, float], None],
        busy: Callable[[], float],
    ) -> None:
        super().__init__(failures, fn, None)
        self.numbers: dict[int, int] = {}
        failures.numbers = self.numbers
        self.queue: deque[Any] | None = deque()
        self.pull: Callable[[], Any] = self.queue.popleft
        self._say = say
        self._busy = busy
        self._last = busy()
        self._outbox: list[tuple[int, Any]] = []
        self._fed = self._said = 0
        self._ticking = False

    def feed(self, numbers: Sequence[int], items: Sequence[Any]) -> None:
        """More inputs, and where each stands in the call."""
        assert self.queue is not None
        if self.closed:
            return
        for number in numbers:
            self.numbers[self._fed] = number
            self._fed += 1
        self.queue.extend(items)
        if not self.crew:
            self.hire(1)
        for _ in range(min(len(items), len(self.parked))):
            self.unpark()
        self.order_workers()
        self._tick_soon()

    def keep(self, index: int, item: Any, value: Any) -> None:
        """An input came back."""
        self.put(index, Ok(index, item, value))

    def put(self, index: int, outcome: Any) -> None:
        """An input is done."""
        self._outbox.append((self.numbers.pop(index), outcome))
        self._tick_soon()

    def caught(self, index: int, item: object, returned: object, error: BaseException) -> bool:
        """Takes down what an input raised."""
        outcome = caught_elsewhere(self, index, item, returned, error)
        if outcome is None:
            return super().caught(index, item, returned, error)
        self.put(index, outcome)
        return False

    def give_up(self) -> None:
        """Says of all that is not done that it will not be: of an exit the other side has to hear, not of a lane without a word."""
        self._outbox += [(number, None) for number in self.numbers.values()]
        self.numbers.clear()
        self.flush()

    def _tick_soon(self) -> None:
        if not self._ticking:
            self._ticking = True
            self.loop.call_soon(self._tick)

    def _tick(self) -> None:
        self._ticking = False
        self.flush()
        if self.started < self._fed and not self.closed:
            self._tick_soon()

    def flush(self) -> None:
        """Says what there is to say."""
        started = self.started - self._said
        if started or self._outbox:
            outbox, self._outbox = self._outbox, []
            now = self._busy()
            busy, self._last, self._said = now - self._last, now, self.started
            self._say(outbox, started, busy)


async def _serve(home: Home, errand: Errand, link: Frames | LiveLink, given: asyncio.Queue[Message]) -> None:
    """Runs what is given until the end is told, or the other side is gone."""
    pack = isinstance(link, Frames)

    def say(outbox: list[tuple[int, Any]], started: int, busy: float) -> None:
        link.say("out", [(number, packed(out)) for number, out in outbox] if pack else outbox, started, busy)

    async with AsyncExitStack() as stack:
        resource = None if errand.resource is None else await stack.enter_async_context(errand.resource())
        run = LaneRun(errand.failures(), errand.call(resource), say, home.busy)
        hearing = asyncio.ensure_future(_hear(run, link, given, pack=pack))
        try:
            await run.wait()
        finally:
            hearing.cancel()
            await asyncio.wait([hearing])
            run.flush()
        run.raise_verdict()
        run.give_up()


async def _hear(run: LaneRun, link: Frames | LiveLink, given: asyncio.Queue[Message], *, pack: bool) -> None:
    while True:
        message = await given.get()
        try:
            _obey(run, link, message, pack=pack)
        except Exception as exc:  # else nobody would hear any more, and the lane would never end
            run.bug(exc)


def _obey(run: LaneRun, link: Frames | LiveLink, message: Message, *, pack: bool) -> None:
    match message:
        case ("items", numbers, items):
            if not pack:
                run.feed(numbers, items)
                return
            try:
                unpacked = parcel.unpack(items)
            except Exception as exc:
                if len(numbers) > 1:
                    link.say("again", numbers)
                else:
                    link.say("out", [(numbers[0], parcel.pack_error(exc))], 0, 0.0)
            else:
                run.feed(numbers, unpacked)
        case ("end",):
            run.ended(None)
        case _:  # it is to stop, or nobody listens any more
            run.fail()  # once: a second cancellation would end the cleanup of what runs


def serve_live(errand: Errand, link: LiveLink) -> None:
    """A lane in another thread of the process of the verb."""
    home = here.home(uvloop=errand.uvloop)

    async def serve() -> None:
        given: asyncio.Queue[Message] = asyncio.Queue()
        link.open(given.put_nowait)
        try:
            await _serve(home, errand, link, given)
        except Exception as exc:
            link.say("refused", exc)
        finally:
            link.say("gone")

    home.runner.run(serve())


def serve_packed(key: str, errand: bytes, path: str, token: str) -> None:
    """A lane in another process of the machine of the verb."""

    async def serve() -> None:
        given: asyncio.Queue[Message] = asyncio.Queue()
        loop = asyncio.get_running_loop()
        try:
            _, link = await loop.create_unix_connection(lambda: Frames(lambda _, said: given.put_nowait(said)), path)
        except OSError:
            return  # the verb is over
        link.say("hello", token)
        try:
            await _serve(home, errand_of(key, errand), link, given)
        except Exception as exc:
            link.say("refused", parcel.pack_error(exc))
        finally:
            link.close()
            await link.lost  # what was said last has to be sent while the loop runs

    home = here.home(uvloop=_uvloop_there(key, errand))
    home.runner.run(serve())


def _uvloop_there(key: str, errand: bytes) -> bool:
    try:
        return errand_of(key, errand).uvloop
    except Exception:
        return False  # it is told over the link why the errand does not unpack
