"""One rule, one file, one page; and the page is the rule's test."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from corral.check.fixer import fix_source
from corral.check.model import Level
from corral.check.registry import RULES, Rule
from corral.check.report import write_report
from corral.check.settings import Settings
from corral.check.source import check_source
from corral.check.tool.result import Result

DOCS = Path(__file__).parents[2] / "docs" / "rules"
HEADINGS = [
    "What it does",
    "Why is this bad",
    "Example",
    "Use instead",
    "Not flagged",
    "Fix safety",
    "References",
]
MARK = re.compile(r"[ ]+# (error|warning|note): (TG\d{3})$", re.MULTILINE)
ALL = Settings(min_level=Level.NOTE)
EVERY = pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.code)


def sections(rule: Rule) -> dict[str, str]:
    """The text under each heading of the page."""
    parts = re.split(r"^## (.*)\n", rule.text(), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def blocks(text: str) -> list[str]:
    """The programs in a part of a page."""
    return re.findall(r"^```python\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


def test_rules_pages_and_catalogue_are_the_same_set():
    """No rule without a file and a page, no page without a rule, and SARIF's catalogue has them all."""
    files = {
        f"{path.stem.upper()}.md" for path in (Path(__file__).parents[2] / "src/corral/check/rules").glob("tg*.py")
    }
    pages = {path.name for path in DOCS.glob("*.md")}
    assert files == pages == {rule.page for rule in RULES.values()}
    out = io.StringIO()
    write_report("sarif", Result(files=0, findings=(), read=lambda _: b""), out)
    catalogue = {rule["id"] for rule in json.loads(out.getvalue())["runs"][0]["tool"]["driver"]["rules"]}
    assert {f"{code}.md" for code in catalogue if code in RULES} == pages


@EVERY
def test_page_has_the_headings(rule: Rule):
    """The page begins with the rule's code and name, and answers the same questions as every other, in the same order."""
    assert rule.text().startswith(f"# {rule.code}: {rule.name}\n")
    assert list(sections(rule)) == HEADINGS
    assert (DOCS / rule.page).read_text(encoding="utf-8") == rule.text()


@EVERY
def test_example_is_flagged_where_it_says(rule: Rule):
    """Each line of an example that bears a mark is told at that level, under that code, and no other line is."""
    shown = blocks(sections(rule)["Example"])
    assert shown
    for code in shown:
        marks = {
            (row, match[1], match[2])
            for row, line in enumerate(code.splitlines(), 1)
            if (match := MARK.search(line)) is not None
        }
        found = check_source(MARK.sub("", code).encode(), "app.py", ALL).findings
        assert {(f.span.row, f.level.label, f.code) for f in found} == marks
        assert rule.code in {code for _, _, code in marks}


@EVERY
def test_use_instead_is_what_the_fixer_makes_of_the_example(rule: Rule):
    """The page shows the fixer's own work, and nothing is found in it any more."""
    page = sections(rule)
    examples, mended = blocks(page["Example"]), blocks(page["Use instead"])
    assert len(examples) == len(mended)
    for example, wanted in zip(examples, mended, strict=True):
        result = fix_source(MARK.sub("", example).encode(), "app.py", ALL, unsafe=True)
        assert result.data.decode() == wanted
        assert result.remaining == ()
        assert result.fixed


@EVERY
def test_what_is_not_flagged_is_silent(rule: Rule):
    """What the page says is not flagged is not: by no rule, not even as a note."""
    shown = blocks(sections(rule)["Not flagged"])
    assert shown
    for code in shown:
        assert [(f.span.row, f.message) for f in check_source(code.encode(), "app.py", ALL).findings] == []
        compile(code, "app.py", "exec")


def test_page_that_is_gone_is_told():
    """An installation that has lost a page says which, where it should be and what to do."""
    with pytest.raises(FileNotFoundError, match=r"the page TG999\.md is neither in .* nor in .*: reinstall corral"):
        replace(RULES["TG001"], page="TG999.md").text()


@EVERY
def test_page_says_when_the_fix_is_unsafe(rule: Rule):
    """What the page says under Fix safety fits the fixes of its examples."""
    page = sections(rule)
    fixes = [
        f.fix
        for code in blocks(page["Example"])
        for f in check_source(MARK.sub("", code).encode(), "app.py", ALL).findings
        if f.fix is not None
    ]
    first = page["Fix safety"].strip().partition(" ")[0].strip(":,")
    if first == "Safe":
        assert all(fix.safe for fix in fixes)
    else:
        assert "nsafe" in page["Fix safety"].partition(":")[0]
        assert not any(fix.safe for fix in fixes)
