"""The plots of the README: plain SVG with text as text, transparent, in greys that are readable on light and on dark."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from benchmarks.grid import PLOTTED, Point
from benchmarks.report import per_input

OURS = {"map_tg": "#d9480f", "stream_tg": "#e8820c", "gather_tg": "#c2255c"}
STDLIB = {"asyncio.gather": "#1c7ed6", "TaskGroup": "#4263eb", "gather + Semaphore": "#1098ad"}
INK = "#7d838c"
GRID = "#7d838c40"
PEERS = "#868e96"

_STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "corral",
    "font.family": "sans-serif",
    "font.sans-serif": ["Helvetica", "Arial", "DejaVu Sans"],
    "font.size": 10,
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


def colour(contender: str) -> str:
    return OURS.get(contender) or STDLIB.get(contender) or PEERS


def _save(figure: Figure, path: Path) -> None:
    figure.savefig(path, format="svg", transparent=True, bbox_inches="tight", metadata={"Date": None})
    # One newline at the end, none of matplotlib's trailing blanks: the file lives in a repository.
    path.write_text(
        "\n".join(line.rstrip() for line in path.read_text(encoding="utf-8").splitlines()) + "\n", encoding="utf-8"
    )


def _spread_apart(heights: list[float], step: float) -> list[float]:
    """The same heights in the same order, moved as little as it takes to be `step` apart."""
    groups = [[height] for height in heights]
    merged = True
    while merged:
        merged = False
        for index in range(len(groups) - 1):
            here, there = groups[index], groups[index + 1]
            gap = (sum(there) / len(there) - sum(here) / len(here)) - step * (len(here) + len(there)) / 2
            if gap < 0:
                groups[index : index + 2] = [here + there]
                merged = True
                break
    return [sum(group) / len(group) + step * (i - (len(group) - 1) / 2) for group in groups for i in range(len(group))]


def _below(top: float, heights: list[float], step: float) -> list[float]:
    """The same again, moved down as far as the title demands."""
    return [min(height, top - step * above) for above, height in enumerate(reversed(heights))][::-1]


def _label_ends(axes: Axes, ends: list[tuple[str, float, float]]) -> None:
    """Write each line's name at its right end, moved apart where two would overlap."""
    transform = axes.transData.transform
    heights = sorted((float(transform((x, y))[1]), name, x, y) for name, x, y in ends)
    points_per_pixel = 72 / axes.figure.dpi
    step = 12 / points_per_pixel
    placed = _below(axes.bbox.y1, _spread_apart([height for height, *_ in heights], step), step)
    for at, (height, name, x, y) in zip(placed, heights, strict=True):
        axes.annotate(
            name,
            (x, y),
            xytext=(8, (at - height) * points_per_pixel),
            textcoords="offset points",
            va="center",
            color=colour(name),
            fontsize=9,
            fontweight="bold" if name in OURS else "normal",
            annotation_clip=False,
        )


def _plain_ticks(axis: Axis) -> None:
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}" if value >= 1 else f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def _lines(points: Iterable[Point], value: Callable[[Point], float | None], title: str, unit: str, path: Path) -> None:
    figure = Figure(figsize=(7.2, 4.6))
    axes = figure.subplots()
    by_name: dict[str, list[tuple[int, float]]] = {}
    for point in points:
        measured = value(point)
        if measured is not None and measured > 0:
            by_name.setdefault(point.contender, []).append((point.n, measured))
    axes.set_xscale("log")
    axes.set_yscale("log")
    for name, line in by_name.items():
        ours = name in OURS
        axes.plot(
            *zip(*line, strict=True),
            color=colour(name),
            linewidth=2.4 if ours else 1.2,
            marker="o",
            markersize=4 if ours else 2.5,
            zorder=3 if ours else 2,
            linestyle="-" if ours or name in STDLIB else "--",
        )
    _plain_ticks(axes.xaxis)
    _plain_ticks(axes.yaxis)
    axes.grid(color=GRID, linewidth=0.6)
    axes.set_xlabel("inputs")
    axes.set_ylabel(unit)
    axes.set_title(title, loc="left", fontsize=11)
    figure.draw_without_rendering()
    _label_ends(axes, [(name, *line[-1]) for name, line in by_name.items()])
    _save(figure, path)


def _bars(points: list[Point], title: str, path: Path) -> None:
    measured = sorted((point.freeze.median * 1000, point.contender) for point in points if point.freeze)
    figure = Figure(figsize=(7.2, 0.32 * len(measured) + 1.2))
    axes = figure.subplots()
    names = [name for _, name in measured]
    bars = axes.barh(names, [max(ms, 0.1) for ms, _ in measured], color=[colour(name) for name in names], height=0.62)
    axes.bar_label(bars, [_ms(ms) for ms, _ in measured], padding=4, color=INK, fontsize=9)
    axes.set_xscale("log")
    _plain_ticks(axes.xaxis)
    axes.invert_yaxis()
    axes.set_xlabel("milliseconds")
    axes.set_title(title, loc="left", fontsize=11)
    axes.grid(axis="x", color=GRID, linewidth=0.6)
    axes.set_axisbelow(True)
    _save(figure, path)


def _ms(value: float) -> str:
    return f"{value / 1000:.1f} s" if value >= 1000 else f"{value:.0f} ms" if value >= 10 else f"{value:.1f} ms"


def draw(points: list[Point], folder: Path, python: str) -> None:
    """Three plots from the grid: time per input over N, memory over N, longest freeze at the largest N."""
    folder.mkdir(parents=True, exist_ok=True)
    chosen = [point for point in points if point.work == PLOTTED and point.loop == "asyncio"]
    most = max(point.n for point in chosen)
    paths = [folder / name for name in ("time.svg", "memory.svg", "freeze.svg")]
    under = f"Each input: await sleep(0), CPython {python}"
    settings: dict[str, Any] = _STYLE
    with mpl.rc_context(settings):
        _lines(
            chosen,
            per_input,
            f"Time per input. {under}",
            "microseconds per input",
            paths[0],
        )
        _lines(
            # Less than a tenth of a megabyte is a handful of pages: nothing to compare.
            chosen,
            lambda point: max(point.peak.median / 1e6, 0.1) if point.peak else None,
            f"Peak memory above the start. {under}",
            "megabytes",
            paths[1],
        )
        _bars(
            [point for point in chosen if point.n == most],
            f"Longest freeze of the loop, {most:,} inputs. {under}",
            paths[2],
        )
