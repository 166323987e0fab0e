"""`corral check`, as its user calls it."""

from __future__ import annotations

import contextlib
import io
import json
import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from corral.cli import main
from tests.cli.command import Corral, write
from tests.cli.programs import CLEAN, DROPPED, LOST, PLAIN_GATHER


def codes(out: str) -> list[str]:
    """The places and codes of a concise report."""
    return [f"{place} {code}" for place, code in re.findall(r"(?m)^(\S+:\d+:\d+): \w+: (TG\d+) ", out)]


def test_clean_tree_is_status_0(corral: Corral) -> None:
    """Nothing found is said in one line, with the number of files that were looked at."""
    write({"a.py": CLEAN, "b/c.py": "x = 1\n", "b/notes.txt": LOST})
    done = corral("check")
    assert (done.status, done.out, done.err) == (0, "No hazards found in 2 files.\n", "")


def test_findings_are_status_1(corral: Corral) -> None:
    """A finding is shown with its place, and makes the status 1."""
    write({"a.py": LOST, "b.py": DROPPED})
    done = corral("check", "--format", "concise")
    assert done.status == 1
    assert codes(done.out) == ["a.py:5:5 TG001", "b.py:5:5 TG004"]
    assert "Found 1 error, 1 warning in 2 files of 2." in done.out


def test_full_report_shows_the_code(corral: Corral) -> None:
    """Without `--format` the code is shown with a caret under the place, and what to write."""
    write({"a.py": LOST})
    done = corral("check", "a.py")
    assert "5 |     asyncio.create_task(work())\n  |     ^^^^^^^^^^^^^^^^^^^^^^^^^^^\n" in done.out
    assert "  = help: " in done.out
    assert "\x1b" not in done.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--select", "TG01"], "no rule is called 'TG01'; did you mean 'TG001'?"),
        (["--ignore", "lost-tasks"], "no rule is called 'lost-tasks'; did you mean 'lost-task'?"),
        (["--nope"], "No such option: --nope"),
        (["--format", "xml"], "'full', 'concise', 'json', 'sarif', 'github'"),
        (["--min-level", "fatal"], "'note', 'warning'"),
        (["nowhere"], "no such file or folder: nowhere"),
        (["--unsafe-fixes"], "goes with --fix or --diff"),
        (["--stdin-filename", "a.py"], "goes with `-` as the only path"),
        (["-", "a.py"], "cannot be mixed with other paths"),
        (["--baseline", "known.json"], "baseline known.json: No such file or directory; make it with --write-baseline"),
        (["--config", "corral.toml"], "corral.toml: No such file or directory"),
        (["--output-file", "no/such/folder/out.txt"], "no/such/folder/out.txt: No such file or directory"),
        (["--workers", "0"], "--workers"),
    ],
)
def test_mistakes_are_status_2(corral: Corral, arguments: list[str], message: str) -> None:
    """What cannot be meant is told in a sentence, with status 2 and nothing on standard output."""
    done = corral("check", *arguments)
    told = " ".join(re.sub(r"[│╭╮╰╯─]", " ", done.err).split())
    assert (done.status, done.out) == (2, "")
    assert message in told


def test_wrong_configuration_is_status_2(corral: Corral) -> None:
    """A key that is not ours is refused with the name that was meant."""
    write({"pyproject.toml": "[tool.corral]\nselct = ['TG001']\n", "a.py": LOST})
    done = corral("check")
    assert done.status == 2
    assert "[tool.corral] has no key 'selct'; did you mean 'select'?" in done.err


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (["--select", "TG001"], ["TG001"]),
        (["--select", "lost-future,TG002"], ["TG004"]),
        (["--select", "TG001", "--extend-select", "TG004"], ["TG001", "TG004"]),
        (["--select", "ALL", "--ignore", "TG001"], ["TG004"]),
        (["--ignore", "TG"], []),
        (["--min-level", "error"], ["TG001"]),
        (["--min-level", "note"], ["TG001", "TG004", "TG002"]),
        (["a.py"], ["TG001"]),
        (["b.py", "a.py", "./a.py"], ["TG001", "TG004"]),
    ],
)
def test_rules_and_paths_are_chosen(corral: Corral, arguments: list[str], found: list[str]) -> None:
    """`--select`, `--extend-select`, `--ignore`, `--min-level` and the paths say what is shown."""
    write({"a.py": LOST, "b.py": DROPPED, "c.py": PLAIN_GATHER})
    done = corral("check", "--format", "concise", *arguments)
    assert [each.split()[1] for each in codes(done.out)] == found
    assert done.status == bool(found)


