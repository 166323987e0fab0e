"""The catalogue of hazards: one rule, one file, one page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import final

from corral.check import cannot
from corral.check.model import Finding
from corral.check.rules import tg001, tg002, tg003, tg004, tg005, tg006
from corral.check.unit import Unit

PAGES = Path(__file__).parent / "pages"  # in the wheel
CHECKOUT_PAGES = Path(__file__).parents[3] / "docs" / "rules"  # in an editable install


@final
@dataclass(frozen=True, slots=True)
class Rule:
    """One hazard: its code, its name, one line on what it is, the file name of its page, and the function that finds it."""

    code: str
    name: str
    summary: str
    page: str
    check: Callable[[Unit], Iterator[Finding]]

    def text(self) -> str:
        """The rule's page, as Markdown.

        Fails:
            `FileNotFoundError` when the installation has lost it.
        """
        for folder in (PAGES, CHECKOUT_PAGES):
            if (folder / self.page).is_file():
                return (folder / self.page).read_text(encoding="utf-8")
        raise FileNotFoundError(f"the page {self.page} is neither in {PAGES} nor in {CHECKOUT_PAGES}: reinstall corral")


RULES = {
    m.CODE: Rule(m.CODE, m.NAME, m.SUMMARY, f"{m.CODE}.md", m.check) for m in (tg001, tg002, tg003, tg004, tg005, tg006)
}

UNUSED_SUPPRESSION = ("TG100", "unused-suppression")
# What the checker says about a file rather than about a hazard in it. They have no page of their own, and cannot be selected away.
META = {
    cannot.CODE: (cannot.NAME, "The file cannot be checked"),
    UNUSED_SUPPRESSION[0]: (UNUSED_SUPPRESSION[1], "A noqa comment that suppresses nothing"),
}


def expand(codes: tuple[str, ...]) -> frozenset[str]:
    """The rules that codes, prefixes and names pick."""
    picked: set[str] = set()
    for code in codes:
        upper = code.strip().upper()
        picked.update(
            r.code
            for r in RULES.values()
            if upper == "ALL" or (upper and r.code.startswith(upper)) or r.name == code.strip().lower()
        )
    return frozenset(picked)
