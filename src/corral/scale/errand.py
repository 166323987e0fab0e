"""What a verb wants done with every input, and how that travels."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Final

from corral._calls import Call, timed
from corral._failures import Failures, own_code, show
from corral.scale import parcel

#: Errands whose function a worker keeps at hand.
_KEPT: Final = 16
_errands: dict[str, Errand] = {}


@dataclass(frozen=True)
class Errand:
    """What a verb wants done with every input.

    Args:
        key: Of this call of the verb, and no other.
        verb: Its name.
        fn: The function.
        timeout: Seconds for each input.
        resource: The factory of `fn`'s second argument.
        show_items: Whether failures may show inputs.
        uvloop: Whether the loop is to be uvloop's.
    """

    key: str
    verb: str
    fn: Callable[..., Awaitable[Any]]
    timeout: float | None
    resource: Callable[[], AbstractAsyncContextManager[Any]] | None
    show_items: bool
    uvloop: bool

    def call(self, resource: Any) -> Call:
        """What is called with each input, where `resource` is what the factory's context manager gave."""
        fn = self.fn

        def with_resource(item: Any) -> Awaitable[Any]:
            return fn(item, resource)

        own_code.add(with_resource.__code__)
        call: Call = fn if self.resource is None else with_resource
        return call if self.timeout is None else timed(call, self.timeout)

    def failures(self) -> Failures:
        """For a run over there, which takes down all that fails and ends for none of it."""
        return Failures(self.verb, "collect", show_items=self.show_items)


def pack_errand(errand: Errand, pack: parcel.Pack) -> bytes:
    """Packs the function. Fails: `TypeError` that shows what to write instead of one that cannot travel."""
    try:
        return pack(errand)
    except Exception as exc:
        culprit, what = ("resource", errand.resource) if _packs(errand.fn, pack) else ("fn", errand.fn)
        raise TypeError(_cannot_travel(errand.verb, culprit, what, exc)) from None


def _packs(thing: object, pack: parcel.Pack) -> bool:
    try:
        pack(thing)
    except Exception:
        return False
    return True


def _cannot_travel(verb: str, culprit: str, what: Any, why: Exception) -> str:
    told = f"{verb}: {culprit}: {show(what)} cannot travel to another process: "
    name = getattr(what, "__qualname__", "")
    if not inspect.isfunction(what) or ("<lambda>" not in name and "<locals>" not in name):
        return f"{told}{type(why).__name__}: {parcel.message_of(why)}"
    kind = "a lambda" if "<lambda>" in name else "a function inside a function"
    ours = name.rpartition(".")[2].replace("<lambda>", "one")
    wrong = f"{verb}({'lambda item: ...' if ours == 'one' else ours}, items, limit=..., executor=...)"
    return (
        f"{told}pickle sends a function by its name, and {kind} has none that is known there.\n"
        f"You wrote something like:\n  {wrong}  # wrong\n"
        f"Instead, with a function at the top of a module:\n  async def {ours}(item): ...\n"
        f"  {verb}({ours}, items, limit=..., executor=...)  # right"
    )


def errand_of(key: str, packed_errand: bytes) -> Errand:
    """The errand, unpacked once."""
    errand = _errands.get(key)
    if errand is None:
        try:
            errand = parcel.unpack(packed_errand)
        except Exception as exc:
            exc.add_note(
                "fn is found by its module and its name. A function of a notebook, of `python -c` or of standard input is found "
                "by no other process: write it into a module, and import it from there"
            )
            raise
        assert isinstance(errand, Errand)
        while len(_errands) >= _KEPT:
            _errands.pop(next(iter(_errands)), None)
        _errands[key] = errand
    return errand
