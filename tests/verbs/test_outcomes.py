"""`Ok`, `Err` and `ItemCancelled`: what an input came to."""

from __future__ import annotations

import copy
import pickle
from dataclasses import FrozenInstanceError

import pytest

from corral import Err, ItemCancelled, Ok, Outcome, gather_tg, map_tg
from tests.children import Crowd, cancels_itself, fails
from tests.verbs.by_name import BESIDE


def kind(outcome: Outcome[object, object]) -> str:
    """As a user takes them apart."""
    match outcome:
        case Ok(index, item, value):
            return f"ok {index} {item} {value}"
        case Err(index, item, error):
            return f"err {index} {item} {error!r}"


def test_they_match_by_position() -> None:
    """`match` takes index, item and value or error by position."""
    assert kind(Ok(0, "url", 200)) == "ok 0 url 200"
    assert kind(Err(1, "url", ValueError("bad"))) == "err 1 url ValueError('bad')"


def test_unwrap() -> None:
    """`Ok.unwrap()` gives the value, `Err.unwrap()` raises the very error."""
    assert Ok(0, "in", "out").unwrap() == "out"
    error = ValueError("bad")
    with pytest.raises(ValueError, match="bad") as caught:
        Err(0, "in", error).unwrap()
    assert caught.value is error


def test_they_are_values() -> None:
    """They compare and hash by what they hold, cannot be changed, and tell all in their `repr`."""
    assert Ok(0, "in", "out") == Ok(0, "in", "out") != Ok(1, "in", "out")
    assert len({Ok(0, "in", "out"), Ok(0, "in", "out")}) == 1
    with pytest.raises(FrozenInstanceError):
        Ok(0, "in", "out").value = "other"  # type: ignore[misc]  # the case under test
    assert repr(Ok(0, "in", "out")) == "Ok(index=0, item='in', value='out')"


def test_they_travel() -> None:
    """They can be copied and pickled: into a file, to another process."""
    for copied in (copy.deepcopy(Ok(3, [1], "out")), pickle.loads(pickle.dumps(Ok(3, [1], "out")))):
        assert copied == Ok(3, [1], "out")
    bad = pickle.loads(pickle.dumps(Err(4, "in", ValueError("bad"))))
    assert (bad.index, bad.item, repr(bad.error)) == (4, "in", "ValueError('bad')")


def test_they_have_no_dict() -> None:
    """A million outcomes are small: they have slots."""
    assert not hasattr(Ok(0, 0, 0), "__dict__")
    assert not hasattr(Err(0, 0, ValueError()), "__dict__")


async def test_every_value_or_the_first_error() -> None:
    """`[o.unwrap() for o in outcomes]` is every value, or raises the first error by position."""
    good = await map_tg(Crowd(), range(5), limit=2, on_error="collect")
    assert [outcome.unwrap() for outcome in good] == list(range(5))
    bad = await map_tg(Crowd(failing={3, 4}), range(5), limit=5, on_error="collect")
    with pytest.raises(ValueError, match="3"):
        [outcome.unwrap() for outcome in bad]


async def test_outcomes_of_a_map() -> None:
    """Under `collect`, `map_tg` gives an outcome for every input, in input order, and cancels nothing."""
    crowd = Crowd(failing={"b"})
    outcomes = await map_tg(crowd, "abc", limit=1, on_error="collect")
    assert list(map(kind, outcomes)) == ["ok 0 a a", "err 1 b ValueError('b')", "ok 2 c c"]
    assert crowd.cancelled == []


async def test_no_note_under_collect() -> None:
    """Under `collect` no note is added: `Err` has the item."""
    (outcome,) = await map_tg(Crowd(failing={1}), [1], limit=None, on_error="collect")
    assert not hasattr(outcome.error, "__notes__")
    (outcome,) = await gather_tg(fails(ValueError()), on_error="collect")
    assert not hasattr(outcome.error, "__notes__")


def test_item_cancelled_is_an_exception() -> None:
    """`ItemCancelled` is a failure like others: `except Exception` sees it, `except CancelledError` does not."""
    assert ItemCancelled.__mro__[1] is Exception


@BESIDE
async def test_item_cancelled_says_which_and_why(beside: int) -> None:
    """It names the input, and its cause is the cancellation itself, message included."""
    with pytest.raises(ItemCancelled) as caught:
        await gather_tg(cancels_itself(), *[Crowd()(0) for _ in range(beside)], on_error="first", show_items=False)
    assert str(caught.value) == (
        "input 0 was cancelled from inside: it awaited something cancelled, or cancelled itself"
    )
    assert caught.value.__cause__.args == ("from inside",)
