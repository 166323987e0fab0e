"""What one walk over a file learns: who is whose parent, which names live in which scope, and where they are read."""

from __future__ import annotations

import ast
import enum
from collections.abc import Iterator
from functools import cached_property
from typing import final

Function = ast.FunctionDef | ast.AsyncFunctionDef
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.GeneratorExp, ast.DictComp)


class ScopeKind(enum.Enum):
    """What opens a scope; a class's names are not seen by the functions in it."""

    MODULE = "module"
    CLASS = "class"
    FUNCTION = "function"
    LAMBDA = "lambda"
    COMPREHENSION = "comprehension"


@final
class Scope:
    """The names bound and read in one module, class, function, lambda or comprehension."""

    __slots__ = ("bindings", "children", "elsewhere", "kind", "loads", "node", "outward", "parent")

    def __init__(self, kind: ScopeKind, node: ast.AST, parent: Scope | None) -> None:
        self.kind: ScopeKind = kind
        self.node: ast.AST = node
        self.parent: Scope | None = parent
        self.children: list[Scope] = []
        self.bindings: dict[str, list[ast.AST]] = {}
        self.loads: dict[str, list[ast.Name]] = {}
        self.elsewhere: dict[str, bool] = {}  # declared `global` (True) or `nonlocal` (False)
        self.outward: list[tuple[str, ast.AST]] = []  # bound here for an outer scope
        if parent is not None:
            parent.children.append(self)


@final
class Index:
    """What one walk learned about a file."""

    def __init__(self, tree: ast.Module) -> None:
        self.tree = tree
        self.module: Scope = Scope(ScopeKind.MODULE, tree, None)
        self.parents: dict[ast.AST, ast.AST] = {}
        self.scopes: dict[ast.AST, Scope] = {tree: self.module}
        self.scope_of: dict[ast.Name, Scope] = {}
        self.attributes: dict[str, list[ast.Attribute]] = {}
        self.stars: list[str] = []
        self.known_uses: dict[tuple[Scope, str], list[ast.Name]] = {}
        self.loops: list[ast.For | ast.AsyncFor | ast.comprehension] = []

    def release(self) -> None:
        """Break the circles of scopes that know each other."""
        for scope in self.scopes.values():
            scope.parent = None
            scope.children.clear()

    def ancestors(self, node: ast.AST) -> Iterator[ast.AST]:
        """The node's parent, its parent, and so on up to the module."""
        parents = self.parents
        while (parent := parents.get(node)) is not None:
            yield parent
            node = parent

    def function(self, node: ast.AST) -> ast.AST:
        """The function, lambda, class body or module whose frame runs the node."""
        child = node
        for parent in self.ancestors(node):
            if isinstance(parent, (*FUNCTIONS, ast.ClassDef)):
                if child in parent.body:
                    return parent
            elif isinstance(parent, ast.Lambda) and child is parent.body:
                return parent
            child = parent
        return self.tree

    def statement(self, node: ast.AST) -> ast.stmt:
        """The statement the node is part of."""
        while not isinstance(node, ast.stmt):
            node = self.parents[node]
        return node

    def scope_at(self, node: ast.AST) -> Scope:
        """The scope in which the node would look up a name."""
        return next((self.scopes[a] for a in self.ancestors(node) if a in self.scopes), self.module)

    @cached_property
    def reads(self) -> frozenset[str]:
        """Every name that is read anywhere."""
        return frozenset(name for scope in self.scopes.values() for name in scope.loads)

    def class_of(self, function: ast.AST) -> ast.ClassDef | None:
        """The class whose method the node (a function, or something in one) is."""
        for parent in self.ancestors(function):
            if isinstance(parent, ast.ClassDef):
                return parent
        return None

    def uses(self, scope: Scope, name: str) -> list[ast.Name]:
        """Every place that reads the name as bound in this scope, in nested scopes too."""
        known = self.known_uses.get((scope, name))
        if known is None:
            known = self.known_uses[scope, name] = self.search(scope, name)
        return known

    def search(self, scope: Scope, name: str) -> list[ast.Name]:
        """The same, looked up."""
        found = list(scope.loads.get(name, ()))
        todo = list(scope.children)
        while todo:
            inner = todo.pop()
            declared = inner.elsewhere.get(name)
            if (declared is None and name not in inner.bindings) or declared is (scope is self.module):
                found += inner.loads.get(name, ())
                todo += inner.children
            elif inner.kind is ScopeKind.CLASS:
                todo += inner.children
        return sorted(found, key=lambda n: (n.lineno, n.col_offset))
