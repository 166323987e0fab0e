"""What comes of an input elsewhere, and what the engine here is given for it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from corral import Err, Ok
from corral._supervision import NotAwaitable
from corral.scale import parcel
from corral.scale.settle import NotAwaited, packed, settle_live, settle_packed

LIVE: dict[str, Any] = {
    "a value": Ok(0, "item", [1]),
    "a failure": Err(0, "item", ValueError("wrong")),
    "a StopIteration": Err(0, "item", StopIteration(3)),
    "an exit": SystemExit(3),
    "nothing to await": NotAwaited("5", "int"),
    "never begun": None,
}
TOLD = {
    "a value": "[1]",
    "a failure": "ValueError('wrong')",
    "a StopIteration": "RuntimeError('fn raised StopIteration(3)')",
    "an exit": "SystemExit(3)",
    "nothing to await": "NotAwaitable: 5 of int",
    "never begun": "CancelledError()",
}


def told(future: asyncio.Future[Any]) -> str:
    try:
        return repr(future.result())
    except NotAwaitable as exc:
        return f"NotAwaitable: {exc.returned!r} of {type(exc.returned).__name__}"
    except BaseException as exc:
        return repr(exc)


@pytest.mark.parametrize("what", LIVE)
async def test_the_same_near_and_far(what: str) -> None:
    """Out of a thread or packed out of a process: a value, a failure, an exit, what is told of a plain function, or a cancellation."""
    near, far = (asyncio.get_running_loop().create_future() for _ in range(2))
    settle_live(near, LIVE[what])
    settle_packed(far, parcel.unpack(parcel.dumps(packed(LIVE[what]))))
    assert (told(near), told(far)) == (TOLD[what], TOLD[what])
