"""What a figure is: cells that are run in turns, and the numbers that are made of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from benchmarks.cell import Spec

MILLION = 1_000_000
MB = 1_000_000

One = Mapping[str, dict[str, Any]]


@dataclass(frozen=True)
class Check:
    """One number out of a row's cells, computed once for each repeat.

    Args:
        text: What the number is, as published.
        value: From the results of one repeat, by cell label.
        bound: `>=` or `<=`.
        target: What to reach; None for a number that is only told.
        unit: Written after the number.
    """

    text: str
    value: Callable[[One], float]
    bound: Literal[">=", "<="] = "<="
    target: float | None = None
    unit: str = "x"

    def holds(self, value: float) -> bool | None:
        if self.target is None:
            return None
        return value >= self.target if self.bound == ">=" else value <= self.target


@dataclass(frozen=True)
class Row:
    """Cells that are run in turns, and the checks on them.

    Args:
        name: For `--row`.
        measure: What is measured, for the table.
        cells: By label.
        checks: The numbers.
        repeats: Fewer for what takes long by itself.
    """

    name: str
    measure: str
    cells: Mapping[str, Spec]
    checks: tuple[Check, ...]
    repeats: int = 5


def ratio(above: str, below: str, field: str = "seconds") -> Callable[[One], float]:
    """`above`'s number over `below`'s."""
    return lambda one: float(one[above][field]) / max(float(one[below][field]), 1e-9)


def excess(above: str, below: str) -> Callable[[One], float]:
    """Megabytes of peak memory of `above` over those of `below`."""
    return lambda one: (float(one[above]["peak"]) - float(one[below]["peak"])) / MB


def number(label: str, field: str, scale: float = 1.0) -> Callable[[One], float]:
    return lambda one: float(one[label][field]) * scale


def runs(work: str, *contenders: str, **others: Any) -> dict[str, Spec]:
    """A `run` cell of a million inputs for each contender."""
    settings = {"n": MILLION} | others
    return {name: Spec("run", name, work, **settings) for name in contenders}
