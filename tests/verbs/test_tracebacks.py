"""Tracebacks and reprs show the user's code: where the failure was, and who called the verb; the engine stays out of it."""

from __future__ import annotations

import asyncio
import traceback

import pytest

from corral import gather_tg, join_tg, map_tg, stream_tg
from tests.children import cancels_itself, leaves, others, returns, turns
from tests.verbs.by_name import POLICIES


async def deepest(_: object = None) -> None:
    await turns(1)
    raise ValueError("here")


async def outermost(_: object = None) -> None:
    await deepest()


async def streamed() -> None:
    async with stream_tg(outermost, range(3), limit=2) as results:
        await anext(results)


RUNS = {
    "gather_tg": lambda: gather_tg(outermost(), returns(1)),
    "gather_tg of many": lambda: gather_tg(outermost(), *others(6)),
    "join_tg": lambda: join_tg(outermost(), returns(1)),
    "map_tg": lambda: map_tg(outermost, range(3), limit=2),
    "map_tg with timeout": lambda: map_tg(outermost, range(3), limit=2, timeout=60),
    "stream_tg": streamed,
}


def frames(error: BaseException) -> list[str]:
    """The names of the functions in a traceback, outermost first."""
    return [frame.name for frame in traceback.extract_tb(error.__traceback__)]


@pytest.mark.parametrize("run", RUNS)
async def test_a_failure_shows_the_users_frames(run: str) -> None:
    """The traceback of a failure in a group begins in the input's own function and ends where it was raised."""
    with pytest.raises(ExceptionGroup) as caught:
        await RUNS[run]()
    for error in leaves(caught.value):
        assert frames(error) == ["outermost", "deepest"]


async def test_a_stored_error_too() -> None:
    """So does that of an `Err`."""
    (outcome,) = await map_tg(outermost, [1], limit=1, on_error="collect")
    assert frames(outcome.error) == ["outermost", "deepest"]


async def test_bare_errors_show_the_call_too() -> None:
    """A bare error shows the way from the caller's `await` and, below it, the input's own frames."""
    with pytest.raises(ValueError, match="here") as caught:
        await map_tg(outermost, [1], limit=1, on_error="first")
    names = frames(caught.value)
    assert names[0] == "test_bare_errors_show_the_call_too"
    assert names[-2:] == ["outermost", "deepest"]
    assert "work" not in names


async def test_a_cancellation_shows_where_it_struck() -> None:
    """The cause of `ItemCancelled` shows the input's frames."""
    (outcome,) = await map_tg(lambda _: cancels_itself(), [1], limit=1, on_error="collect")
    assert frames(outcome.error.__cause__)[0] == "cancels_itself"
    (outcome,) = await gather_tg(cancels_itself(), on_error="collect")
    assert frames(outcome.error.__cause__)[0] == "cancels_itself"


async def test_a_failing_source_shows_the_source() -> None:
    """The traceback of a failing source begins in the source."""

    def source():
        yield 1
        raise OSError

    async def async_source():
        yield 1
        raise OSError

    for items in (source, async_source):
        with pytest.raises(ExceptionGroup) as caught:
            await map_tg(returns, items(), limit=1)
        (error,) = leaves(caught.value)
        assert items.__name__ in frames(error)
        assert not {"work", "feed", "pull_all"} & set(frames(error))


@POLICIES
async def test_the_bug_is_in_fn(on_error: str) -> None:
    """The error about a plain function comes out at the call of the verb."""
    with pytest.raises(TypeError) as caught:
        await map_tg(lambda n: n, [1], limit=1, on_error=on_error)
    assert frames(caught.value)[0] == "test_the_bug_is_in_fn"


async def test_context_of_an_error_is_its_own() -> None:
    """The engine gives no error a `__context__` or `__cause__` that it had not."""
    (outcome,) = await map_tg(outermost, [1], limit=1, on_error="collect")
    assert outcome.error.__context__ is None
    with pytest.raises(ExceptionGroup) as caught:
        await gather_tg(outermost(), returns(1))
    assert caught.value.__context__ is None
    assert leaves(caught.value)[0].__context__ is None


async def test_a_task_shows_its_input() -> None:
    """The stack of a running Task shows where its input waits, as `asyncio.all_tasks()` and `Task.print_stack()` tell it."""
    release = asyncio.Event()

    async def fn(item):
        await release.wait()

    running = asyncio.ensure_future(map_tg(fn, range(2), limit=2))
    await turns(5)
    workers = asyncio.all_tasks() - {asyncio.current_task(), running}
    assert len(workers) == 2
    for worker in workers:
        coro, names = worker.get_coro(), []
        while coro is not None and hasattr(coro, "cr_code"):
            names.append(coro.cr_code.co_name)
            coro = coro.cr_await
        assert "fn" in names
    release.set()
    await running


async def test_what_is_printed() -> None:
    """What a user sees printed: the group, the note with the input, the line that raised."""
    with pytest.raises(ExceptionGroup) as caught:
        await map_tg(outermost, ["https://a"], limit=1)
    text = "".join(traceback.format_exception(caught.value))
    assert "ExceptionGroup: map_tg: 1 input failed (1 sub-exception)" in text
    assert "ValueError: here" in text
    assert "map_tg: input 0: 'https://a'" in text
    assert 'raise ValueError("here")' in text
    assert "_worker.py" not in text
