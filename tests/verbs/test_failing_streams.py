"""What a stream does with failures before its block is left."""

from __future__ import annotations

import pytest

from corral import Ok, stream_tg
from tests.children import Crowd, fails, notes, returns, turns, waits
from tests.verbs.by_name import POLICIES


async def taken(stream) -> tuple[list, BaseException | None]:
    """All that a consumer sees: the outcomes, and the error that ended them."""
    outcomes = []
    try:
        async with stream as results:
            async for outcome in results:
                outcomes.append(outcome)  # noqa: PERF401  # a comprehension would lose what came before the failure
    except Exception as exc:
        return outcomes, exc
    return outcomes, None


@pytest.mark.parametrize("after", [0, 1])
async def test_what_is_next_comes_first(after: int) -> None:
    """Outcomes that are already next in order come before the error; what was ready behind it goes with it."""
    outcomes, error = await taken(stream_tg(Crowd(after, failing={3}), range(10), limit=1))
    assert outcomes == [Ok(n, n, n) for n in range(3)]
    assert isinstance(error, ExceptionGroup)
    assert notes(error.exceptions[0]) == ["stream_tg: input 3: 3"]
    assert str(error) == "stream_tg: 1 input failed (1 sub-exception)"


async def test_a_slow_consumer_sees_all_that_was_before() -> None:
    """The same when the failure came long before the consumer asked."""
    async with stream_tg(Crowd(failing={4}), range(10), limit=2, buffer=8) as results:
        await turns(30)
        seen = [(await anext(results)).value for _ in range(4)]
        with pytest.raises(ExceptionGroup):
            await anext(results)
    assert seen == [0, 1, 2, 3]


async def test_as_ready() -> None:
    """As they are ready, everything that had finished comes before the error."""

    async def fn(item):
        await turns(item)
        if item == 5:
            raise ValueError(item)
        return item

    outcomes, error = await taken(stream_tg(fn, [1, 9, 5, 2, 3], limit=None, ordered=False))
    assert [outcome.value for outcome in outcomes] == [1, 2, 3]
    assert isinstance(error, ExceptionGroup)


async def test_first() -> None:
    """`first`: the failure comes bare out of the iteration."""
    outcomes, error = await taken(stream_tg(Crowd(failing={2}), range(10), limit=1, on_error="first"))
    assert len(outcomes) == 2
    assert repr(error) == "ValueError(2)"


async def test_raised_when_all_have_stopped() -> None:
    """The error comes when everything that ran has stopped, slow cleanups included."""
    log: list[str] = []

    async def fn(item):
        if item == 1:
            await fails(ValueError(), 3)
        await waits(log, item, cleanup=5)

    async with stream_tg(fn, range(3), limit=3) as results:
        with pytest.raises(ExceptionGroup):
            await anext(results)
        assert sorted(log) == ["0 cancelled", "0 gone", "2 cancelled", "2 gone"]


@POLICIES
@pytest.mark.parametrize("kind", [StopIteration, StopAsyncIteration])
async def test_a_failure_that_looks_like_the_end(on_error: str, kind: type[Exception]) -> None:
    """An input that raises `StopAsyncIteration` or `StopIteration` has failed: the stream does not just end there."""

    def fn(item):
        if item == 1:
            raise kind("of an input")
        return returns(item)

    outcomes, error = await taken(stream_tg(fn, range(3), limit=1, on_error=on_error))
    if on_error == "collect":
        assert error is None
        assert repr(outcomes[1].error) == f"{kind.__name__}('of an input')"
    elif on_error == "group":
        assert list(map(repr, error.exceptions)) == [f"{kind.__name__}('of an input')"]
    else:
        assert type(error) is RuntimeError
        assert repr(error.__cause__) == f"{kind.__name__}('of an input')"


async def test_a_source_that_looks_like_the_end() -> None:
    """The same of a source."""

    def source():
        yield 0
        raise StopAsyncIteration("of the source")

    for on_error in ("first", "collect"):
        outcomes, error = await taken(stream_tg(returns, source(), limit=1, on_error=on_error))
        assert len(outcomes) == 1
        assert type(error) is RuntimeError
        assert repr(error.__cause__) == "StopAsyncIteration('of the source')"


async def test_bug_in_fn() -> None:
    """A `fn` that returns no awaitable ends the stream under every policy, after what was next."""
    for on_error in ("group", "first", "collect"):
        outcomes, error = await taken(
            stream_tg(lambda n: n if n == 2 else returns(n), range(5), limit=1, on_error=on_error)
        )
        assert [outcome.value for outcome in outcomes] == [0, 1]
        assert type(error) is TypeError
