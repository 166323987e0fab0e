"""Percentiles of a million durations in a few kilobytes."""

from __future__ import annotations

import math
from itertools import accumulate
from typing import Final

# A bucket is 1 % wide, so a percentile is told to half a percent; from a nanosecond to some thirty years.
_PER_E: Final = 100.0
_SMALLEST: Final = 1e-9
_LOG_SMALLEST: Final = math.log(_SMALLEST)
_BUCKETS: Final = 4200


class Latency:
    """A histogram with logarithmic buckets."""

    __slots__ = ("_counts", "count")

    def __init__(self) -> None:
        self._counts = [0] * _BUCKETS
        self.count: int = 0

    def add(self, seconds: float) -> None:
        """Count one duration."""
        self.count += 1
        bucket = int((math.log(seconds) - _LOG_SMALLEST) * _PER_E) if seconds > _SMALLEST else 0
        self._counts[min(bucket, _BUCKETS - 1)] += 1

    def percentile(self, percent: float) -> float | None:
        """The duration that `percent` of them do not exceed, to half a percent; None when there are none."""
        if not self.count:
            return None
        rank = math.ceil(self.count * percent / 100)
        bucket = next(bucket for bucket, seen in enumerate(accumulate(self._counts)) if seen >= rank)
        return _SMALLEST * math.exp((bucket + 0.5) / _PER_E)