def test_statistics_count(corral: Corral) -> None:
    """`--statistics` is a line a rule, the most frequent first, instead of the findings."""
    write({"a.py": LOST + LOST, "b.py": DROPPED})
    done = corral("check", "--statistics", "--quiet")
    assert [line.split()[:3] for line in done.out.splitlines()] == [
        ["2", "TG001", "lost-task"],
        ["1", "TG004", "lost-future"],
    ]
    assert done.status == 1


def test_exit_zero(corral: Corral) -> None:
    """`--exit-zero` shows the findings and reports success; a mistake in the call is still one."""
    write({"a.py": LOST})
    done = corral("check", "--exit-zero", "--format", "concise")
    assert (done.status, codes(done.out)) == (0, ["a.py:5:5 TG001"])
    assert corral("check", "--exit-zero", "nowhere").status == 2


def test_report_goes_to_a_file(corral: Corral) -> None:
    """`--output-file` takes the report; the summary stays on the terminal."""
    write({"a.py": LOST})
    done = corral("check", "--format", "concise", "-o", "out.txt")
    assert done.status == 1
    assert codes(Path("out.txt").read_text()) == ["a.py:5:5 TG001"]
    assert done.out.startswith("Found 1 error")


@pytest.mark.parametrize("name", ["json", "sarif", "github", "html"])
def test_formats_for_programs_are_alone_on_standard_output(corral: Corral, name: str) -> None:
    """What a program reads has no summary behind it."""
    write({"a.py": LOST})
    done = corral("check", "--format", name)
    assert done.status == 1
    assert done.err == ""
    if name in {"json", "sarif"}:
        json.loads(done.out)
    assert "Found 1" not in done.out
    assert "TG001" in done.out


def test_quiet_is_nothing_but_findings(corral: Corral) -> None:
    """`--quiet` leaves the summary out."""
    write({"a.py": LOST})
    assert corral("check", "-q", "--format", "concise").out.count("\n") == 1
    assert corral("check", "-q", "--select", "TG002").out == ""


def test_gitignored_files_are_left_out(corral: Corral) -> None:
    """What git ignores is not looked at, unless it is named or the configuration says otherwise."""
    write({".gitignore": "generated/\n", "generated/a.py": LOST, "b.py": CLEAN})
    assert corral("check").status == 0
    assert corral("check", "generated/a.py").status == 1
    write({"pyproject.toml": "[tool.corral]\nrespect-gitignore = false\n"})
    assert corral("check").status == 1


def test_excluded_files_can_be_left_out_by_name(corral: Corral) -> None:
    """`--force-exclude` is for hooks, which name every file: what the configuration excludes stays excluded."""
    write({"pyproject.toml": "[tool.corral]\nextend-exclude = ['gen/*']\n", "gen/a.py": LOST, "b.py": CLEAN})
    assert corral("check", "gen/a.py").status == 1
    done = corral("check", "--force-exclude", "gen/a.py", "b.py")
    assert (done.status, done.out) == (0, "No hazards found in 1 file.\n")


def test_project_configuration_is_that_of_the_files(corral: Corral) -> None:
    """Each path follows the nearest `pyproject.toml` above it; `--config` overrules them all."""
    write(
        {
            "one/pyproject.toml": "[tool.corral]\nignore = ['TG001']\n",
            "one/a.py": LOST,
            "two/pyproject.toml": "[tool.corral]\nmin-level = 'note'\n",
            "two/b.py": LOST + PLAIN_GATHER,
            "other.toml": "[tool.corral]\nselect = ['TG002']\nmin-level = 'note'\n",
        }
    )
    done = corral("check", "--format", "concise", "one", "two")
    assert [each.split()[1] for each in codes(done.out)] == ["TG001", "TG002"]
    done = corral("check", "--format", "concise", "--config", "other.toml")
    assert [each.split()[1] for each in codes(done.out)] == ["TG002"]


