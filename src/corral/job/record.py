"""One line of the results: how an input, and what became of it, is written as JSON.

Everything is encoded where `fn` ran and the moment it returned: what is changed later cannot change the record, an
executor sends bytes back and no objects, and a value that JSON has no form for is found while its input is at hand.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any, Final, cast

import msgspec

from corral.job.errors import NotEncodable
from corral.job.traces import trace_text


class Success(msgspec.Struct, gc=False):
    """The line of an input for which `fn` returned."""

    index: int
    input: object
    output: object
    attempts: int
    seconds: float


class Error(msgspec.Struct, gc=False):
    """What is told of an exception."""

    type: str
    message: str
    traceback: str


class Failure(msgspec.Struct, gc=False):
    """The line of an input that failed."""

    index: int
    input: object
    error: Error
    attempts: int
    seconds: float


# How every line begins.
RECORD_START: Final = b'{"index":'

# Already what JSON has, and never changed by `fn`: these need no copy before the call.
UNCHANGING: Final = frozenset({str, int, float, bool, type(None)})


def as_json(value: Any) -> object:
    """What msgspec has no form of its own for: pydantic models, numpy scalars and arrays, paths, named tuples' like.

    msgspec itself writes dataclasses, attrs classes, enums, datetimes, UUIDs, Decimals, sets and bytes (as base64).
    """
    if hasattr(value, "__pydantic_serializer__"):
        serializer = value.__pydantic_serializer__  # of a model, and of a pydantic dataclass too
        return serializer.to_python(value, mode="json")
    if hasattr(value, "dtype") and hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, os.PathLike):
        return os.fspath(cast(os.PathLike[str], value))
    raise TypeError(
        f"there is no JSON for {type(value).__module__}.{type(value).__qualname__}".replace("builtins.", "")
    )


encode: Final[Callable[[object], bytes]] = msgspec.json.Encoder(enc_hook=as_json).encode
_decode: Final[Callable[[bytes], object]] = msgspec.json.Decoder().decode
_sorted_encode: Final[Callable[[object], bytes]] = msgspec.json.Encoder(enc_hook=as_json, order="deterministic").encode


def canonical(value: object) -> bytes:
    """The JSON of `value` with its keys in order: equal for what `fn` was given and for what was recorded of it."""
    if type(value) in UNCHANGING:
        return encode(value)
    return _sorted_encode(_decode(encode(value)))


def failure_line(index: int, item: object, error: BaseException, attempts: int, seconds: float) -> bytes:
    """The line that tells of `error`; it can always be written, whatever the input and the error are made of."""
    told = Error(type_name(error), message_of(error), speakable(trace_text(error)))
    try:
        return encode(Failure(index, item, told, attempts, round(seconds, 6))) + b"\n"
    except Exception:  # the input itself has no JSON: its repr is better than no record
        return encode(Failure(index, shown(item), told, attempts, round(seconds, 6))) + b"\n"


def type_name(error: BaseException) -> str:
    """`ValueError`, `aiohttp.client_exceptions.ClientError`: as a traceback names it."""
    kind = type(error)
    return (
        kind.__qualname__ if kind.__module__ in {"builtins", "__main__"} else f"{kind.__module__}.{kind.__qualname__}"
    )


def message_of(error: BaseException) -> str:
    """The text of `error`, as UTF-8 can hold it; a `__str__` that raises is told and does not get in the way."""
    try:
        return speakable(str(error))
    except Exception as other:
        return f"<{type(error).__name__}.__str__ raised {type(other).__name__}>"


def shown(value: object, longest: int = 200) -> str:
    """`repr(value)`, cut; one that raises is told and does not get in the way."""
    try:
        text = speakable(repr(value))
    except Exception as other:
        text = f"<{type(value).__name__}.__repr__ raised {type(other).__name__}>"
    return text if len(text) <= longest else text[: longest - 1] + "…"


def speakable(text: str) -> str:
    """`text` without the lone surrogates that UTF-8, and so JSON, cannot hold."""
    return text.encode("utf-8", "backslashreplace").decode()


def not_encodable(what: str, value: object, why: Exception) -> NotEncodable:
    """The error for a `value` (`what`: "the output", "the input") that JSON has no form for."""
    culprit = _culprit(value)
    found = str(why)
    if isinstance(why, RecursionError):
        found = "it contains itself, or is nested too deeply"
    elif _is_dict(culprit):  # no value of it is to blame
        found = "each key must be a string or a number"
    return NotEncodable(
        f"{what} cannot be written as JSON: {found}, got {shown(culprit, 80)}. "
        "Use what JSON has (str, int, float, bool, None, list, dict), or a dataclass, attrs or pydantic object, datetime, UUID, "
        f"Decimal, enum or numpy value: for example `{_cure(culprit)}`"
    )


def _culprit(value: object, depth: int = 6) -> object:
    """The part of `value` that cannot be encoded, as deep inside as it can be told."""
    for part in islice(_parts(value) if depth else (), 1000):
        try:
            encode(part)
        except Exception:
            return _culprit(part, depth - 1)
    return value


def _parts(value: Any) -> Iterable[object]:
    if isinstance(value, dict):
        return cast(Iterable[object], value.values())
    return cast(Iterable[object], value) if isinstance(value, (list, tuple, set, frozenset)) else ()


def _is_dict(value: Any) -> bool:  # `isinstance` in place would leave checkers with a dict of unknowns
    return isinstance(value, dict)


def _cure(culprit: object) -> str:
    if isinstance(culprit, dict):
        return "{str(key): value for key, value in result.items()}"
    if hasattr(culprit, "__iter__"):
        return "list(result)"
    if hasattr(culprit, "text") or hasattr(culprit, "status"):
        return "{'status': response.status, 'text': await response.text()}"
    return "str(result)"
