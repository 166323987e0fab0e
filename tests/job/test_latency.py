"""How long inputs took."""

from __future__ import annotations

import pytest

from corral.job.latency import Latency


def test_percentiles():
    """Percentiles are right to a percent, from nanoseconds to days, in bounded memory."""
    latency = Latency()
    assert latency.percentile(50) is None
    for n in range(1, 1001):
        latency.add(n / 1000)
    assert latency.percentile(50) == pytest.approx(0.5, rel=0.01)
    assert latency.percentile(99) == pytest.approx(0.99, rel=0.01)
    assert latency.percentile(100) == pytest.approx(1.0, rel=0.01)
    extremes = Latency()
    for seconds in (0.0, 1e-12, 1e9, 1e300):
        extremes.add(seconds)
    assert extremes.percentile(1) == pytest.approx(1e-9, rel=0.01)
    assert extremes.percentile(60) == pytest.approx(1e9, rel=0.01)
