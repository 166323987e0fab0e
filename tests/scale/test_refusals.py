"""What cannot be meant by `executor=`, `lanes=` and `resource=`, and functions that cannot travel."""

from __future__ import annotations

import functools
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from corral import map_tg, stream_tg
from corral.scale import OwnPool
from tests.contract import functions as contract
from tests.scale import functions as f


async def test_functions_that_have_no_name_there(pool: OwnPool) -> None:
    """A function inside a function, and a lambda for the resource, are refused with what to write instead."""
    with pytest.raises(TypeError, match=r"(?s)a function inside a function has none.*async def inner\(item\)"):

        async def inner(item: int) -> int:
            return item

        await map_tg(inner, range(3), limit=1, executor=pool)
    with pytest.raises(
        TypeError, match=r"fn: functools.partial\(.*\) cannot travel to another process: TypeError: cannot"
    ):
        await map_tg(functools.partial(f.same, threading.Lock()), range(3), limit=1, executor=pool)
    with pytest.raises(TypeError, match=r"resource: .* cannot travel"):
        await map_tg(contract.with_resource, range(3), limit=1, executor=pool, resource=lambda: contract.opened("."))


def test_stream_refuses_at_the_call(pool: OwnPool) -> None:
    """`stream_tg` says so when it is called, not when it is entered."""
    with pytest.raises(TypeError, match="a lambda has none"):
        stream_tg(lambda item: f.same(item), [1], limit=1, executor=pool)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"executor": 3}, "executor: expected a concurrent.futures.Executor"),
        ({"lanes": 2}, "lanes: there is no executor"),
        ({"executor": ThreadPoolExecutor(1), "lanes": "2"}, "lanes: expected an int"),
        ({"executor": ThreadPoolExecutor(1), "lanes": True}, "lanes: expected an int"),
        ({"resource": contract.opened(".")}, "made already"),
        ({"resource": 3}, "resource: expected a factory"),
    ],
)
async def test_wrong_arguments(wrong: dict, told: str) -> None:
    """What cannot be meant is refused before anything is touched."""
    with pytest.raises(TypeError, match=told):
        await map_tg(f.same, iter([1]), limit=1, **wrong)


async def test_lanes_from_one_up() -> None:
    """No lanes at all are no way to run."""
    with pytest.raises(ValueError, match="lanes: expected an int from 1"):
        await map_tg(f.same, [1], limit=1, executor=ThreadPoolExecutor(1), lanes=0)
