"""One pass over a file's tree, which fills the index of its scopes.

Every rule asks this index and none walks the tree again; so a file costs one walk, however many rules there are. The walk keeps
its own stack, since generated code nests deeper than Python recurses. What it does not do is as important: a name's meaning is
worked out only when a rule asks.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any, cast

from corral.check.scopes import COMPREHENSIONS, Index, Scope, ScopeKind

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