@pytest.mark.parametrize(
    ("line", "source", "expected"),
    [
        ("spawners = ['hass.loop.create_task']", "def f(self):\n    self.hass.loop.create_task(g())\n", []),
        ("ignore = []", "def f(self):\n    self.hass.loop.create_task(g())\n", ["TG001"]),
        ("loop-names = ['reactor']", "def f(reactor):\n    reactor.create_task(g())\n", ["TG001"]),
        ("ignore = []", "def f(reactor):\n    reactor.create_task(g())\n", []),
        ("per-file-ignores = { 'src/*' = ['TG001'] }", LOST, []),
        ("per-file-ignores = { 'lib/*' = ['TG001'] }", LOST, ["TG001"]),
        ("strong-task-factory = true", LOST, []),
        ("test-patterns = ['src/*']\nmin-level = 'error'", LOST, []),
        ("exclude = ['src']", LOST, []),
        ("extend-select = ['TG001']\nselect = ['TG002']", LOST, ["TG001"]),
    ],
)
def test_project_can_say_what_is_true_of_it(corral: Corral, line: str, source: str, expected: list[str]) -> None:
    """Own spawners, names of loops, ignored files, a strong task factory: what `[tool.corral]` says is believed."""
    write({"pyproject.toml": f"[tool.corral]\n{line}\n", "src/app.py": source})
    done = corral("check", "--format", "concise")
    assert [each.split()[1] for each in codes(done.out)] == expected


@pytest.mark.parametrize("comment", ["TG001", "RUF006", "ASYNC300", "S7502", "E501,TG001", "E501 RUF006", ""])
def test_noqa_suppresses(corral: Corral, comment: str) -> None:
    """`# noqa` with our code, with another checker's code for the same hazard, or with none, silences the line."""
    suffix = f"  # noqa: {comment}" if comment else "  # noqa"
    write({"a.py": LOST.replace("work())", f"work()){suffix}")})
    done = corral("check")
    assert (done.status, done.out) == (0, "No hazards shown in 1 file.\n")


def test_noqa_for_another_rule_suppresses_nothing(corral: Corral) -> None:
    """A code that is about something else leaves the finding, and an unused one of ours is told."""
    write({"a.py": LOST.replace("work())", "work())  # noqa: E501, TG002")})
    done = corral("check", "--format", "concise")
    assert codes(done.out) == ["a.py:5:5 TG001", "a.py:5:34 TG100"]


def test_whole_file_can_be_suppressed(corral: Corral) -> None:
    """`# corral: noqa` silences the file, with codes those rules."""
    write({"a.py": f"# corral: noqa: TG001\n{LOST}", "b.py": f"# corral: noqa\n{LOST}"})
    assert corral("check").status == 0


def test_order_is_that_of_the_files(corral: Corral) -> None:
    """Findings come by path, row and column, however the files were found."""
    write({f"{name}.py": LOST + DROPPED for name in "zcaby"})
    done = corral("check", "--format", "concise", "--workers", "1")
    assert codes(done.out) == [f"{name}.py:{place}" for name in "abcyz" for place in ("5:5 TG001", "11:5 TG004")]


def test_output_that_is_no_file(corral: Corral) -> None:
    """Called from a program that has put something else in the place of its output, the command writes there, diffs too."""
    write({"app.py": LOST})
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown):
        assert main(["check", "--format", "concise", "--quiet", "app.py"]) == 1
        assert main(["check", "--diff", "app.py"]) == 1
    assert shown.getvalue().startswith("app.py:5:5: ")
    assert "\n+++ app.py\n" in shown.getvalue()


@pytest.mark.usefixtures("folder")
def test_interrupted(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Ctrl-C, for instance while it waits for somebody to type, ends it as it ends any program, without a traceback."""

    def interrupted() -> bytes:
        raise KeyboardInterrupt

    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=SimpleNamespace(read=interrupted)))
    assert main(["check", "-"]) == 130
    assert capsys.readouterr() == ("", "")
