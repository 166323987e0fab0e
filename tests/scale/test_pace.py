"""How much a worker is given ahead."""

from __future__ import annotations

import pytest

from corral.scale.pace import AIM, MOST, Cost, Pace


@pytest.mark.parametrize("cost", [1e-6, 1e-4, 1e-3, 1e-2, 0.05])
def test_chunks_take_about_as_long(cost: float) -> None:
    """Whatever an input costs, a chunk soon takes 50 to 200 ms of work; it is one input at least, and no more than can be sent at once."""
    pace = Pace(None, 2, 2)
    for _ in range(8):
        size = pace.size(1_000_000, 1)
        pace.learn(size, size * cost, size * cost)
    size = pace.size(1_000_000, 1)
    assert 0.05 <= size * cost <= 0.2 or (size == MOST and size * cost < 0.05)


def test_first_chunks_are_small() -> None:
    """Nothing is known yet: one input each, so that a few long ones are spread."""
    assert Pace(1000, 4, 2).size(500, 8) == 1


def test_one_input_may_take_longer_than_a_chunk() -> None:
    """There is always one."""
    pace = Pace(None, 2, 2)
    pace.learn(1, 60.0, 60.0)
    assert pace.size(1000, 1) == 1


@pytest.mark.parametrize("limit", [1, 2, 7, 100, 1000])
@pytest.mark.parametrize("lanes", [1, 2, 8])
def test_limit_is_shared(limit: int, lanes: int) -> None:
    """All chunks that may be at the executor together have hardly more inputs than the limit; the engine holds the rest."""
    pace = Pace(limit, lanes, 2)
    for _ in range(10):
        pace.learn(1, 1e-9, 1e-9)
    assert pace.size(10**6, 1) * pace.slots() < limit + pace.slots()


def test_what_waits_needs_no_second_chunk() -> None:
    """Inputs that wait more than they work are all sent at once: a second chunk would only stand in line."""
    pace = Pace(100, 2, 2)
    pace.learn(10, 0.001, 1.0)
    assert pace.slots() == 2
    pace.learn(10, 0.1, 0.11)
    assert pace.slots() == 4


def test_rest_is_spread() -> None:
    """The last inputs go to all lanes, not to one."""
    pace = Pace(1000, 2, 1)
    for _ in range(5):
        pace.learn(100, 0.01, 0.01)
    assert pace.size(10, 2) == 5


def test_cost_follows() -> None:
    """What is affordable follows the inputs, when they get cheaper and when they get dearer."""
    cost = Cost()
    assert cost.affordable() > 1000
    for each in (1e-2, 1e-4, 1e-1):
        for _ in range(30):
            cost.add(10, 10 * each)
        assert cost.affordable() == pytest.approx(2 * AIM / each, rel=0.1, abs=1)
