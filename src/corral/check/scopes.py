"""One pass over a file's tree: who is whose parent, which names live in which scope, and where they are read.

Every rule asks this index and none walks the tree again; so a file costs one walk, however many rules there are. The walk keeps
its own stack, since generated code nests deeper than Python recurses. What it does not do is as important: a name's meaning is
worked out only when a rule asks.
"""

from __future__ import annotations

import ast
import enum
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any, cast, final

Function = ast.FunctionDef | ast.AsyncFunctionDef
Comprehension = ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp
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
        self.kind = kind
        self.node = node
        self.parent = parent
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
        self.module = Scope(ScopeKind.MODULE, tree, None)
        self.parents: dict[ast.AST, ast.AST] = {}
        self.scopes: dict[ast.AST, Scope] = {tree: self.module}
        self.scope_of: dict[ast.Name, Scope] = {}
        self.attributes: dict[str, list[ast.Attribute]] = {}
        self.stars: list[str] = []
        self.loops: list[ast.For | ast.AsyncFor | ast.comprehension] = []

    def release(self) -> None:
        """Break the circle of scopes that know each other: what only reference counts free costs the collector nothing."""
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
            elif (isinstance(parent, ast.Lambda) and child is parent.body) or isinstance(parent, ast.Module):
                return parent
            child = parent
        return node

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


Stack = list[tuple[ast.AST, Scope]]
Visit = Callable[[Index, ast.AST, Scope, Stack], Scope | None]

LEAVES = frozenset(
    {
        "ctx",
        "op",
        "ops",
        "type_comment",
        "kind",
        "conversion",
        "is_async",
        "simple",
        "level",
        "id",
        "attr",
        "type_ignores",
    }
)


def fields(kind: type[ast.AST]) -> tuple[str, ...]:
    """The fields of a node type that can hold nodes, last first: the walk pops from the end."""
    return () if kind is ast.Constant else tuple(f for f in reversed(kind._fields) if f not in LEAVES)


FIELDS: dict[type[ast.AST], tuple[str, ...]] = {}


def bind(scope: Scope, name: str, node: ast.AST) -> None:
    """Record that the node binds the name; for a scope further out, once the walk has seen them all."""
    if name in scope.elsewhere:
        scope.outward.append((name, node))
    else:
        scope.bindings.setdefault(name, []).append(node)


def settle(index: Index) -> None:
    """Give every `global` and `nonlocal` binding to the scope that owns the name."""
    for scope in index.scopes.values():
        for name, node in scope.outward:
            owner = index.module if scope.elsewhere[name] else scope
            while owner.parent is not None and name not in owner.bindings:
                owner = owner.parent
            owner.bindings.setdefault(name, []).append(node)


def push(index: Index, owner: ast.AST, children: list[ast.AST | None], scope: Scope, stack: Stack) -> None:
    """Queue children, first one on top."""
    for child in reversed(children):
        if child is not None:
            index.parents[child] = owner
            stack.append((child, scope))


def visit_name(index: Index, node: ast.AST, scope: Scope, _: Stack) -> Scope | None:
    """A read, or a binding in the scope that owns it (a walrus in a comprehension binds outside)."""
    node = cast("ast.Name", node)
    index.scope_of[node] = scope
    if node.ctx.__class__ is ast.Load:
        scope.loads.setdefault(node.id, []).append(node)
        return None
    if index.parents[node].__class__ is ast.NamedExpr:
        while scope.kind is ScopeKind.COMPREHENSION and scope.parent is not None:
            scope = scope.parent
    bind(scope, node.id, node)
    return None


def visit_attribute(index: Index, node: ast.AST, scope: Scope, stack: Stack) -> Scope | None:
    """Attributes are kept by name: the calls that matter and the methods that wrap them are found through it."""
    node = cast("ast.Attribute", node)
    index.attributes.setdefault(node.attr, []).append(node)
    index.parents[node.value] = node
    stack.append((node.value, scope))
    return None


def visit_import(_: Index, node: ast.AST, scope: Scope, __: Stack) -> Scope | None:
    """`import a.b` binds `a`."""
    for alias in cast("ast.Import", node).names:
        bind(scope, alias.asname or alias.name.partition(".")[0], alias)
    return scope


def visit_import_from(index: Index, node: ast.AST, scope: Scope, _: Stack) -> Scope | None:
    """`from a import *` binds what nothing else does."""
    node = cast("ast.ImportFrom", node)
    for alias in node.names:
        if alias.name == "*":
            index.stars.append(node.module or "")
        else:
            bind(scope, alias.asname or alias.name, alias)
    return scope


def visit_function(index: Index, node: ast.AST, scope: Scope, stack: Stack) -> Scope | None:
    """Decorators, defaults and annotations are evaluated outside, the rest inside."""
    node = cast("ast.FunctionDef", node)
    bind(scope, node.name, node)
    inner = Scope(ScopeKind.FUNCTION, node, scope)
    index.scopes[node] = inner
    push(index, node, [*node.body], inner, stack)
    push(index, node, [*node.decorator_list, *getattr(node, "type_params", ()), node.returns], scope, stack)
    arguments(index, node.args, node, (scope, inner), stack)
    return None


