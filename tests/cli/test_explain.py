"""`corral explain`: the page of each rule."""

from __future__ import annotations

import re

import pytest

from corral.check.registry import META, RULES
from corral.cli.explain import _complete, explain
from tests.cli.command import Corral


def test_every_rule_can_be_explained(corral: Corral) -> None:
    """`corral explain` lists the rules, and shows the page of one by its code or its name."""
    listed = corral("explain").out
    assert re.findall(r"(?m)^(TG\d+)", listed) == [*RULES, *META]
    for rule in RULES.values():
        by_code, by_name = corral("explain", rule.code.lower()), corral("explain", rule.name)
        assert by_code.status == 0
        assert by_code.out == by_name.out
        assert rule.code in by_code.out
        assert "Why is this bad" in by_code.out
    for code, (name, summary) in META.items():
        assert corral("explain", code).out == corral("explain", name).out == f"# {code}: {name}\n\n{summary}.\n"
    done = corral("explain", "lost-tsk")
    assert done.status == 2
    assert "did you mean 'lost-task'?" in " ".join(done.err.replace("│", " ").split())


def test_terminal_shows_the_page_laid_out(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """On a terminal a rule's page has no marks of Markdown; elsewhere it stays text that can be piped on."""
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    explain(["TG001"])
    shown = capsys.readouterr().out
    assert "TG001: lost-task" in shown
    assert "## " not in shown


def test_codes_are_completed() -> None:
    """The shell is offered the rules whose codes begin as typed, in either case."""
    assert [code for code, _ in _complete("tg00")] == [*RULES]
    assert _complete("X") == []
