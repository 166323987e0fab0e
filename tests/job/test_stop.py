"""Ending early, as far as that can be told without a process that ends."""

from __future__ import annotations

import asyncio
import signal
import threading

import pytest

from corral.job import stop as module
from corral.job.stop import Stop, to_its_end
from tests.job.waiting import cancelled_meanwhile


async def test_asked_before_it_is_armed():
    """A stop that was asked for before there was anything to stop ends it as soon as there is."""
    stop = Stop(grace=1000.0)
    stop.ask("SIGTERM")
    scope = asyncio.timeout(None)
    with pytest.raises(TimeoutError):
        async with scope:
            stop.arm(scope, lambda: True, lambda: None)
            await asyncio.Event().wait()
    assert stop.reason == "SIGTERM"


async def test_first_reason_counts():
    """What is asked for later changes neither the reason nor the grace that is running."""
    stop = Stop(grace=1000.0)
    async with asyncio.timeout(None) as scope:
        stop.arm(scope, lambda: False, lambda: None)
        stop.ask("max-failures")
        until = scope.when()
        stop.ask("SIGINT")
        assert scope.when() == until
        stop.disarm()
        scope.reschedule(None)
    assert stop.reason == "max-failures"


async def test_at_once():
    """A file that can no longer be written ends the run without grace, and where nothing runs it starts nothing."""
    stop = Stop(grace=1000.0)
    stop.at_once()
    assert (stop.asked, stop.reason) == (True, None)
    stop = Stop(grace=1000.0)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(None) as scope:
            stop.arm(scope, lambda: False, lambda: None)
            stop.at_once()
            await asyncio.Event().wait()


async def test_what_must_end_ends_though_cancelled():
    """Who is cancelled while the results are being finished waits for that before it passes the cancellation on."""
    begun, free, done = threading.Event(), threading.Event(), []

    def finish():
        begun.set()
        free.wait(20)
        done.append(True)

    waiting = asyncio.ensure_future(to_its_end(finish))
    await cancelled_meanwhile(waiting, begun, free)
    assert done


def test_third_signal(monkeypatch):
    """The second signal asks the loop to end the process, and gives it a second; the third one does not wait for that."""
    asked, late, ended = [], [], []

    class Loop:
        def call_soon_threadsafe(self, call, *args):
            asked.append((call.__name__, *args))

    class Timer:
        def __init__(self, seconds, call, args):
            late.append((seconds, call, args))

        def start(self):
            assert self.daemon  # it must not hold up an end that comes sooner

    monkeypatch.setattr(module.threading, "Timer", Timer)
    monkeypatch.setattr(module, "_exit", ended.append)
    with Stop(grace=1000.0).on_signals(Loop()):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGINT):
            signal.raise_signal(number)
    assert asked == [("_heard", "SIGINT"), ("end_process", 143)]
    assert late == [(1.0, module._exit, (143,))]
    assert ended == [130]