def visit_lambda(index: Index, node: ast.AST, scope: Scope, stack: Stack) -> Scope | None:
    """A function of one expression."""
    node = cast("ast.Lambda", node)
    inner = Scope(ScopeKind.LAMBDA, node, scope)
    index.scopes[node] = inner
    push(index, node, [node.body], inner, stack)
    arguments(index, node.args, node, (scope, inner), stack)
    return None


def arguments(index: Index, args: ast.arguments, owner: ast.AST, scopes: tuple[Scope, Scope], stack: Stack) -> None:
    """Parameters are bound inside; their defaults and annotations are evaluated outside."""
    outer, inner = scopes
    index.parents[args] = owner
    for arg in (*args.posonlyargs, *args.args, args.vararg, *args.kwonlyargs, args.kwarg):
        if arg is not None:
            index.parents[arg] = args
            bind(inner, arg.arg, arg)
            push(index, arg, [arg.annotation], outer, stack)
    push(index, args, [*args.defaults, *args.kw_defaults], outer, stack)


def visit_class(index: Index, node: ast.AST, scope: Scope, stack: Stack) -> Scope | None:
    """A class's body is a scope that functions in it do not see."""
    node = cast("ast.ClassDef", node)
    bind(scope, node.name, node)
    inner = Scope(ScopeKind.CLASS, node, scope)
    index.scopes[node] = inner
    push(index, node, [*node.body], inner, stack)
    push(
        index,
        node,
        [*node.decorator_list, *getattr(node, "type_params", ()), *node.bases, *node.keywords],
        scope,
        stack,
    )
    return None


def visit_comprehension(index: Index, node: ast.AST, scope: Scope, stack: Stack) -> Scope | None:
    """All inside but the first iterable."""
    node = cast("ast.ListComp", node)
    inner = Scope(ScopeKind.COMPREHENSION, node, scope)
    index.scopes[node] = inner
    results: list[ast.AST | None] = [getattr(node, f, None) for f in ("key", "value", "elt")]
    push(index, node, [*results, *node.generators], inner, stack)
    first = node.generators[0]
    index.parents[first.iter] = first
    stack.append((first.iter, scope))
    return inner


def visit_generator(index: Index, node: ast.AST, scope: Scope, stack: Stack) -> Scope | None:
    """One `for` of a comprehension; the first one's iterable is queued by the comprehension."""
    node = cast("ast.comprehension", node)
    index.loops.append(node)
    push(index, node, [node.target, *node.ifs], scope, stack)
    if node.iter not in index.parents:
        push(index, node, [node.iter], scope, stack)
    return None


def visit_elsewhere(_: Index, node: ast.AST, scope: Scope, __: Stack) -> Scope | None:
    """`global` and `nonlocal` stand before the first binding, as the compiler demands."""
    for name in cast("ast.Global", node).names:
        scope.elsewhere[name] = isinstance(node, ast.Global)
    return scope


def visit_for(index: Index, node: ast.AST, scope: Scope, _: Stack) -> Scope | None:
    """Loops are kept: tasks awaited one after another are found through them."""
    index.loops.append(cast("ast.For", node))
    return scope


def visit_named(_: Index, node: ast.AST, scope: Scope, __: Stack) -> Scope | None:
    """`except ... as name`, and the names a `match` captures."""
    name: str | None = getattr(node, "name", None) or getattr(node, "rest", None)
    if name is not None:
        bind(scope, name, node)
    return scope


SPECIAL: dict[type[ast.AST], Visit] = {
    ast.Name: visit_name,
    ast.Attribute: visit_attribute,
    ast.Import: visit_import,
    ast.ImportFrom: visit_import_from,
    ast.FunctionDef: visit_function,
    ast.AsyncFunctionDef: visit_function,
    ast.Lambda: visit_lambda,
    ast.ClassDef: visit_class,
    ast.comprehension: visit_generator,
    ast.For: visit_for,
    ast.AsyncFor: visit_for,
    ast.Global: visit_elsewhere,
    ast.Nonlocal: visit_elsewhere,
    ast.ExceptHandler: visit_named,
    ast.MatchAs: visit_named,
    ast.MatchStar: visit_named,
    ast.MatchMapping: visit_named,
    **dict.fromkeys(COMPREHENSIONS, visit_comprehension),
}


def build(tree: ast.Module) -> Index:
    """Walk the tree once."""
    index = Index(tree)
    parents = index.parents
    stack: Stack = [(tree, index.module)]
    pop, append = stack.pop, stack.append
    while stack:
        node, scope = pop()
        kind = node.__class__
        special = SPECIAL.get(kind)
        if special is not None:
            inside = special(index, node, scope, stack)
            if inside is None or kind in COMPREHENSIONS:
                continue
        names = FIELDS.get(kind)
        if names is None:
            names = FIELDS[kind] = fields(kind)
        for name in names:
            value: Any = getattr(node, name, None)
            if value.__class__ is list:
                for child in reversed(value):
                    if isinstance(child, ast.AST):
                        parents[child] = node
                        append((child, scope))
            elif isinstance(value, ast.AST):
                parents[value] = node
                append((value, scope))
    settle(index)
    return index
