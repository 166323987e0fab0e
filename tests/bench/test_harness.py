"""The harness refuses to publish what it did not measure."""

from __future__ import annotations

import itertools
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from benchmarks import __main__ as command
from benchmarks import cell, contenders, figures, grid, guard_cell, inputs, report, rows, runner, scale_cell
from benchmarks.cell import Spec
from benchmarks.rows import Check, Row
from benchmarks.runner import CellFailed, Spread, interleaved, run_cell

LISTS = [name for name in contenders.BY_NAME if contenders.BY_NAME[name].package in {None, "corral"}]


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize("work", ["at_once", "sleep(0)"])
async def test_contender_returns_every_result_in_order(name: str, work: str) -> None:
    """Each adapter of ours and of the standard library gives what the cell's check demands."""
    results = await contenders.BY_NAME[name].run(inputs.WORK[work], range(50), 7)
    inputs.check_results(results, 50)


@pytest.mark.parametrize("wrong", [[0, 1], [0, 2, 1], [0, 1, 2, 3], [0, 0, 2]])
def test_wrong_results_get_no_number(wrong: list[int]) -> None:
    """Lost, shuffled, surplus and doubled results are refused."""
    with pytest.raises(AssertionError, match="wrong results"):
        inputs.check_results(wrong, 3)


def test_cell_measures_in_its_own_process() -> None:
    """A real cell comes back with time, processor time, memory and freeze."""
    result = run_cell(Spec("run", "sequential await", "sleep(0)", n=2000))
    assert set(result) == {"seconds", "cpu", "peak", "freeze"}
    assert result["cpu"] > 0


@pytest.mark.heavy
@pytest.mark.parametrize("mode", sorted(cell.MODES))
def test_every_mode_measures_something(mode: str) -> None:
    """Each mode runs to its end on one of our verbs and returns numbers."""
    verb = {"ready": "gather_tg", "stream": "stream_tg", "three": ""}.get(mode, "map_tg")
    n = 3 if mode == "killed" else 200  # each is a pool that begins anew
    assert run_cell(Spec(mode, verb, "sleep(0)", n=n, limit=10, seconds=0.05))


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_map_tg_leaves_nothing_after_a_failure(loop: str) -> None:
    """The published count of tasks left running is zero for ours, on both loops."""
    result = run_cell(Spec("failure", "map_tg", n=100, limit=10, loop=loop))
    assert (result["left"], result["ran_on"], result["raised"]) == (0, 0, "ExceptionGroup")


def test_gather_is_seen_to_leave_tasks() -> None:
    """The same cell sees the siblings that asyncio.gather leaves: a zero means something."""
    assert run_cell(Spec("failure", "asyncio.gather", n=100))["left"] == 99


def test_crashed_cell_is_told_with_its_traceback() -> None:
    """A cell that crashes raises what it wrote, and is never a number."""
    with pytest.raises(CellFailed, match="KeyError: 'no such contender'"):
        run_cell(Spec("run", "no such contender", n=1))


