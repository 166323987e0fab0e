"""What came of an input elsewhere: caught and packed over there, given to the engine here."""

from __future__ import annotations

from asyncio import CancelledError, Future
from typing import Any, NamedTuple

from corral._failures import show, strip
from corral._supervision import NotAwaitable, Supervision
from corral.outcome import Err
from corral.scale import parcel


class NotAwaited(NamedTuple):
    """`fn` returned something that cannot be awaited: what to tell of it."""

    text: str
    type_name: str


# Over there.


def caught_elsewhere(
    run: Supervision, index: int, item: object, returned: object, error: BaseException
) -> BaseException | NotAwaited | None:
    """What would end a verb is an outcome over there; None for what a run that collects takes itself."""
    strip(error)  # it is by its lack of a traceback that one of `await` is told from one of `fn`
    if isinstance(error, TypeError) and run.not_awaitable(index, item, returned, error):
        if isinstance(error, NotAwaitable):
            returned = error.returned
        return NotAwaited(show(returned), type(returned).__name__)
    if isinstance(error, Exception | CancelledError):
        return None
    run.fail()
    return error


def packed(outcome: object) -> Any:
    """A plain value as itself in a tuple, another one as bytes; the rest as `Fault`, `NotAwaited` or, if it never ran, None."""
    if parcel.is_ok(outcome):
        value = outcome.value
        if parcel.is_plain(value):
            return (value,)
        try:
            return parcel.pack_value(value)
        except TypeError as exc:
            return parcel.pack_error(exc)
    if isinstance(outcome, Err):
        return parcel.pack_error(outcome.error)
    return parcel.pack_error(outcome) if isinstance(outcome, BaseException) else outcome


# Here.


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
