"""`SystemExit`, `KeyboardInterrupt` and Ctrl-C end a program as in asyncio, under every policy, from wherever they come."""

from __future__ import annotations

import asyncio
import functools
import gc
import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest

from corral import gather_tg, map_tg
from corral._supervision import anchored
from tests.children import fails, others, returns, turns, waits
from tests.verbs.by_name import BESIDE, POLICIES, VERBS, run

ALL_VERBS = pytest.mark.parametrize("verb", ["map_tg", "stream_tg", "gather_tg", "gather_tg of many"])
EXITS = pytest.mark.parametrize("exit_", [SystemExit, KeyboardInterrupt])


def leaving(loop_factory, main: Callable[[], Awaitable[object]]) -> tuple[BaseException | None, list[str]]:
    """What leaves the runner of a program, and what its loop was told."""
    told: list[str] = []

    async def listened():
        asyncio.get_running_loop().set_exception_handler(
            lambda _, context: told.append(f"{context['message']}: {context.get('exception')!r}")
        )
        await main()

    raised = None
    try:
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            runner.run(listened())
    except BaseException as exc:  # which one is the question
        raised = exc.with_traceback(None)
    gc.collect()
    assert not anchored
    return raised, told


async def three(verb: str, fn, on_error: str = "group") -> None:
    """Three inputs side by side; behind those of a map or a stream stand more."""
    if verb == "gather_tg of many":
        await gather_tg(*map(fn, range(3)), *others(6), on_error=on_error)
    else:
        await run(verb, fn, range(3 if verb == "gather_tg" else 9), limit=3, on_error=on_error)


@ALL_VERBS
@EXITS
@POLICIES
@pytest.mark.parametrize("after", [0, 2])
def test_from_an_input(loop_factory, verb: str, exit_, on_error: str, after: int) -> None:
    """An input's exit ends the program; what runs is cancelled and ends; nothing is reported besides."""
    log: list[str] = []

    async def fn(item):
        if item == 2:
            await turns(after)
            raise exit_(7)
        await waits(log, item)

    raised, told = leaving(loop_factory, lambda: three(verb, fn, on_error))
    assert type(raised) is exit_
    assert raised.args == (7,)
    assert told == []
    assert sorted(log) == ["0 cancelled", "0 gone", "1 cancelled", "1 gone"]


@VERBS
@EXITS
def test_from_a_plain_call(loop_factory, verb: str, exit_) -> None:
    """The same where `fn` raises before there is anything to await."""

    def fn(item):
        raise exit_(7)

    raised, told = leaving(loop_factory, lambda: run(verb, fn, range(3), limit=2))
    assert (type(raised), told) == (exit_, [])


@VERBS
@EXITS
@POLICIES
@pytest.mark.parametrize("after", [0, 2])
def test_from_a_source(loop_factory, verb: str, exit_, on_error: str, after: int) -> None:
    """The same where a sync or async source raises it."""

    def source():
        yield from range(after)
        raise exit_(7)

    async def async_source():
        for n in range(after):
            yield n
        raise exit_(7)

    for items in (source, async_source):
        main = functools.partial(run, verb, lambda n: returns(n, 3), items(), limit=3, on_error=on_error)
        raised, told = leaving(loop_factory, main)
        assert type(raised) is exit_
        assert told == []


@ALL_VERBS
@EXITS
def test_no_other_error_is_lost(loop_factory, verb: str, exit_) -> None:
    """Errors that came before it, or in cleanups, are told to the loop: an exit is rarely printed (gh-135736)."""

    async def fn(item):
        match item:
            case 0:
                await fails(ValueError("before"), 3)
            case 1:
                try:
                    await waits([])
                finally:
                    raise exit_(7)

    raised, told = leaving(loop_factory, lambda: three(verb, fn))
    assert type(raised) is exit_
    name = verb.partition(" ")[0]
    assert told == [f"{name}: ValueError while the program was leaving: ValueError('before')"]


