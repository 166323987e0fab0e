"""One file as the rules see it: its text, its index, and the questions that were worked out once for all of them."""

from __future__ import annotations

import ast
from collections.abc import Callable
from fnmatch import fnmatchcase
from functools import cached_property
from typing import final

from corral.check.calls import Kind
from corral.check.fate import Fates
from corral.check.model import Finding, Fix, Level
from corral.check.names import Names
from corral.check.scopes import Index
from corral.check.settings import Settings
from corral.check.siblings import Families
from corral.check.sites import Site, Sites
from corral.check.surroundings import Surroundings
from corral.check.text import Text


def matches(path: str, pattern: str) -> bool:
    """Whether a glob means the path: the whole of it, its last part, or the end of it from any folder on."""
    parts = path.replace("\\", "/").lstrip("./").split("/")
    return any(fnmatchcase("/".join(parts[i:]), pattern) for i in range(len(parts)))


@final
class Unit:
    """What every rule gets."""

    def __init__(self, text: Text, index: Index, path: str, settings: Settings) -> None:
        self.text = text
        self.index = index
        self.path = path
        self.settings = settings
        self.names: Names = Names(index, settings)
        self.fates: Fates = Fates(index, self.names)
        self.sites: Sites = Sites(index, self.names, self.fates)
        self.around: Surroundings = Surroundings(index, self.names)
        self.rows: dict[tuple[int, int, str], tuple[int, ...]] = {}
        self.is_test: bool = any(matches(path, p) for p in settings.test_patterns)

    def release(self) -> None:
        """Break every circle, now that no rule asks any more: what reference counts free costs the collector nothing."""
        self.index.release()
        del self.fates.lifetimes

    @cached_property
    def families(self) -> Families:
        """Where the arguments of gathers come from."""
        return Families(self.index, self.names, self.sites)

    @cached_property
    def strings(self) -> str:
        """All strings of the file, but for docstrings without doctests: where a name may be meant that no code reads."""
        found: list[str] = []
        for node in ast.walk(self.index.tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                if not isinstance(self.index.parents.get(node), ast.Expr) or ">>>" in node.value:
                    found.append(node.value)
        return "\n".join(found)

    def of(self, *kinds: Kind) -> list[Site]:
        """The sites of these kinds, in order."""
        return [s for s in self.sites.found if s.kind in kinds]

    def code(self, node: ast.AST, width: int = 60) -> str:
        """The node as it is written, on one line and cut to a width."""
        written = " ".join(self.text.segment(node).split()) if isinstance(node, ast.expr | ast.stmt) else ""
        return written if len(written) <= width else f"{written[: width - 1]}…"

    def where(self, node: ast.AST) -> str:
        """The name of the function around the node, for a message."""
        frame = self.index.function(node)
        if isinstance(frame, ast.FunctionDef | ast.AsyncFunctionDef):
            return f"`{frame.name}`"
        return "the lambda" if isinstance(frame, ast.Lambda) else "the module"

    def statement_rows(self, finding: Finding) -> tuple[int, ...]:
        """The first and last row of the statement a finding stands in: a comment there is meant for it."""
        return self.rows.get((finding.span.row, finding.span.column, finding.code), ())

    def finding(
        self,
        code: str,
        name: str,
        node: ast.expr | ast.stmt,
        level: Level,
        message: str,
        advice: str,
        fix: Callable[[], Fix | None] | None = None,
    ) -> Finding:
        """A finding about a node; one level down in tests. Its fix is worked out if the finding is shown."""
        if self.is_test and level > Level.NOTE:
            level = Level(level - 1)
        span = self.text.span(self.text.start(node), self.text.end(node))
        statement = self.index.statement(node)
        last = statement.end_lineno if not hasattr(statement, "body") else statement.lineno
        self.rows[span.row, span.column, code] = (statement.lineno, last or statement.lineno)
        mended = fix() if fix is not None and level >= self.settings.min_level else None
        return Finding(code, name, level, message, advice, self.path, span, mended)
