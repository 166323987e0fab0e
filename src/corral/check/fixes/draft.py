"""A fix in the making: changes of the text, the import they need, and what they leave unused."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from itertools import pairwise
from typing import final

from corral.check.fixes.imports import Added, first_run, plan
from corral.check.fixes.leftovers import Bound, Leftovers
from corral.check.model import Edit, Fix
from corral.check.scopes import FUNCTIONS
from corral.check.text import NEWLINE, Text
from corral.check.unit import Unit

Change = tuple[int, int, str]


def offered(unit: Unit) -> bool:
    """Whether any fix can be: Corral needs Python 3.11, and a stub starts nothing."""
    return unit.settings.target >= (3, 11) and not unit.path.endswith(".pyi")


def quoted(unit: Unit, node: ast.AST) -> bool:
    """Whether the node stands in an f-string: before Python 3.12 the parser does not know where that is."""
    return any(type(a).__name__ in {"JoinedStr", "TemplateStr"} for a in unit.index.ancestors(node))


@final
class Draft:
    """Collects changes, as places in the text; `fix` makes a Fix of them, or None where they cannot be made."""

    def __init__(self, unit: Unit) -> None:
        self.unit = unit
        self.text: Text = unit.text
        self.changes: list[Change] = []
        self.gone: set[ast.Name] = set()
        self.idle: set[Bound] = set()
        self.added: Added = {}
        self.possible: bool = offered(unit)

    def replace(self, start: int, end: int, new: str) -> None:
        """Put `new` in the place of a stretch of the text."""
        self.changes.append((start, end, new))

    def swap(self, node: ast.expr | ast.stmt | ast.keyword, new: str) -> None:
        """Put `new` in the place of a node, whose names are used no more."""
        self.possible = self.possible and not quoted(self.unit, node)
        self.drop(node)
        self.replace(self.text.start(node), self.text.end(node), new)

    def drop(self, node: ast.AST) -> None:
        """Say that the names in a node are read no more."""
        self.gone.update(n for n in ast.walk(node) if isinstance(n, ast.Name))

    def keep(self, nodes: Sequence[ast.AST]) -> None:
        """Say that the names in these nodes are read still, elsewhere in the new text."""
        self.gone.difference_update(n for node in nodes for n in ast.walk(node) if isinstance(n, ast.Name))

    def verb(self, name: str, at: ast.AST) -> str:
        """How to call one of Corral's functions at a node; the import that it takes becomes part of the fix."""
        spelled = self.spelling(name, at)
        if spelled is None:
            self.possible = False
            return name
        return spelled

    def spelling(self, name: str, at: ast.AST) -> str | None:
        """The name under which the function is known there, or becomes known; None where other things have its name."""
        names, module = self.unit.names, self.unit.index.module
        scope = self.unit.index.scope_at(at)
        row = getattr(at, "lineno", 0)
        for full, suffix in ((f"corral.{name}", ""), ("corral", f".{name}")):
            for bound, nodes in module.bindings.items():
                alias = nodes[0]
                if (
                    isinstance(alias, ast.alias)
                    and names.imported(alias) == full
                    and len(nodes) == 1
                    and isinstance(self.unit.index.parents[self.unit.index.statement(alias)], ast.Module)
                    and alias.lineno < row
                    and names.lookup(bound, scope) is module
                ):
                    return f"{bound}{suffix}"
        if self.too_early(at):
            return None
        for new, text in ((name, name), ("", f"corral.{name}")):
            if self.free(new or "corral", at):
                self.added[new or "corral"] = bool(new)
                return text
        return None

    def too_early(self, at: ast.AST) -> bool:
        """Whether the module runs the node before its imports are over."""
        if any(isinstance(a, (*FUNCTIONS, ast.Lambda)) for a in self.unit.index.ancestors(at)):
            return False
        rows = [node.end_lineno or node.lineno for entry in first_run(self.unit) for node in entry.nodes]
        return getattr(at, "lineno", 0) <= max(rows, default=0)

    def free(self, name: str, at: ast.AST) -> bool:
        """Whether nothing in the file goes by the name, where it would be seen."""
        module = self.unit.index.module
        if name in module.bindings or name in self.unit.index.reads:
            return False
        return self.unit.names.lookup(name, self.unit.index.scope_at(at)) is None

    def fix(self, title: str, caveat: str | None = None) -> Fix | None:
        """The finished fix; unsafe if there is a caveat."""
        if not self.possible:
            return None
        leftovers = Leftovers(self.unit, self.gone, self.idle)
        changes = sorted({*self.changes, *leftovers.changes, *plan(self.unit, self.added, leftovers.aliases)})
        if any(b[0] < a[1] for a, b in pairwise(changes)):
            return None
        if not all(self.text.exact(i) for start, end, _ in changes for i in (start, end)):
            return None
        return Fix(title, tuple(self.edit(*change) for change in changes), safe=caveat is None, caveat=caveat)

    def edit(self, start: int, end: int, new: str) -> Edit:
        """The change as bytes, with the file's own line ends."""
        return Edit(self.text.offset(start), self.text.offset(end), NEWLINE.sub(self.text.newline, new))
