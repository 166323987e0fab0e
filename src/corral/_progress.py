"""Progress, told at most ten times a second by a timer: inputs themselves pay nothing for it."""

from __future__ import annotations

import asyncio
import importlib
from abc import abstractmethod
from collections.abc import Iterable, Sized
from typing import Any, Final, Protocol

_EVERY: Final = 0.1


class SupportsUpdate(Protocol):
    """A progress bar: `tqdm`, or anything else with `update(n)`."""

    def update(self, n: int, /) -> object:
        """`n` more inputs are done."""


class Progressing(Protocol):
    """A run, as far as progress goes."""

    loop: asyncio.AbstractEventLoop

    @abstractmethod
    def finished(self) -> int:
        """How many inputs are done."""

    def bug(self, error: BaseException) -> None:
        """Something that is not an input has failed."""


class Progress:
    """Tells a bar how many inputs are done, while a run goes on."""

    __slots__ = ("_bar", "_ours", "_run", "_timer", "_told")

    def __init__(self, verb: str, progress: bool | SupportsUpdate, items: Any) -> None:
        self._ours = progress is True
        self._bar: Any = _tqdm(verb, items) if progress is True else progress
        self._told = 0
        self._run: Progressing | None = None
        self._timer: asyncio.TimerHandle | None = None

    def start(self, run: Progressing) -> None:
        """From now on, until `stop`."""
        self._run = run
        self._timer = run.loop.call_later(_EVERY, self._tell_and_go_on)

    def _tell_and_go_on(self) -> None:
        run = self._run
        assert run is not None  # `stop` has cancelled the timer
        self._timer = run.loop.call_later(_EVERY, self._tell_and_go_on)
        try:
            self._tell(run)
        except Exception as exc:
            self._stop_timer()
            run.bug(exc)

    def _tell(self, run: Progressing) -> None:
        done = run.finished()
        if done > self._told:
            more, self._told = done - self._told, done
            self._bar.update(more)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def stop(self) -> None:
        """The run is over: tells the rest, and closes the bar if it is ours."""
        run, self._run = self._run, None
        ticking = self._timer is not None
        self._stop_timer()
        try:
            if run is not None and ticking:
                self._tell(run)
        finally:
            if self._ours:
                self._bar.close()


def _tqdm(verb: str, items: Iterable[Any] | Any) -> Any:
    try:
        auto = importlib.import_module("tqdm.auto")
    except ImportError as exc:
        raise ImportError(
            f"{verb}: progress=True needs tqdm: pip install 'corral[tqdm]', or pass any object with update(n)"
        ) from exc
    return auto.tqdm(total=len(items) if isinstance(items, Sized) else None, desc=verb)
