"""The catalogue of hazards: one rule, one file, one page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

PAGES = Path(__file__).parent / "pages"
CHECKOUT_PAGES = Path(__file__).parents[3] / "docs" / "rules"


@final
@dataclass(frozen=True, slots=True)
class Rule:
    """One hazard: its code, its name, one line on what it is, the file name of its page, and the function that finds it."""

    code: str
    name: str
    summary: str
    page: str
    check: Callable[[Any], Iterator[Any]]

    def text(self) -> str:
        """The rule's page, as Markdown: from the wheel, or from the checkout in an editable install."""
        for folder in (PAGES, CHECKOUT_PAGES):
            if (folder / self.page).is_file():
                return (folder / self.page).read_text(encoding="utf-8")
        raise FileNotFoundError(f"the page {self.page} is neither in {PAGES} nor in {CHECKOUT_PAGES}")


def nothing_yet(_: object) -> Iterator[Any]:
    """No findings."""
    return iter(())


def rule(code: str, name: str, summary: str) -> Rule:
    """A rule whose page bears its code."""
    return Rule(code, name, summary, f"{code}.md", nothing_yet)


RULES = {
    r.code: r
    for r in (
        rule("TG001", "lost-task", "Nothing that lives keeps the task"),
        rule("TG002", "orphaned-siblings", "The first failure leaves the other tasks running"),
        rule("TG003", "discarded-outcomes", "Failures are collected and never read"),
        rule("TG004", "lost-future", "The future of work given to a loop or an executor is dropped"),
        rule("TG005", "unawaited-gather", "A gather, shield or wait_for is never awaited"),
        rule("TG006", "sequential-awaits", "Tasks awaited one after another: a failure in the first orphans the rest"),
    )
}
META = {
    "TG000": ("cannot-check", "The file cannot be checked"),
    "TG100": ("unused-suppression", "A noqa comment that suppresses nothing"),
}
