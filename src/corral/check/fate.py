"""Where a value goes: who holds a task, or that nobody does.

An expression's fate is decided by what stands around it, and a local variable's by all its reads (see `lifetimes`).
Whatever is not understood counts as held: the checker would rather miss a lost task than accuse a kept one.
"""

from __future__ import annotations

import ast
from typing import final

from corral.check import calls
from corral.check.lifetimes import Lifetimes
from corral.check.names import Names, dotted, pairs
from corral.check.scopes import Index
from corral.check.ways import GLANCED, HELD, Fate, Way, best


@final
class Fates:
    """Follows values through one file."""

    def __init__(self, index: Index, names: Names) -> None:
        self.index = index
        self.names = names
        self.active: set[ast.AST] = set()
        self.lifetimes: Lifetimes = Lifetimes(index, names, self.fate)

    def fate(self, node: ast.AST, *, many: bool = False) -> Fate:
        """What becomes of the value of the node; `many` when it is a container of handles."""
        if node in self.active:
            return GLANCED
        self.active.add(node)
        try:
            return self.around(node, self.index.parents[node], many=many)
        finally:
            self.active.discard(node)

    def around(self, node: ast.AST, parent: ast.AST, *, many: bool) -> Fate:
        """The same, by what stands around the node."""
        match parent:
            case ast.Expr():
                return Fate(Way.STATEMENT, node=parent)
            case ast.Await():
                return Fate(Way.AWAITED, node=parent)
            case ast.Return() | ast.Lambda():
                return Fate(Way.RETURNED, node=self.index.function(node))
            case ast.Assign():
                return best([self.store(t, many=many) for t in parent.targets])
            case ast.AnnAssign():
                return self.store(parent.target, many=many)
            case ast.NamedExpr():
                return best([self.store(parent.target, many=many), self.fate(parent, many=many)])
            case ast.AugAssign():
                return self.lifetimes.container(parent.target)
            case ast.Tuple() | ast.List() | ast.Set() | ast.Dict():
                return self.display(node, parent)
            case ast.Starred() | ast.IfExp() | ast.BoolOp():
                tested = isinstance(parent, ast.IfExp) and parent.test is node
                return Fate(Way.TESTED, node=parent) if tested else self.fate(parent, many=many)
            case ast.BinOp():
                return self.fate(parent, many=True) if many else Fate(Way.LOGGED, node=parent)
            case _:
                return self.within(node, parent, many=many)

    def within(self, node: ast.AST, parent: ast.AST, *, many: bool) -> Fate:
        """The same, where the value is asked about, called, or looked into."""
        match parent:
            case ast.Compare() | ast.UnaryOp() | ast.If() | ast.While() | ast.Assert():
                return Fate(Way.TESTED, node=parent)
            case ast.FormattedValue():
                return Fate(Way.LOGGED, node=parent)
            case ast.Call() if parent.func is not node:
                return self.argument(parent, node, many=many)
            case ast.keyword():
                call = self.index.parents[parent]
                return self.argument(call, node, many=many) if isinstance(call, ast.Call) else HELD
            case ast.Attribute():
                return self.members(parent) if many else self.member(node, parent)
            case ast.Subscript():
                return self.subscript(node, parent, many=many)
            case ast.For() | ast.AsyncFor() | ast.comprehension() if parent.iter is node:
                return self.elements(parent)
            case ast.ListComp() | ast.SetComp() | ast.GeneratorExp() | ast.DictComp():
                return self.fate(parent, many=True)
            case ast.comprehension():
                return Fate(Way.TESTED, node=parent)
            case _:
                return HELD

    def display(self, node: ast.AST, display: ast.expr) -> Fate:
        """A value written into a tuple, list, set or dict; `a, b = x, y` gives each to its own name."""
        top: ast.AST = display
        while isinstance(parent := self.index.parents[top], ast.Tuple | ast.List):
            top = parent
        if isinstance(parent, ast.Assign) and isinstance(node, ast.expr):
            targets = [part for t in parent.targets for part, value in pairs(t, parent.value) if value is node]
            if targets:
                return best([self.store(t, many=False) for t in targets])
        return self.fate(display, many=True)

    def store(self, target: ast.expr, *, many: bool) -> Fate:
        """A value stored in a name, an attribute or a place in a container; unpacking a container is reading it."""
        if isinstance(target, ast.Name):
            return self.lifetimes.variable(target, many=many)
        if isinstance(target, ast.Subscript):
            return self.lifetimes.container(target.value)
        return self.attribute(target) if isinstance(target, ast.Attribute) else HELD

    def attribute(self, target: ast.Attribute) -> Fate:
        """An attribute lives on, unless the next store comes before anything could have read it."""
        statement = self.index.statement(target)
        block = self.index.parents[statement]
        body: list[ast.stmt] = getattr(block, "body", [])
        if not isinstance(target.value, ast.Name) or statement not in body or isinstance(block, ast.Module):
            return HELD
        at = body.index(statement)
        looping = isinstance(block, ast.For | ast.AsyncFor | ast.While)
        for other in body[at + 1 :] + (body[:at] if looping else []) + ([statement] if looping else []):
            stored = isinstance(other, ast.Assign | ast.Delete) and any(
                dotted(t) == dotted(target) for t in other.targets
            )
            if stored:
                return Fate(Way.OVERWRITTEN, dotted(target), other)
            if any(isinstance(n, ast.Name) and n.id == target.value.id for n in ast.walk(other)):
                return HELD
        return HELD

    def argument(self, call: ast.Call, node: ast.AST, *, many: bool) -> Fate:
        """A value given to a call, which may keep it unless it is known not to."""
        func = call.func
        if calls.is_logging(call):
            return Fate(Way.LOGGED, node=call)
        if isinstance(func, ast.Name) and not self.names.bindings(func):
            if func.id in calls.LOOKS:
                return Fate(Way.LOGGED, node=call)
            if func.id in calls.PASSES:
                return self.fate(call, many=True)
            if func.id == "next":
                return self.fate(call)
        if isinstance(func, ast.Attribute):
            if func.attr in calls.ADDS and func.value is not node:
                return self.lifetimes.container(func.value)
            if func.attr in {"discard", "remove", "index", "count"}:
                return GLANCED
            if isinstance(func.value, ast.Constant):
                return Fate(Way.LOGGED, node=call)
        name = self.names.qualify(func) or ""
        if name in calls.WEAK:
            return Fate(Way.WEAK, node=call)
        if name == "typing.cast":
            return self.fate(call, many=many)
        if name in calls.FRESH:
            return self.fate(call, many=True)
        return GLANCED if name in {"asyncio.isfuture", "asyncio.iscoroutine"} or name.startswith("inspect.") else HELD

    def member(self, node: ast.AST, attribute: ast.Attribute) -> Fate:
        """`task.something`: a glance, a use, or a bound method that goes on."""
        parent = self.index.parents[attribute]
        called = isinstance(parent, ast.Call) and parent.func is attribute
        if attribute.attr in calls.GLANCES or (attribute.attr in calls.PEEKS and not isinstance(node, ast.Name)):
            return GLANCED if isinstance(node, ast.Name) else Fate(Way.CHAINED, attribute.attr, attribute)
        return HELD if called else self.fate(attribute)

    def members(self, attribute: ast.Attribute) -> Fate:
        """`tasks.something`: filling and trimming is not reading."""
        parent = self.index.parents[attribute]
        if not (isinstance(parent, ast.Call) and parent.func is attribute):
            handed = isinstance(parent, ast.Call) and calls.callee(parent) == "add_done_callback"
            return GLANCED if handed and attribute.attr in calls.TRIMS else HELD
        if attribute.attr in calls.TRIMS:
            return GLANCED
        if attribute.attr in calls.VIEWS:
            return self.fate(parent, many=True)
        return self.fate(parent) if attribute.attr in calls.TAKES else HELD

    def subscript(self, node: ast.AST, parent: ast.Subscript, *, many: bool) -> Fate:
        """`tasks[0]` is one of them, `names[task] = ...` keeps the key."""
        if parent.value is not node:
            return self.lifetimes.container(parent.value) if isinstance(parent.ctx, ast.Store) else GLANCED
        if not isinstance(parent.ctx, ast.Load):
            return GLANCED
        outer = self.index.parents[parent]
        if many and isinstance(outer, ast.Attribute) and outer.attr in calls.TRIMS:
            return GLANCED  # `running[key].append(...)` on a dict of lists
        return self.fate(parent, many=many and isinstance(parent.slice, ast.Slice))

    def elements(self, loop: ast.For | ast.AsyncFor | ast.comprehension) -> Fate:
        """`for t in tasks`: what becomes of `t` in there."""
        reads = [r for n in ast.walk(loop.target) if isinstance(n, ast.Name) for r in self.names.reads(n)]
        if not isinstance(loop, ast.comprehension):
            reads = [r for r in reads if loop.lineno <= r.lineno <= (loop.end_lineno or loop.lineno)]
        fates = [self.fate(r) for r in reads]
        return next((HELD for f in fates if not f.lost), GLANCED)
