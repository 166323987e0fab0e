"""What is a failure of an input, and what is a bug in the code: that leaves bare, under every policy."""

from __future__ import annotations

import asyncio

import pytest

from corral import map_tg
from corral._failures import Failures
from tests.children import returns
from tests.verbs.by_name import POLICIES, VERBS, run


@VERBS
@POLICIES
@pytest.mark.parametrize("timeout", [None, 60.0])
async def test_fn_returns_no_awaitable(verb: str, on_error: str, timeout: float | None) -> None:
    """It is a bug, not a bad input: under every policy a bare `TypeError` that names input, value and cure."""

    def plain(item):
        return item * 2

    with pytest.raises(TypeError) as caught:
        await run(verb, plain, ["ab"], limit=1, on_error=on_error, timeout=timeout)
    assert str(caught.value) == (
        f"{verb}: fn must return an awaitable, but for input 0: 'ab' it returned 'abab' (str).\n"
        "Is it a plain function? Write `async def`, or have it run in threads:\n"
        f"  {verb}(functools.partial(asyncio.to_thread, fn), ...)"
    )


async def test_type_error_of_an_input_is_its_own() -> None:
    """A `TypeError` that an input raises itself is a failure of that input like any other."""

    async def bad(item):
        return item + 1

    async def awaits_nonsense(item):
        await item

    async def takes_none():
        """Its call fails."""

    class NoIterator:
        def __await__(self):
            return 1

    def gives_no_iterator(item):
        return NoIterator()

    for fn in (bad, awaits_nonsense, takes_none, gives_no_iterator):
        (outcome,) = await map_tg(fn, ["a"], limit=1, on_error="collect")
        assert type(outcome.error) is TypeError
        assert "must return an awaitable" not in str(outcome.error)


async def test_a_call_that_fails_is_an_input_that_fails() -> None:
    """What a plain `fn` raises before it has an awaitable to return is the failure of that input."""

    def picky(item):
        if item < 2:
            return returns(item)
        raise ValueError(item)

    outcomes = await map_tg(picky, range(3), limit=1, on_error="collect")
    assert [type(outcome).__name__ for outcome in outcomes] == ["Ok", "Ok", "Err"]


async def test_the_first_bug_leaves_bare_and_the_others_with_it() -> None:
    """Two mistakes in the code: the first is raised as it is, and the second is not lost, it hangs on the first as its cause."""
    failures = Failures("map_tg", "group", show_items=True)
    first, second = TypeError("first"), RuntimeError("second")
    failures.of_code(first)
    failures.of_code(second)
    assert failures.verdict(asyncio.get_running_loop()) is first
    assert isinstance(first.__cause__, ExceptionGroup)
    assert first.__cause__.exceptions == (second,)
    assert first.__cause__.message == "map_tg: more went wrong in the code"
    assert failures.verdict(asyncio.get_running_loop()) is None


@VERBS
@pytest.mark.virtual_time
async def test_a_bar_that_fails_while_inputs_clean_up(verb: str) -> None:
    """So it is where a bar raises while the inputs clean up after a `fn` that returned no awaitable."""

    class Broken:
        def update(self, n):
            raise OSError("bar")

    async def slow_to_go():
        try:
            await asyncio.sleep(3600)
        finally:
            await asyncio.sleep(1)

    with pytest.raises(TypeError) as caught:
        await run(verb, lambda n: slow_to_go() if n == 0 else n, range(9), limit=2, progress=Broken())
    assert list(map(repr, caught.value.__cause__.exceptions)) == ["OSError('bar')"]
    assert caught.value.__cause__.message == f"{verb}: more went wrong in the code"
