"""Where a value goes: who holds a task, or that nobody does.

An expression's fate is decided by what stands around it, and a local variable's by all its reads.
Whatever is not understood counts as held: the checker would rather miss a lost task than accuse a kept one.
"""

from __future__ import annotations

import ast
import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

from corral.check import calls
from corral.check.names import Names, dotted
from corral.check.paths import Paths
from corral.check.scopes import COMPREHENSIONS, FUNCTIONS, Index, Scope, ScopeKind


class Way(enum.Enum):
    """What becomes of a value."""

    HELD = "held"
    AWAITED = "awaited"
    RETURNED = "returned"
    STATEMENT = "statement"  # from here on: nobody has it
    TESTED = "tested"
    LOGGED = "logged"
    CHAINED = "chained"
    UNUSED = "unused"
    GLANCED = "glanced"
    OVERWRITTEN = "overwritten"
    DELETED = "deleted"
    BRANCH = "branch"
    CONTAINER = "container"
    CLOSURE = "closure"
    WEAK = "weak"


KEPT = frozenset({Way.HELD, Way.AWAITED, Way.RETURNED})


@final
@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of a value, the variable it went through, and the node that decides it."""

    way: Way
    name: str = ""
    node: ast.AST | None = None

    @property
    def lost(self) -> bool:
        """Whether nobody has the value any more."""
        return self.way not in KEPT


HELD = Fate(Way.HELD)
GLANCED = Fate(Way.GLANCED)


def receiver(target: ast.expr, value: ast.expr, node: ast.AST) -> ast.expr | None:
    """The part of an assignment's target that gets the node, where both sides are written out."""
    if value is node:
        return target
    if (
        isinstance(target, ast.Tuple | ast.List)
        and isinstance(value, ast.Tuple | ast.List)
        and len(target.elts) == len(value.elts)
    ):
        if any(isinstance(e, ast.Starred) for e in (*target.elts, *value.elts)):
            return None
        for inner, given in zip(target.elts, value.elts, strict=True):
            if (found := receiver(inner, given, node)) is not None:
                return found
    return None


