"""What the checker tells of the specimens, and at which level."""

from __future__ import annotations

from dataclasses import replace

import pytest

from corral.check.model import Level
from corral.check.prefilter import may_matter
from corral.check.registry import RULES
from corral.check.settings import Settings
from corral.check.source import check_source
from tests.check.specimens import KEPT, SAFE, UNSAFE, VARIATIONS, Specimen


def test_the_set_is_as_large_as_the_survey_it_follows():
    """At least as many specimens as the survey of sixteen checkers had, of either kind, and no title twice."""
    assert len(UNSAFE) >= 87
    assert len(SAFE) >= 60
    titles = [s.title for s in UNSAFE + SAFE + VARIATIONS + KEPT]
    assert len(titles) == len(set(titles))


@pytest.mark.parametrize("specimen", SAFE, ids=lambda s: s.title)
def test_what_is_kept_is_not_accused(specimen: Specimen):
    """The no-touch table: kept tasks are never told at `warning` or above, and mostly not at all."""
    report = check_source(specimen.data, "app.py", Settings())
    told = report.findings if specimen.wanted.startswith("silent") else report.shown(Level.WARNING)
    assert [(f.code, f.message) for f in told] == []


@pytest.mark.parametrize("specimen", UNSAFE, ids=lambda s: s.title)
def test_what_is_lost_is_told(specimen: Specimen):
    """Every hazard is found, under the code of its page."""
    assert may_matter(specimen.data)
    report = check_source(specimen.data, "app.py", Settings())
    assert specimen.wanted in {f.code for f in report.findings}


@pytest.mark.parametrize("specimen", VARIATIONS, ids=lambda s: s.title)
def test_other_spellings_are_told_too(specimen: Specimen):
    """The classes are meant, not the specimens: the same hazards in some two hundred other spellings."""
    assert may_matter(specimen.data)
    assert specimen.wanted in {f.code for f in check_source(specimen.data, "app.py", Settings()).findings}


@pytest.mark.parametrize("specimen", KEPT, ids=lambda s: s.title)
def test_what_real_code_keeps_is_not_accused(specimen: Specimen):
    """Ways to keep a task, many of them out of public code that was accused once: nothing at `warning` or above."""
    report = check_source(specimen.data, "app.py", Settings())
    assert [(f.code, f.message) for f in report.shown(Level.WARNING)] == []


@pytest.mark.parametrize(
    "specimen", [s for s in UNSAFE if s.title.startswith(("A1", "A3", "B2", "B3"))], ids=lambda s: s.title
)
def test_what_nothing_holds_is_an_error(specimen: Specimen):
    """A task that nothing holds is loud, whatever spelling it was made by."""
    report = check_source(specimen.data, "app.py", Settings())
    assert {f.level for f in report.findings if f.code == specimen.wanted} == {Level.ERROR}


@pytest.mark.parametrize("specimen", UNSAFE, ids=lambda s: s.title)
def test_in_tests_every_finding_is_one_level_down(specimen: Specimen):
    """The same code in a test file is told one level lower, and a note stays a note."""
    here = check_source(specimen.data, "app.py", Settings()).findings
    there = check_source(specimen.data, "tests/test_app.py", Settings()).findings
    assert [max(f.level - 1, Level.NOTE) for f in here] == [f.level for f in there]


@pytest.mark.parametrize("specimen", UNSAFE, ids=lambda s: s.title)
def test_each_message_is_a_sentence_about_this_code(specimen: Specimen):
    """One sentence says what happens, one what to write; the place is inside the file."""
    rows = specimen.code.count("\n")
    for finding in check_source(specimen.data, "app.py", Settings()).findings:
        assert finding.message.endswith(".")
        assert finding.advice.endswith((".", ")."))
        assert finding.message[0].isupper() or finding.message[0] == "`"
        assert 1 <= finding.span.row <= finding.span.end_row <= rows


def test_a_comment_that_only_begins_like_a_suppression_is_none():
    """`# noqa` is a word: what has more letters suppresses nothing."""
    for comment, suppressed in (("# noqa", True), ("# noqable", False)):
        data = f"import asyncio\nasync def f():\n    asyncio.create_task(g())  {comment}\n".encode()
        assert [f.suppressed for f in check_source(data, "app.py", Settings()).findings] == [suppressed]


def test_a_mistake_of_ours_costs_one_file(monkeypatch: pytest.MonkeyPatch):
    """When a rule itself fails, the file is told as not checked, with what happened; nothing is raised."""

    def broken(unit: object) -> list[object]:
        raise KeyError("a case nobody thought of")

    rule = RULES["TG001"]
    monkeypatch.setitem(RULES, "TG001", replace(rule, check=broken))
    (finding,) = check_source(UNSAFE[0].data, "app.py", Settings()).findings
    assert finding.code == "TG000"
    assert "KeyError('a case nobody thought of')" in finding.message
