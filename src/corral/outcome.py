"""What an input came to: `Ok` or `Err`, and the names that go with them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, Literal, NoReturn, TypeAlias, TypeVar, cast, final

OnError: TypeAlias = Literal["group", "first", "collect"]

# Explicit covariant TypeVars: with PEP 695 a frozen dataclass is inferred invariant on 3.13+ by two
# checkers, because of the synthesized `__replace__`.
A_co = TypeVar("A_co", covariant=True)
R_co = TypeVar("R_co", covariant=True)
A = TypeVar("A")
R = TypeVar("R")


@final
@dataclass(frozen=True, slots=True)
class Ok(Generic[A_co, R_co]):
    """The input that stood at `index` came back with `value`.

    `ok.unwrap()` equals `ok.value`, so that `[o.unwrap() for o in outcomes]` gives every value or raises the first error.
    """

    index: int
    item: A_co
    value: R_co

    def unwrap(self) -> R_co:
        """The value."""
        return self.value


class _Made(Generic[A_co, R_co]):
    """An `Ok` that is not frozen yet."""

    __slots__ = ("index", "item", "value")


_new, _MADE = object.__new__, cast("type[object]", _Made)


def ok(index: int, item: Any, value: Any) -> Ok[Any, Any]:
    """`Ok(index, item, value)` in a third of the time, which in a stream is the largest single cost.

    A frozen dataclass is set by three calls of `object.__setattr__`; this has the same layout, and becomes one when it is done.
    """
    made: Any = _new(_MADE)
    made.index = index
    made.item = item
    made.value = value
    made.__class__ = Ok
    finished: Ok[Any, Any] = made
    return finished


@final
@dataclass(frozen=True, slots=True)
class Err(Generic[A_co]):
    """The input that stood at `index` failed with `error`, which `unwrap()` raises."""

    index: int
    item: A_co
    error: Exception

    def unwrap(self) -> NoReturn:
        """Raises the error."""
        raise self.error


Outcome: TypeAlias = Ok[A, R] | Err[A]


class ItemCancelled(Exception):
    """An input was cancelled from inside: it awaited something that had been cancelled, or cancelled itself.

    It is an `Exception`, so that a bare `CancelledError` out of a verb always means that the verb's own caller was cancelled.
    """
