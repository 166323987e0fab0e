"""Every failure says which input it was, and saying so never gets in the way of the failure."""

from __future__ import annotations

import asyncio

import pytest

from corral import ItemCancelled, gather_tg, map_tg, stream_tg
from tests.children import Crowd, cancels_itself, fails, notes, returns
from tests.verbs.by_name import run


async def failure(fn, items, **kwargs) -> BaseException:
    """What a `map_tg` under `first` raises."""
    with pytest.raises(BaseException) as caught:  # whatever it is
        await map_tg(fn, items, limit=1, on_error="first", **kwargs)
    return caught.value


def raiser(error: BaseException):
    async def fn(item):
        raise error

    return fn


async def test_verb_number_input() -> None:
    """A note on the exception: the verb, the number of the input, the input."""
    error = await failure(Crowd(failing={"https://b"}), ["https://a", "https://b"])
    assert notes(error) == ["map_tg: input 1: 'https://b'"]
    with pytest.raises(ValueError) as caught:
        async with stream_tg(Crowd(failing={7}), range(10), limit=2, on_error="first") as results:
            [outcome async for outcome in results]
    assert notes(caught.value) == ["stream_tg: input 7: 7"]
    with pytest.raises(ValueError) as caught:
        await gather_tg(returns(1), fails(ValueError()), on_error="first")
    assert notes(caught.value)[0].startswith("gather_tg: input 1: <coroutine object fails at 0x")


async def test_long_inputs_are_cut() -> None:
    """The `repr` of an input is cut at 200 characters."""
    (note,) = notes(await failure(raiser(ValueError()), ["x" * 10_000]))
    shown = note.removeprefix("map_tg: input 0: ")
    assert shown == "'" + "x" * 198 + "…"
    assert len(shown) == 200
    (note,) = notes(await failure(raiser(ValueError()), ["x" * 198]))
    assert note == "map_tg: input 0: '" + "x" * 198 + "'"


@pytest.mark.parametrize("kind", [RuntimeError, RecursionError])
async def test_a_repr_that_raises(kind: type[Exception]) -> None:
    """A `repr` that raises never replaces the failure: the note names the type and what `repr` raised."""

    class Secretive:
        def __repr__(self):
            raise kind("no")

    error = ValueError("mine")
    assert await failure(raiser(error), [Secretive()]) is error
    assert notes(error) == [f"map_tg: input 0: <Secretive whose repr raised {kind.__name__}>"]


@pytest.mark.parametrize("verb", ["map_tg", "stream_tg", "gather_tg"])
async def test_show_items_false(verb: str) -> None:
    """`show_items=False` keeps inputs out of every text: their number stays."""

    class Secret:
        def __repr__(self):
            raise AssertionError("shown")

        def __await__(self):
            return fails(ValueError()).__await__()

    with pytest.raises(ValueError) as caught:
        await run(verb, lambda secret: secret, [Secret()], limit=1, on_error="first", show_items=False)
    assert notes(caught.value) == [f"{verb}: input 0"]


async def test_show_items_false_in_other_texts() -> None:
    """It keeps them out of `ItemCancelled` and of the error about a plain function's input too."""
    with pytest.raises(TypeError, match="for input 0 it returned") as caught:
        await map_tg(lambda _: 42, ["secret"], limit=1, show_items=False)
    assert "secret" not in str(caught.value)
    with pytest.raises(ItemCancelled, match=r"^input 0 was cancelled from inside"):
        await map_tg(lambda _: cancels_itself(), ["secret"], limit=1, on_error="first", show_items=False)


async def test_an_exception_that_refuses_notes() -> None:
    """An exception class that cannot take a note is raised as it is."""

    class Stubborn(Exception):
        def add_note(self, note):
            raise TypeError("no notes")

    error = Stubborn("mine")
    assert await failure(raiser(error), ["a"]) is error
    assert notes(error) == []


async def test_one_note_from_each_verb_it_passed() -> None:
    """An error that comes up through nested verbs tells the whole way, from the inside out."""

    async def inner(item):
        return await map_tg(Crowd(failing={"b"}), item, limit=1, on_error="first")

    error = await failure(inner, [["a"], ["a", "b"]])
    assert notes(error) == ["map_tg: input 1: 'b'", "map_tg: input 1: ['a', 'b']"]


async def fails_when_cancelled(error: BaseException) -> None:
    try:
        await asyncio.Event().wait()
    finally:
        raise error


async def test_the_others_are_told() -> None:
    """Under `first` a note tells how many more failed and what: ten of them, and the number of the rest."""
    cleanups = [fails_when_cancelled(ValueError(n)) for n in range(1, 15)]
    with pytest.raises(ValueError, match="0") as caught:
        await gather_tg(fails(ValueError(0), 9), *cleanups, on_error="first", show_items=False)
    told = "; ".join(f"input {n}: ValueError({n})" for n in range(1, 11))
    assert notes(caught.value) == [
        "gather_tg: input 0",
        f"gather_tg: 14 more failed before all had stopped: {told}; and 4 more",
    ]


async def test_the_same_exception_twice() -> None:
    """One exception object that several inputs raise has a note for each of them."""
    error = ValueError("shared")
    with pytest.raises(ExceptionGroup) as caught:
        await gather_tg(fails(error, 2), fails_when_cancelled(error), show_items=False)
    assert caught.value.exceptions == (error, error)
    assert notes(error) == ["gather_tg: input 0", "gather_tg: input 1"]


async def test_index_is_not_the_number_of_arrival() -> None:
    """The number is the input's place in the source, however late it failed and whatever finished before it."""
    with pytest.raises(ExceptionGroup) as caught:
        await map_tg(Crowd(failing={"f"}), "abcdefghij", limit=3)
    assert notes(caught.value.exceptions[0]) == ["map_tg: input 5: 'f'"]