@final
class Fates:
    """Follows values through one file."""

    def __init__(self, index: Index, names: Names) -> None:
        self.index = index
        self.names = names
        self.active: set[ast.AST] = set()

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
                return self.best([self.store(t, many=many) for t in parent.targets])
            case ast.AnnAssign():
                return self.store(parent.target, many=many)
            case ast.NamedExpr():
                return self.best([self.store(parent.target, many=many), self.fate(parent, many=many)])
            case ast.AugAssign():
                return self.container(parent.target)
            case ast.Tuple() | ast.List() | ast.Set() | ast.Dict():
                return self.display(node, parent)
            case ast.Starred() | ast.IfExp() | ast.BoolOp():
                tested = isinstance(parent, ast.IfExp) and parent.test is node
                return Fate(Way.TESTED, node=parent) if tested else self.fate(parent, many=many)
            case ast.BinOp():
                return self.fate(parent, many=True) if many else Fate(Way.LOGGED, node=parent)
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

    @staticmethod
    def best(fates: list[Fate]) -> Fate:
        """Of several places that one value goes to, the one that keeps it longest."""
        for way in (Way.HELD, Way.AWAITED, Way.RETURNED):
            for fate in fates:
                if fate.way is way:
                    return fate
        return fates[0]

    def display(self, node: ast.AST, display: ast.expr) -> Fate:
        """A value written into a tuple, list, set or dict; `a, b = x, y` gives each to its own name."""
        top: ast.AST = display
        while isinstance(parent := self.index.parents[top], ast.Tuple | ast.List):
            top = parent
        if isinstance(parent, ast.Assign) and isinstance(node, ast.expr):
            targets = [t for t in (receiver(t, parent.value, node) for t in parent.targets) if t is not None]
            if targets:
                return self.best([self.store(t, many=False) for t in targets])
        return self.fate(display, many=True)

    def store(self, target: ast.expr, *, many: bool) -> Fate:
        """A value stored in a name, an attribute or a place in a container; unpacking a container is reading it."""
        if isinstance(target, ast.Name):
            return self.variable(target, many=many)
        if isinstance(target, ast.Subscript):
            return self.container(target.value)
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
            stored = isinstance(other, ast.Assign) and any(dotted(t) == dotted(target) for t in other.targets)
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
                return self.container(func.value)
            if func.attr in {"discard", "remove", "index", "count"}:
                return GLANCED
            if isinstance(func.value, ast.Constant):
                return Fate(Way.LOGGED, node=call)
        name = self.names.qualify(func) or ""
        if name in calls.WEAK:
            return Fate(Way.WEAK, node=call)
        if name == "typing.cast":
            return self.fate(call, many=many)
        return GLANCED if name in {"asyncio.isfuture", "asyncio.iscoroutine"} or name.startswith("inspect.") else HELD

    def member(self, node: ast.AST, attribute: ast.Attribute) -> Fate:
        """`task.something`: a glance, a use, or a bound method that goes on."""
        parent = self.index.parents[attribute]
        called = isinstance(parent, ast.Call) and parent.func is attribute
        if attribute.attr in calls.GLANCES:
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
            return self.container(parent.value) if isinstance(parent.ctx, ast.Store) else GLANCED
        if not isinstance(parent.ctx, ast.Load):
            return GLANCED
        return self.fate(parent, many=many and isinstance(parent.slice, ast.Slice))

    def elements(self, loop: ast.For | ast.AsyncFor | ast.comprehension) -> Fate:
        """`for t in tasks`: what becomes of `t` in there."""
        targets = [n for n in ast.walk(loop.target) if isinstance(n, ast.Name)]
        if not targets:
            return HELD
        reads: list[ast.Name] = []
        for target in targets:
            scope = self.names.lookup(target.id, self.index.scope_of[target])
            reads += self.index.uses(scope, target.id) if scope else ()
        if not isinstance(loop, ast.comprehension):
            reads = [r for r in reads if loop.lineno <= r.lineno <= (loop.end_lineno or loop.lineno)]
        fates = [self.fate(r) for r in reads]
        return next((HELD for f in fates if not f.lost), GLANCED)

    def container(self, node: ast.AST) -> Fate:
        """A value put into a container: as long-lived as the container, and as what reads it."""
        if isinstance(node, ast.Subscript):
            return self.container(node.value)
        if isinstance(node, ast.Call):
            return self.container(node.func.value) if isinstance(node.func, ast.Attribute) else HELD
        if isinstance(node, ast.Attribute):
            values = self.names.attribute_values(node) or self.class_values(node)
            return self.weak(values, node.attr, node) or HELD
        if not isinstance(node, ast.Name):
            return HELD
        scope = self.names.lookup(node.id, self.index.scope_of[node])
        if scope is None:
            return HELD
        stores = [b for b in scope.bindings[node.id] if not isinstance(self.index.parents.get(b), ast.AugAssign)]
        given = [self.names.value(b) for b in stores]
        if (weak := self.weak(given, node.id, node)) is not None:
            return weak
        if scope.kind is not ScopeKind.FUNCTION or not all(v is not None and self.fresh(v) for v in given):
            return HELD
        living = self.living(scope, node.id, many=True)
        if any(not f.lost for f in living.values()):
            return self.best(list(living.values()))
        return Fate(Way.CONTAINER, node.id, node)

    def weak(self, values: Sequence[ast.expr | None], name: str, node: ast.AST) -> Fate | None:
        """A container that holds its values weakly."""
        for value in values:
            if isinstance(value, ast.Call) and (self.names.qualify(value.func) or "") in calls.WEAK_CONTAINERS:
                return Fate(Way.WEAK, name, node)
        return None

    def class_values(self, node: ast.Attribute) -> list[ast.expr]:
        """What the class body gives an attribute of `self`."""
        owner = self.index.class_of(node)
        bound = self.index.scopes[owner].bindings.get(node.attr, ()) if owner else ()
        return [v for v in map(self.names.value, bound) if v is not None]

    def fresh(self, value: ast.expr) -> bool:
        """A container made here, so nobody else knows it."""
        if isinstance(value, ast.Call):
            name = self.names.qualify(value.func) or (value.func.id if isinstance(value.func, ast.Name) else "")
            return name in calls.FRESH
        return isinstance(value, (ast.List, ast.Set, ast.Dict, ast.Tuple, *COMPREHENSIONS))

    def living(self, scope: Scope, name: str, *, many: bool) -> dict[ast.Name, Fate]:
        """The fate of every read of a local, but those in a closure that nobody keeps."""
        found: dict[ast.Name, Fate] = {}
        for read in self.index.uses(scope, name):
            fate = self.fate(read, many=many)
            if not fate.lost and not self.alive(read, scope, name):
                fate = Fate(Way.CLOSURE, name, read)
            found[read] = fate
        return found

    def alive(self, read: ast.AST, scope: Scope, name: str) -> bool:
        """Whether every function between the read and the scope is kept by somebody."""
        frame = self.index.function(read)
        while frame is not scope.node:
            if not self.kept(frame, name):
                return False
            outer = self.index.function(frame)
            if outer is frame:
                return True
            frame = outer
        return True

    def kept(self, function: ast.AST, name: str) -> bool:
        """Whether a nested function is called or handed on, other than as the task's own callback."""
        if isinstance(function, ast.Lambda):
            refs: list[ast.AST] = [function]
        elif isinstance(function, FUNCTIONS) and not function.decorator_list:
            scope = self.index.scopes[function].parent
            if scope is None or scope.kind is not ScopeKind.FUNCTION:
                return True
            refs = [r for r in self.index.uses(scope, function.name) if function not in self.index.ancestors(r)]
        else:
            return True
        return any(self.keeps(r, name) for r in refs)

    def keeps(self, ref: ast.AST, name: str) -> bool:
        """Whether one mention of a function calls it or hands it on."""
        parent = self.index.parents[ref]
        if (
            isinstance(parent, ast.Call)
            and isinstance(parent.func, ast.Attribute)
            and parent.func.attr == "add_done_callback"
        ):
            base = parent.func.value
            return not (isinstance(base, ast.Name) and base.id == name)
        if isinstance(parent, ast.Call) and parent.func is ref:
            return True
        return not self.fate(ref).lost

    def variable(self, target: ast.Name, *, many: bool) -> Fate:
        """A value given to a name: a local lives as its reads do, anything else lives on."""
        scope = self.names.lookup(target.id, self.index.scope_of[target])
        if scope is None or scope.kind not in {ScopeKind.FUNCTION, ScopeKind.LAMBDA}:
            return HELD
        if target.id in self.index.scope_of[target].elsewhere:
            return HELD
        living = self.living(scope, target.id, many=many)
        kept = {r: f for r, f in living.items() if not f.lost}
        inner = [r for r in kept if self.index.function(r) is not scope.node]
        if inner:
            return self.best(list(kept.values()))
        return self.followed(target, scope, living, kept, many=many)

    def followed(
        self, target: ast.Name, scope: Scope, living: dict[ast.Name, Fate], kept: dict[ast.Name, Fate], *, many: bool
    ) -> Fate:
        """The same, path by path: a use must come after the store, on every way, before the next store."""
        if not isinstance(scope.node, FUNCTIONS):
            return self.best(list(kept.values())) if kept else Fate(Way.UNUSED, target.id, target)
        paths = Paths(self.index.parents, self.index.scopes[scope.node].bindings[target.id], [target], kept, living)
        paths.run(scope.node.body)
        lost = self.lost_on_the_way(target, paths)
        if target in paths.used:
            return lost or self.best(list(kept.values()))
        closure = next((f for f in living.values() if f.way in {Way.CLOSURE, Way.WEAK}), None)
        if closure is not None:
            return Fate(closure.way, target.id, closure.node)
        if lost is not None and living:
            return lost
        if many:
            return Fate(Way.CONTAINER, target.id, target)
        return Fate(Way.GLANCED if living else Way.UNUSED, target.id, target)

    def lost_on_the_way(self, target: ast.Name, paths: Paths) -> Fate | None:
        """Overwritten, deleted, or left behind on one of the ways."""
        over = paths.overwritten.get(target)
        if over is not None:
            deleted = isinstance(over, ast.Name) and isinstance(over.ctx, ast.Del)
            return Fate(Way.DELETED if deleted else Way.OVERWRITTEN, target.id, over)
        if target in paths.left and target in paths.used:
            return Fate(Way.BRANCH, target.id, paths.left[target])
        return None
