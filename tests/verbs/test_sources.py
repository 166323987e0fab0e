"""Sources: any iterable, pulled one by one; what they raise, what they set, and how they end."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar

import pytest

from corral import ItemCancelled, Ok, map_tg, stream_tg
from tests.children import Crowd, end_of, leaves, notes, returns, turns, waits
from tests.verbs.by_name import POLICIES, VERBS, run

var: ContextVar[str] = ContextVar("var", default="unset")


class Iterator:
    """An iterator that is no generator: pulled, and otherwise left alone."""

    def __init__(self, end: int = 1000) -> None:
        self.next, self.end = 0, end

    def __iter__(self):
        return self

    def __next__(self):
        if self.next == self.end:
            raise StopIteration
        self.next += 1
        return self.next - 1


def breaks_after(count: int, error: BaseException):
    yield from range(count)
    raise error


@VERBS
@pytest.mark.parametrize("count", [0, 1, 3])
async def test_failing_source_in_a_group(verb: str, count: int) -> None:
    """A source that raises stops the verb like a failing input; the note says how far it had come."""
    crowd = Crowd(after=50)
    error = OSError("gone")
    with pytest.raises(ExceptionGroup) as caught:
        await run(verb, crowd, breaks_after(count, error), limit=10)
    assert str(caught.value) == f"{verb}: the source failed (1 sub-exception)"
    assert caught.value.exceptions == (error,)
    assert notes(error) == [f"{verb}: the source failed after {count} input{'s' * (count != 1)}"]
    assert sorted(crowd.cancelled) == crowd.started == list(range(count))


@VERBS
async def test_failing_source_bare(verb: str) -> None:
    """Under `first` the source's failure comes bare."""
    error = OSError("gone")
    with pytest.raises(OSError, match="gone") as caught:
        await run(verb, returns, breaks_after(3, error), limit=1, on_error="first")
    assert caught.value is error


@VERBS
async def test_failing_source_under_collect(verb: str) -> None:
    """Under `collect` a failing source stops the pulling, and is raised once, bare, when what runs has finished."""
    crowd = Crowd(after=5)
    error = OSError("gone")
    with pytest.raises(OSError, match="gone") as caught:
        await run(verb, crowd, breaks_after(3, error), limit=10, on_error="collect")
    assert caught.value is error
    assert crowd.ended == [0, 1, 2]
    assert crowd.cancelled == []


async def test_stream_delivers_all_before_the_source_fails() -> None:
    """Under `collect` every outcome of what was pulled comes before the source's failure."""
    seen = []
    with pytest.raises(OSError, match="gone"):
        async with stream_tg(Crowd(), breaks_after(3, OSError("gone")), limit=10, on_error="collect") as results:
            async for outcome in results:
                seen.append(outcome)  # noqa: PERF401  # a comprehension would lose what came before the failure
    assert seen == [Ok(0, 0, 0), Ok(1, 1, 1), Ok(2, 2, 2)]


@VERBS
async def test_source_and_inputs_fail(verb: str) -> None:
    """Both are told in one group."""

    async def fails_in_cleanup(item):
        try:
            await waits([])
        finally:
            raise KeyError("cleanup")

    with pytest.raises(ExceptionGroup) as caught:
        await run(verb, fails_in_cleanup, breaks_after(1, OSError("gone")), limit=10)
    assert str(caught.value) == f"{verb}: 1 input failed and the source failed (2 sub-exceptions)"
    assert list(map(repr, caught.value.exceptions)) == ["OSError('gone')", "KeyError('cleanup')"]


@VERBS
async def test_iter_itself_raises(verb: str) -> None:
    """A source that cannot even be asked for its iterator is a failing source."""

    class Broken:
        def __iter__(self):
            raise OSError("no iterator")

    with pytest.raises(ExceptionGroup) as caught:
        await run(verb, returns, Broken(), limit=1)
    assert list(map(repr, caught.value.exceptions)) == ["OSError('no iterator')"]
    with pytest.raises(OSError, match="no iterator"):
        await run(verb, returns, Broken(), limit=1, on_error="collect")


@POLICIES
@VERBS
async def test_cancelled_error_out_of_a_source(verb: str, on_error: str) -> None:
    """A source that raises `CancelledError` cancels nobody: it is a failing source, as `ItemCancelled`."""
    with pytest.raises((ItemCancelled, ExceptionGroup)) as caught:
        await run(verb, returns, breaks_after(1, asyncio.CancelledError("mine")), limit=1, on_error=on_error)
    error = caught.value.exceptions[0] if on_error == "group" else caught.value
    assert str(error).startswith("the source was cancelled from inside")
    assert error.__cause__.args == ("mine",)


