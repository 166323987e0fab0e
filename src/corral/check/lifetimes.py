"""How long a holder lives: a local variable, a local container, a function that nobody calls."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Protocol, final

from corral.check import calls
from corral.check.names import Names
from corral.check.paths import Paths
from corral.check.scopes import COMPREHENSIONS, FUNCTIONS, Index, Scope, ScopeKind
from corral.check.ways import HELD, Fate, Way, best


class Follow(Protocol):
    """The type of `Fates.fate`."""

    def __call__(self, node: ast.AST, *, many: bool = False) -> Fate:
        """What becomes of the value of the node."""
        ...


@final
class Lifetimes:
    """Answers about holders in one file; asks `fate` what becomes of what is read from them."""

    def __init__(self, index: Index, names: Names, fate: Follow) -> None:
        self.index = index
        self.names = names
        self.fate = fate

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
            return best(list(living.values()))
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
            frame = self.index.function(frame)
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
            return best(list(kept.values()))
        return self.followed(target, scope, living, kept, many=many)

    def followed(
        self, target: ast.Name, scope: Scope, living: dict[ast.Name, Fate], kept: dict[ast.Name, Fate], *, many: bool
    ) -> Fate:
        """The same, path by path: a use must come after the store, on every way, before the next store."""
        if not isinstance(scope.node, FUNCTIONS):
            return best(list(kept.values())) if kept else Fate(Way.UNUSED, target.id, target)
        paths = Paths(self.index.parents, self.index.scopes[scope.node].bindings[target.id], [target], kept, living)
        paths.run(scope.node.body)
        lost = self.lost_on_the_way(target, paths)
        if target in paths.used:
            return lost or best(list(kept.values()))
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
