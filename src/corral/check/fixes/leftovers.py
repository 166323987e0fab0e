"""What a fix leaves unused: an import whose last use is gone, a local loop that nobody asks any more."""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterable
from typing import final

from corral.check import calls
from corral.check.fixes.lines import alone, block
from corral.check.scopes import FUNCTIONS, Scope, ScopeKind
from corral.check.unit import Unit

GETTERS = frozenset({"asyncio.get_running_loop", "asyncio.get_event_loop"})

Bound = tuple[Scope, str]


@final
class Leftovers:
    """What can go, since all its uses are among the names that are gone.

    Args:
        gone: Reads that the fix takes away.
        idle: Names that are known to be read by nothing.

    `aliases` are imports, `changes` the removal of assignments like `loop = asyncio.get_running_loop()`.
    """

    def __init__(self, unit: Unit, gone: Iterable[ast.Name], idle: Iterable[Bound] = ()) -> None:
        self.unit = unit
        self.gone: set[ast.Name] = set(gone)
        self.changes: list[tuple[int, int, str]] = []
        self.aliases: list[ast.alias] = []
        for scope, name in {*idle, *self.bound()}:
            self.local(scope, name)
        for scope, name in {*idle, *self.bound()}:
            self.imported(scope, name)
        if self.gone and unit.names.star:
            self.everything()

    def bound(self) -> set[Bound]:
        """What the names that are gone were names of."""
        found = ((self.unit.names.lookup(n.id, self.unit.index.scope_of[n]), n.id) for n in self.gone)
        return {(scope, name) for scope, name in found if scope is not None}

    def unused(self, scope: Scope, name: str) -> bool:
        """Whether no read of the name is left."""
        return all(use in self.gone for use in self.unit.index.uses(scope, name))

    def local(self, scope: Scope, name: str) -> None:
        """`loop = asyncio.get_running_loop()`, once nothing reads `loop`: a call without effect."""
        statement = getter(self.unit, scope, name)
        if statement is None or not self.unused(scope, name) or block(self.unit, statement) == [statement]:
            return
        if (lines := alone(self.unit, statement)) is not None:
            self.changes.append((*lines, ""))
            self.gone.update(n for n in ast.walk(statement.value) if isinstance(n, ast.Name))

    def imported(self, scope: Scope, name: str) -> None:
        """An import that nothing in the file needs any more: asyncio, or where a loop came from."""
        bound = scope.bindings[name]
        alias = bound[0]
        if len(bound) != 1 or not isinstance(alias, ast.alias) or not self.unused(scope, name):
            return
        where = self.unit.index.parents[self.unit.index.statement(alias)]
        if not isinstance(where, (*FUNCTIONS, ast.Module)) or alias.asname == alias.name:
            return
        if isinstance(where, ast.Module) and (self.unit.path.endswith("__init__.py") or self.quoted(name)):
            return
        self.aliases.append(alias)

    def everything(self) -> None:
        """`from asyncio import *`, once every name that is not explained otherwise is gone."""
        index = self.unit.index
        unexplained = [
            n
            for scope in index.scopes.values()
            for name, reads in scope.loads.items()
            if self.unit.names.lookup(name, scope) is None and not hasattr(builtins, name)
            for n in reads
        ]
        stars = [s for s in index.tree.body if isinstance(s, ast.ImportFrom) and s.names[0].name == "*"]
        if len(stars) == 1 and len(index.stars) == 1 and self.gone.issuperset(unexplained):
            self.aliases.append(stars[0].names[0])

    def quoted(self, name: str) -> bool:
        """Whether a string of the file may mean the name: an annotation, `__all__`, a doctest."""
        return re.search(rf"\b{re.escape(name)}\b", self.unit.strings) is not None


def getter(unit: Unit, scope: Scope, name: str) -> ast.Assign | None:
    """The statement that gives a local the running loop, or one of asyncio's functions, and nothing else does anything to it."""
    bound = scope.bindings[name]
    statement = unit.index.parents.get(bound[0])
    if scope.kind is not ScopeKind.FUNCTION or len(bound) != 1 or not isinstance(statement, ast.Assign):
        return None
    call = statement.value
    if statement.targets != bound:
        return None
    if isinstance(call, ast.Attribute):
        if unit.names.qualify(call) in calls.FUNCTIONS:
            return statement
        call = call.value
    harmless = isinstance(call, ast.Call) and not call.args and unit.names.qualify(call.func) in GETTERS
    return statement if harmless else None


def idle(unit: Unit) -> set[Bound]:
    """Imports of asyncio, and local loops, that nothing in the file reads."""
    found: set[Bound] = set()
    for scope in unit.index.scopes.values():
        for name in scope.bindings:
            candidate = isinstance(scope.bindings[name][0], ast.alias) or getter(unit, scope, name) is not None
            if candidate and not unit.index.uses(scope, name):
                found.add((scope, name))
    return found
