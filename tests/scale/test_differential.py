"""Random programs come to the same, input by input, in this process and elsewhere."""

from __future__ import annotations

import asyncio
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corral import Err, map_tg, stream_tg
from corral.scale import OwnPool
from tests.scale import functions as f

STEPS = st.sampled_from(["turn", "nap", "fail", "cancel", "cancelled", "spin", "child"])
PROGRAMS = st.lists(st.lists(STEPS, max_size=3).map(tuple), max_size=25)


@pytest.fixture(scope="module")
def places():
    with OwnPool(2) as pool, ThreadPoolExecutor(2) as threads:
        yield [pool, threads]


def told(outcome: Any) -> tuple[Any, ...]:
    if isinstance(outcome, Err):
        return outcome.index, outcome.item, type(outcome.error), str(outcome.error)
    return outcome.index, outcome.item, outcome.value


async def run(
    program: list[Any], executor: Executor | None, limit: int | None, *, stream: bool, ordered: bool
) -> list[Any]:
    where: dict[str, Any] = {"executor": executor}
    if not stream:
        return [told(o) for o in await map_tg(f.behaves, program, limit=limit, on_error="collect", **where)]
    async with stream_tg(f.behaves, program, limit=limit, ordered=ordered, on_error="collect", **where) as outcomes:
        found = [told(outcome) async for outcome in outcomes]
    return found if ordered else sorted(found, key=lambda outcome: outcome[0])


@settings(max_examples=40)
@given(
    program=PROGRAMS,
    limit=st.one_of(st.none(), st.integers(1, 12)),
    stream=st.booleans(),
    ordered=st.booleans(),
    which=st.integers(0, 1),
)
def test_same_outcomes(
    places: list[Executor], program: list[Any], limit: int | None, stream: bool, ordered: bool, which: int
) -> None:
    """Values, failures and cancellations from inside, by index, with the same type and words."""
    here = asyncio.run(run(program, None, limit, stream=stream, ordered=ordered))
    there = asyncio.run(run(program, places[which], limit, stream=stream, ordered=ordered))
    assert there == here