def test_cells_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every cell runs once before any runs again, and who goes first changes."""
    order: list[str] = []

    def noting(spec: Spec, python: str) -> dict[str, Any]:
        order.append(spec.contender)
        return {}

    monkeypatch.setattr(runner, "run_cell", noting)
    interleaved({name: Spec("run", name) for name in "abc"}, 3)
    assert order == list("abcbcacab")


def test_every_figure_names_cells_that_exist() -> None:
    """No row of the figures asks for a mode, contender, input or label that is not there."""
    known = {*contenders.BY_NAME, *contenders.DRAINS, *scale_cell.KINDS, ""}
    for row in rows.ROWS:
        for spec in row.cells.values():
            assert spec.mode in {*cell.MODES, cell.IMPORT}
            assert spec.work in {*inputs.WORK, "http"}
            assert spec.mode == cell.IMPORT or spec.contender in known
        one = {
            label: dict.fromkeys(
                (
                    "seconds",
                    "cpu",
                    "peak",
                    "freeze",
                    "ours",
                    "helper",
                    "tasks",
                    "per_million",
                    "rate",
                    "clear",
                    "hangs",
                    "first",
                    *guard_cell.WAYS,
                    *(
                        "corral",
                        "corral_cpu",
                        "corral_warm",
                        "ruff",
                        "ruff_cpu",
                        "ruff_warm",
                        "keystroke",
                        "keystroke_p90",
                    ),
                ),
                1.0,
            )
            for label in row.cells
        }
        assert all(isinstance(check.value(one), float) for check in row.checks)


def made_row(bound: float) -> Row:
    cells = {"a": Spec("run", "sequential await", n=1000), "b": Spec("run", "sequential await", n=1000)}
    return Row("made", "two of a kind", cells, (Check("a over b", rows.ratio("a", "b"), "<=", bound),))


@pytest.mark.parametrize(("bound", "verdict"), [(1e6, "reached"), (1e-6, "MISSED")])
def test_figures_are_judged_on_the_median(bound: float, verdict: str) -> None:
    """A target that is met says so, and one that is not says so louder."""
    (figure,) = figures.figures_of(made_row(bound), runner.sys.executable, 3)
    assert figure.spread is not None
    assert figure.spread.low <= figure.spread.median <= figure.spread.high
    assert figure.verdict == verdict


def test_a_row_that_fails_is_a_miss(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A row whose cell crashes is told as failed, and the command exits with 1."""
    broken = Row("broken", "nothing", {"a": Spec("run", "nobody", n=1)}, (Check("none", rows.number("a", "seconds")),))
    monkeypatch.setitem(figures.BY_NAME, "map_now", broken)
    assert figures.main(["--row", "map_now", "--quick"]) == 1
    assert "FAILED" in capsys.readouterr().out


def test_grid_skips_what_would_take_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a smaller size says will take minutes is not run, and the table says why."""
    calls = itertools.count()

    def slow(spec: Spec) -> dict[str, float]:
        next(calls)
        return {"seconds": spec.n * 0.01, "peak": 1e6}

    monkeypatch.setattr(grid, "run_cell", slow)
    points = grid.measure_grid({("asyncio", "at_once"): [1000, 100_000]}, 3, lambda _: None)
    assert next(calls) == len(contenders.ALL)
    assert {point.skipped for point in points if point.n == 100_000} == {"would take about 1000 s"}


def test_tables_keep_what_is_written_by_hand(tmp_path: Path) -> None:
    """Only what stands between the markers is replaced, however often."""
    page = tmp_path / "page.md"
    page.write_text(f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n", encoding="utf-8")
    for block in ("new", "newer"):
        report.write_into(page, block)
    assert page.read_text(encoding="utf-8") == f"before\n{report.BEGIN}\n\nnewer\n\n{report.END}\nafter\n"


def test_page_without_markers_is_refused(tmp_path: Path) -> None:
    """A page that lost its markers is left as it is, with an error that names them."""
    page = tmp_path / "page.md"
    page.write_text("no markers", encoding="utf-8")
    with pytest.raises(ValueError, match=r"page\.md does not hold the two markers"):
        report.write_into(page, "new")
    assert page.read_text(encoding="utf-8") == "no markers"


def test_published_page_is_what_its_numbers_make(tmp_path: Path) -> None:
    """The tables of the docs are those that `--render` makes of the numbers beside them: nothing in them was written by hand."""
    results = json.loads((command.DOCS / command.RESULTS).read_text(encoding="utf-8"))
    published, made = command.DOCS / command.PAGE, tmp_path / command.PAGE
    shutil.copy(published, made)
    points, told = command.read(results)
    report.write_into(made, report.sections(points, told, results["failures"], results["machine"]))
    assert made.read_text(encoding="utf-8") == published.read_text(encoding="utf-8")


def test_table_tells_numbers_runs_and_reasons() -> None:
    """A measured point shows its number, one that ran once is marked, one that was left out says why."""
    points = [
        grid.Point("asyncio", "at_once", 1000, contender.name, skipped="left out") for contender in contenders.ALL
    ]
    points[0] = grid.Point("asyncio", "at_once", 1000, "map_tg", 3, Spread(0.0004, 0.0004, 0.0004))
    points[1] = grid.Point("asyncio", "at_once", 1000, "stream_tg", 1, Spread(0.02, 0.02, 0.02))
    table = report.grid_table(points, "asyncio", "at_once", "µs", report.per_input).splitlines()
    assert table[2] == "| **map_tg** | 0.40 |"
    assert table[3] == "| **stream_tg** | 20.0 ¹ |"
    assert table[4] == "| **gather_tg** | left out |"