@VERBS
@EXITS
def test_nor_where_a_source_exits(loop_factory, verb: str, exit_) -> None:
    """The same of a cleanup that fails because a source has ended the program."""

    async def fn(item):
        try:
            await waits([])
        finally:
            raise ValueError("cleanup")

    async def source():
        yield 0
        await turns(2)
        raise exit_(7)

    raised, told = leaving(loop_factory, lambda: run(verb, fn, source(), limit=2))
    assert type(raised) is exit_
    assert told == [f"{verb}: ValueError while the program was leaving: ValueError('cleanup')"]


@VERBS
def test_an_exit_meets_an_exit(loop_factory, verb: str) -> None:
    """Two exits at the same time: one of them leaves, nothing hangs."""
    raised, _ = leaving(loop_factory, lambda: run(verb, lambda n: fails(SystemExit(n), 2), range(2), limit=2))
    assert type(raised) is SystemExit


@EXITS
def test_the_loop_can_go_on(loop_factory, exit_) -> None:
    """A loop that somebody runs again after an exit is a sound one: verbs work on it."""
    loop = loop_factory()
    with pytest.raises(exit_):
        loop.run_until_complete(map_tg(lambda _: fails(exit_(7)), range(3), limit=2))
    with suppress(exit_):  # the verb's caller gets it too, once all has stopped
        loop.run_until_complete(turns(5))
    assert loop.run_until_complete(map_tg(returns, range(10), limit=3)) == list(range(10))
    assert not anchored
    loop.close()


@EXITS
def test_the_caller_is_told_of_a_source_too(loop_factory, exit_) -> None:
    """Where the loop goes on after a source's exit, the verb raises it: it has no result to give."""

    async def source():
        yield 0
        raise exit_(7)

    loop = loop_factory()
    caller = loop.create_task(map_tg(returns, source(), limit=2))
    with pytest.raises(exit_):
        loop.run_until_complete(turns(20))
    with suppress(exit_):
        loop.run_until_complete(turns(20))
    assert caller.done()
    assert type(caller.exception()) is exit_
    loop.close()


@BESIDE
def test_interrupt_after_a_caught_failure(loop_factory, beside: int) -> None:
    """After a caught failure, Ctrl-C still arrives as `KeyboardInterrupt` (gh-116720)."""

    async def main():
        try:
            await gather_tg(fails(ValueError(), 1), *others(beside))
        except* ValueError:
            pass
        signal.raise_signal(signal.SIGINT)
        await asyncio.sleep(5)

    raised, told = leaving(loop_factory, main)
    assert type(raised) is KeyboardInterrupt
    assert told == []


@ALL_VERBS
def test_interrupt(loop_factory, verb: str) -> None:
    """Ctrl-C while a verb runs: everything is cancelled and awaited, and `KeyboardInterrupt` leaves the program."""
    log: list[str] = []

    async def child(item):
        if item == 2:
            await turns(3)
            signal.raise_signal(signal.SIGINT)
        await waits(log, item, cleanup=3)

    raised, told = leaving(loop_factory, lambda: three(verb, child))
    assert type(raised) is KeyboardInterrupt
    assert told == []
    assert sorted(log) == sorted(f"{n} {what}" for n in range(3) for what in ("cancelled", "gone"))


def test_second_interrupt(loop_factory) -> None:
    """A second Ctrl-C always works, whatever the children do with the first."""
    struck = 0

    async def stubborn():
        nonlocal struck
        await turns(3)
        signal.raise_signal(signal.SIGINT)
        while struck < 1:
            try:
                await turns(1)
            except asyncio.CancelledError:
                struck += 1
        signal.raise_signal(signal.SIGINT)  # at once, out of whatever runs
        await asyncio.sleep(5)

    async def main():
        await gather_tg(stubborn(), waits([]))

    raised, _ = leaving(loop_factory, main)
    assert type(raised) is KeyboardInterrupt
    assert struck == 1
