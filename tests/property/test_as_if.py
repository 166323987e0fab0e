"""Reuse cannot be observed: each input lives as if it had a Task of its own."""

from __future__ import annotations

from hypothesis import HealthCheck, example, given, note, settings

from tests.loops import LOOPS
from tests.property.programs import PLANS, Plan
from tests.property.sides import same


@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@example(Plan("map", None, "collect", ((("suspend", 2), ("raise", "SystemExit")), (), (("not awaitable",),))))
@example(Plan("map", None, "collect", ((("suspend", 2), ("raise", "SystemExit")), (), (("raise", "Deadly"),))))
@given(plan=PLANS)
def test_reuse_cannot_be_observed(plan: Plan) -> None:
    """Any program has the same results, observations and exceptions with reused workers, with a Task per input, and by hand."""
    for kind, make_loop in LOOPS.items():
        note(f"on the loop {kind!r}")
        same(plan, make_loop)
