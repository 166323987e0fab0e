"""Gives the engine what came of an input elsewhere."""

from __future__ import annotations

from asyncio import Future
from typing import Any

from corral._failures import show
from corral._supervision import NotAwaitable
from corral.outcome import Err
from corral.scale import parcel
from corral.scale.chunk import NotAwaited


class _Returned:
    """Looks like what `fn` returned over there, and that cannot be awaited."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


def settle_live(future: Future[Any], outcome: object) -> None:
    """Gives the engine what came of an input in another thread."""
    if parcel.is_ok(outcome):
        future.set_result(outcome.value)
    elif isinstance(outcome, Err):
        _fail(future, outcome.error)
    elif isinstance(outcome, NotAwaited):
        _fail(future, not_awaitable(outcome))
    elif isinstance(outcome, BaseException):
        _fail(future, outcome)
    else:
        future.cancel()


def settle_packed(future: Future[Any], outcome: Any) -> None:
    """Gives the engine what came of an input in another process."""
    match outcome:
        case bytes():
            try:
                value = parcel.unpack(outcome)
            except Exception as exc:
                _fail(future, TypeError(f"what fn returned does not unpickle here: {show(exc)}"))
            else:
                future.set_result(value)
        case parcel.Fault():
            _fail(future, parcel.unpack_error(outcome))
        case NotAwaited():
            _fail(future, not_awaitable(outcome))
        case None:
            future.cancel()
        case _:
            future.set_result(outcome[0])


def not_awaitable(outcome: NotAwaited) -> NotAwaitable:
    """Makes the engine say what it says of a plain function in this process."""
    return NotAwaitable(type(outcome.type_name, (_Returned,), {})(outcome.text))


def _fail(future: Future[Any], error: BaseException) -> None:
    if isinstance(error, StopIteration):  # a future refuses it, as it would end whatever awaits it
        cause, error = error, RuntimeError(f"fn raised {show(error)}")
        error.__cause__ = cause
    future.set_exception(error)
