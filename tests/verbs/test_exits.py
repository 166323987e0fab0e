"""`SystemExit` and `KeyboardInterrupt` leave through the loop at once, as in asyncio, under every policy, from wherever they come."""

from __future__ import annotations

import asyncio
import gc
from contextlib import suppress

import pytest

from corral import map_tg
from corral._supervision import anchored
from tests.children import fails, returns, turns, waits
from tests.verbs.by_name import POLICIES, VERBS, run

EXITS = pytest.mark.parametrize("exit_", [SystemExit, KeyboardInterrupt])


def leaving(loop_factory, verb: str, fn, items, **kwargs) -> tuple[BaseException | None, list[str]]:
    """What leaves the runner of a program that does nothing else, and what its loop was told."""
    told: list[str] = []

    async def main():
        asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(repr(context.get("exception"))))
        await run(verb, fn, items, **kwargs)

    raised = None
    try:
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            runner.run(main())
    except BaseException as exc:  # which one is the question
        raised = exc.with_traceback(None)
    gc.collect()
    assert not anchored
    return raised, told


@VERBS
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

    raised, told = leaving(loop_factory, verb, fn, range(9), limit=3, on_error=on_error)
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

    raised, told = leaving(loop_factory, verb, fn, range(3), limit=2)
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
        raised, told = leaving(loop_factory, verb, lambda n: returns(n, 3), items(), limit=3, on_error=on_error)
        assert type(raised) is exit_
        assert told == []


@VERBS
@EXITS
def test_no_other_error_is_lost(loop_factory, verb: str, exit_) -> None:
    """Errors that came before it, or in cleanups, are told to the loop: an exit is rarely printed."""

    async def fn(item):
        match item:
            case 0:
                await fails(ValueError("before"), 3)
            case 1:
                try:
                    await waits([])
                finally:
                    raise exit_(7)

    raised, told = leaving(loop_factory, verb, fn, range(2), limit=2)
    assert type(raised) is exit_
    assert told == ["ValueError('before')"]


@VERBS
def test_an_exit_meets_an_exit(loop_factory, verb: str) -> None:
    """Two exits at the same time: one of them leaves, nothing hangs."""
    raised, _ = leaving(loop_factory, verb, lambda n: fails(SystemExit(n), 2), range(2), limit=2)
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
