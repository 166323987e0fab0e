"""Reuse cannot be observed: each input lives as if it had a Task of its own."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings

from tests.property.programs import PLANS, Plan
from tests.property.sides import MakeLoop, same


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(plan=PLANS)
def test_reuse_cannot_be_observed(loop_factory: MakeLoop, plan: Plan) -> None:
    """Any program has the same results, observations and exceptions with reused workers, with a Task per input, and by hand."""
    same(plan, loop_factory)