@VERBS
@pytest.mark.parametrize("how", ["end", "failure", "source", "cancel"])
async def test_generators_are_closed(verb: str, how: str) -> None:
    """A generator is closed when the verb ends, however it ends, after everything that runs has stopped."""
    log, crowd = [], Crowd(failing={5} if how == "failure" else ())

    def source():
        try:
            yield from range(10)
            if how == "source":
                raise OSError
            if how == "cancel":
                yield from range(10, 10**9)
        finally:
            log.append(f"closed, {crowd.running} running")

    task = asyncio.ensure_future(run(verb, crowd, source(), limit=3))
    if how == "cancel":
        await turns(20)
        task.cancel()
    error = await end_of(task)
    if how in {"end", "source"}:
        assert len(log) == 1  # it has run to its end while inputs went on
        assert (error is None) == (how == "end")
    else:
        assert log == ["closed, 0 running"]
        assert type(error) is (asyncio.CancelledError if how == "cancel" else ExceptionGroup)


@VERBS
async def test_other_iterators_are_left_where_they_stand(verb: str) -> None:
    """An iterator that is no generator is not closed: what has not been pulled is still there."""
    items = Iterator()
    with pytest.raises(ValueError, match="5"):
        await run(verb, Crowd(failing={5}), items, limit=1, on_error="first")
    assert next(items) == 6


async def test_a_generator_that_fails_while_it_is_closed() -> None:
    """What a generator raises when it is closed is a failure of the source, beside the one that ended the verb."""

    def source():
        try:
            yield from range(10)
        finally:
            raise OSError("while closing")

    with pytest.raises(ExceptionGroup) as caught:
        await map_tg(Crowd(failing={0}), source(), limit=1)
    assert list(map(repr, caught.value.exceptions)) == ["ValueError(0)", "OSError('while closing')"]


@VERBS
async def test_context_of_a_source(verb: str) -> None:
    """A source runs in a copy of the caller's context that no input shares: what it sets stays with it."""
    seen = []

    def source():
        seen.append(("source", var.get()))
        for n in range(4):
            var.set(f"source {n}")
            yield n
            seen.append(("source", var.get()))

    async def fn(item):
        seen.append(("input", var.get()))
        var.set(f"input {item}")
        await turns(1)

    token = var.set("caller")
    await run(verb, fn, source(), limit=1)
    assert var.get() == "caller"
    var.reset(token)
    assert set(seen) == {("source", "caller"), ("input", "caller"), *(("source", f"source {n}") for n in range(4))}


async def test_closing_has_the_context_too() -> None:
    """The `finally` of a generator sees what the generator has set."""
    seen = []

    def source():
        token = var.set("source")
        try:
            yield from range(10)
        finally:
            seen.append(var.get())
            var.reset(token)

    with pytest.raises(ExceptionGroup):
        await map_tg(Crowd(failing={2}), source(), limit=1)
    assert seen == ["source"]


@VERBS
async def test_a_source_that_calls_back_into_the_verb(verb: str) -> None:
    """A source may start verbs of its own over other inputs, and an input may read the same iterator."""
    inner = []

    def source():
        for n in range(3):
            inner.append(asyncio.ensure_future(run(verb, returns, range(n), limit=1)))
            yield n

    assert len(await run(verb, returns, source(), limit=2)) == 3
    assert [len(await task) for task in inner] == [0, 1, 2]
    items = iter(range(10))

    async def takes_one_more(item):
        await turns(1)
        return item, next(items, None)

    pairs = await map_tg(takes_one_more, items, limit=2)
    assert sorted(n for pair in pairs for n in pair if n is not None) == list(range(10))


async def test_one_source_for_two_verbs() -> None:
    """Two verbs that share an iterator share out its inputs: each is taken once."""
    items = Iterator(100)
    one, two = await asyncio.gather(map_tg(Crowd(), items, limit=3), map_tg(Crowd(), items, limit=3))
    assert sorted(one + two) == list(range(100))
    assert one == sorted(one)
    assert two == sorted(two)


async def test_length_is_only_asked_of_builtins() -> None:
    """`len()` of a source is not called: it may have to fetch what it counts, and may be wrong."""

    class Lies(list):
        def __len__(self):
            raise AssertionError("asked for its length")

        def __bool__(self):
            raise AssertionError("asked for its truth")

    assert await map_tg(returns, Lies([1, 2, 3]), limit=2) == [1, 2, 3]


class Fatal(BaseException):
    """An error that is no `Exception`."""


@POLICIES
async def test_a_fatal_error(on_error: str) -> None:
    """A source's error that is no `Exception` ends the verb at once, under `collect` too, where others let the rest go on."""
    log: list[str] = []

    def source():
        yield 0
        raise Fatal

    with pytest.raises(BaseException) as caught:
        await map_tg(lambda n: waits(log, n), source(), limit=2, on_error=on_error)
    assert list(map(type, leaves(caught.value))) == [Fatal]
    assert log == ["0 cancelled", "0 gone"]
