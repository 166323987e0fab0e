"""What crosses the border between two processes, packed so that nothing it holds can break what carries it.

A pool unpickles what it carries in places where a failure ends the pool, or the worker: an exception that pickles and does
not unpickle is enough. So all that is the user's travels as bytes, and is unpacked where a failure can be told.
"""

from __future__ import annotations

import importlib
import io
import pickle
import traceback
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple, TypeGuard

from corral._failures import show
from corral.outcome import Ok

Pack = Callable[[Any], bytes]

_PLAIN: Final[frozenset[Any]] = frozenset({int, str, bytes, float, bool, type(None)})


class RemoteTraceback(Exception):
    """The `__cause__` of a failure that happened elsewhere: its traceback, as text."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text

    def __str__(self) -> str:
        return f"\n{self.text}"


class RemoteError(Exception):
    """Stands for an exception that could not travel.

    Args:
        type_name: Of the exception, with its module.
        message: Its `str`.
        reason: Why it could not travel.
        text: Its traceback.
    """

    def __init__(self, type_name: str, message: str, reason: str, text: str) -> None:
        super().__init__(type_name, message, reason, text)
        self.type_name = type_name
        self.message = message
        self.reason = reason
        self.traceback = text

    def __str__(self) -> str:
        return f"{self.type_name}: {self.message} (the exception itself could not travel: {self.reason})"


class Fault(NamedTuple):
    """An exception on its way: itself if it can travel, and what to tell of it if not."""

    packed: bytes | None
    type_name: str
    message: str
    reason: str
    notes: list[str]
    text: str


def dumps(thing: Any) -> bytes:
    """`pickle.dumps`, newest protocol."""
    return pickle.dumps(thing, pickle.HIGHEST_PROTOCOL)


def packer(executor: object) -> Pack:
    """How to pack what goes to an executor: those that bring cloudpickle take lambdas and functions of `__main__` by value."""
    libraries = {part for kind in type(executor).__mro__ for part in kind.__module__.split(".")}
    brought = "ray.cloudpickle" if "ray" in libraries else "cloudpickle"
    if libraries.isdisjoint({"distributed", "loky", "ray"}):
        return dumps
    pack: Pack = importlib.import_module(brought).dumps
    return pack


def message_of(error: BaseException) -> str:
    """`str(error)`, for exceptions whose `str` raises as well."""
    try:
        return str(error)
    except Exception as exc:
        return f"<{type(error).__name__} whose str raised {type(exc).__name__}>"


class _ErrorPickler(pickle.Pickler):
    """Packs exceptions by their own `__reduce__`, whatever is imported: the tblib that Dask brings loses the code of an exit."""

    def reducer_override(self, thing: Any, /) -> Any:
        return thing.__reduce_ex__(pickle.HIGHEST_PROTOCOL) if isinstance(thing, BaseException) else NotImplemented


def _dumps_error(error: BaseException) -> bytes:
    buffer = io.BytesIO()
    _ErrorPickler(buffer, pickle.HIGHEST_PROTOCOL).dump(error)
    return buffer.getvalue()


def pack_error(error: BaseException) -> Fault:
    """Packs an exception; it has been unpacked once here, so that it can be there."""
    kind = type(error)
    packed: bytes | None = None
    reason = ""
    try:
        packed = _dumps_error(error)
        back = pickle.loads(packed)  # noqa: S301 - our own bytes
        if type(back) is not kind:
            packed, reason = None, f"pickle makes a {type(back).__name__} of it"
    except Exception as exc:
        packed, reason = None, f"{type(exc).__name__}: {message_of(exc)}"
    name = f"{kind.__module__}.{kind.__qualname__}"
    return Fault(packed, name, message_of(error), reason, _notes_of(error), _traceback_of(error))


def _notes_of(error: BaseException) -> list[str]:
    try:
        return [note for note in getattr(error, "__notes__", ()) if isinstance(note, str)]
    except Exception:  # what stands there is no list, or raises
        return []


def _traceback_of(error: BaseException) -> str:
    try:
        return "".join(traceback.format_exception(error))
    except Exception as exc:  # before 3.13 for one whose notes raise
        return f"{type(error).__name__}, whose traceback cannot be told: {type(exc).__name__}: {message_of(exc)}"


def unpack_error(fault: Fault) -> BaseException:
    """The exception, with its traceback as its cause; or what stands for it."""
    error: BaseException | None = None
    reason = fault.reason
    if fault.packed is not None:
        try:
            error = pickle.loads(fault.packed)  # noqa: S301 - packed by our own worker
        except Exception as exc:
            reason = f"{type(exc).__name__}: {message_of(exc)}"
    if not isinstance(error, BaseException):
        error = RemoteError(fault.type_name.removeprefix("builtins."), fault.message, reason, fault.text)
        for note in fault.notes:
            error.add_note(note)
    error.__cause__ = RemoteTraceback(fault.text)
    return error


def is_ok(outcome: object) -> TypeGuard[Ok[Any, Any]]:
    """`isinstance` leaves the type of the value unknown to one checker, and a cast is redundant to another."""
    return isinstance(outcome, Ok)


def is_plain(value: object) -> bool:
    """Whether a value travels as it is."""
    return type(value) in _PLAIN


def pack_value(value: Any) -> bytes:
    """Packs what `fn` returned. Fails: `TypeError` that says what to return instead."""
    try:
        return dumps(value)
    except Exception as exc:
        raise TypeError(
            f"what fn returned cannot travel back from its process: {show(value)} ({type(value).__name__}): "
            f"{type(exc).__name__}: {message_of(exc)}.\nReturn what pickle can take: numbers, text, containers of them, dataclasses"
        ) from None


def pack_items(items: Sequence[Any], pack: Pack) -> tuple[bytes, dict[int, Exception]]:
    """Packs the inputs of a chunk together. Those that cannot travel are left out, with what to tell of each, by position."""
    try:
        return pack(list(items)), {}
    except Exception:
        lost: dict[int, Exception] = {}
        for position, item in enumerate(items):
            try:
                pack(item)
            except Exception as exc:
                lost[position] = TypeError(
                    f"the input cannot travel to another process: {show(item)} ({type(item).__name__}): "
                    f"{type(exc).__name__}: {message_of(exc)}.\nGive fn what it can be made from over there: a path, a key, a row"
                )
        return pack([item for position, item in enumerate(items) if position not in lost]), lost


def unpack(packed: bytes) -> Any:
    """What was packed."""
    return pickle.loads(packed)  # noqa: S301 - packed by the other side of the same call
