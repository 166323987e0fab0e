"""What a name means: which asyncio function it is under whatever alias, and whether an expression is an event loop."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import cached_property
from typing import cast, final

from corral.check.scopes import Index, Scope, ScopeKind
from corral.check.settings import Settings

SUBMODULES = frozenset(
    "base_events coroutines events exceptions futures locks queues runners streams taskgroups tasks threads timeouts".split()
)
LOOP_GETTER = re.compile(r"(?:\w*_)?(?:event_)?loop\Z|get_?(?:event|running|current)?_?loop\Z", re.IGNORECASE)
LOOP_TYPE = re.compile(r"(?:\w*EventLoop|uvloop\.Loop)\b")
HOPS = 8  # names that name names: enough for real code, and an end to `a = b; b = a`


def pairs(target: ast.expr, value: ast.expr) -> Iterator[tuple[ast.expr, ast.expr]]:
    """Each part of an assignment's target with what it gets, where both sides are written out: `a, (b, c) = x, (y, z)`."""
    yield target, value
    if (
        isinstance(target, ast.Tuple | ast.List)
        and isinstance(value, ast.Tuple | ast.List)
        and len(target.elts) == len(value.elts)
        and not any(isinstance(e, ast.Starred) for e in (*target.elts, *value.elts))
    ):
        for inner, got in zip(target.elts, value.elts, strict=True):
            yield from pairs(inner, got)


def verb(name: str) -> str:
    """The first word of a function's name: `_fetchAll`, `fetch_all` and `Fetch` are all `fetch`."""
    words = re.findall(r"[A-Z]?[a-z0-9]+|[A-Z]+", name)
    return words[0].lower() if words else name.lower()


def dotted(node: ast.AST) -> str:
    """`self.hass.loop` as it is written; calls and subscripts along the way are `()` and `[]`."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    if isinstance(node, ast.Call):
        return f"{dotted(node.func)}()"
    if isinstance(node, ast.Subscript):
        return f"{dotted(node.value)}[]"
    return "?"


@final
class Names:
    """Answers about names in one file."""

    def __init__(self, index: Index, settings: Settings) -> None:
        self.index = index
        self.settings = settings
        self.spawners: tuple[str, ...] = tuple(f".{s}" for s in settings.spawners)

    @cached_property
    def star(self) -> bool:
        """Whether `from asyncio import *` is at work."""
        return any(m == "asyncio" or m.startswith("asyncio.") for m in self.index.stars)

    def lookup(self, name: str, scope: Scope) -> Scope | None:
        """The scope that binds the name as seen from `scope`."""
        first, here = True, scope
        while True:
            declared = here.elsewhere.get(name)
            if declared:
                return self.index.module if name in self.index.module.bindings else None
            if declared is None and name in here.bindings and (first or here.kind is not ScopeKind.CLASS):
                return here
            if here.parent is None:
                return None
            first, here = False, here.parent

    def bindings(self, name: ast.Name) -> list[ast.AST]:
        """Every node that binds what the name refers to."""
        scope = self.lookup(name.id, self.index.scope_of[name])
        return scope.bindings[name.id] if scope else []

    def reads(self, name: ast.Name) -> list[ast.Name]:
        """Every read of the variable that a name is of."""
        scope = self.lookup(name.id, self.index.scope_of[name])
        return self.index.uses(scope, name.id) if scope else []

    def value(self, binding: ast.AST) -> ast.expr | None:
        """The expression a binding gets its value from, where there is just one."""
        parent = self.index.parents[binding]
        while isinstance(parent, ast.Tuple | ast.List):
            parent = self.index.parents[parent]
        if isinstance(parent, ast.Assign):
            given = (value for whole in parent.targets for part, value in pairs(whole, parent.value) if part is binding)
            return next(given, None)
        if isinstance(parent, ast.AnnAssign | ast.NamedExpr):
            return parent.value if parent.target is binding else None
        return None

    def values(self, name: ast.Name) -> list[ast.expr]:
        """Every expression that the name is given."""
        return [v for v in map(self.value, self.bindings(name)) if v is not None]

    def imported(self, alias: ast.alias) -> str:
        """The full name of what an import binds."""
        parent = self.index.parents[alias]
        if isinstance(parent, ast.ImportFrom):
            return f"{'.' * parent.level}{parent.module + '.' if parent.module else ''}{alias.name}"
        return alias.name if alias.asname else alias.name.partition(".")[0]

    def qualify(self, node: ast.AST, hops: int = HOPS) -> str | None:
        """`asyncio.create_task` for every spelling of it; None for what no import explains."""
        if isinstance(node, ast.Attribute):
            base = self.qualify(node.value, hops)
            return self.shorten(f"{base}.{node.attr}") if base else None
        if not isinstance(node, ast.Name) or not hops:
            return None
        bound = self.bindings(node)
        if not bound:
            return "asyncio" if node.id == "asyncio" else f"asyncio.{node.id}" if self.star else None
        for binding in bound:
            if isinstance(binding, ast.alias):
                return self.shorten(self.imported(binding))
        for binding in bound:
            value = self.value(binding)
            if isinstance(value, ast.Name | ast.Attribute) and (found := self.qualify(value, hops - 1)):
                return found
        return None

    @staticmethod
    def shorten(name: str) -> str:
        """`asyncio.tasks.gather` is `asyncio.gather`."""
        parts = name.split(".")
        return (
            f"asyncio.{'.'.join(parts[2:])}"
            if len(parts) > 2 and parts[0] == "asyncio" and parts[1] in SUBMODULES
            else name
        )

    def owned(self, func: ast.expr) -> bool:
        """Whether the call is one of the project's own spawners, which keep the task they start."""
        name = f".{dotted(func)}"
        return any(name.endswith(s) for s in self.spawners)

    def loop_name(self, name: str) -> bool:
        """Whether a name or attribute is called like an event loop."""
        lower = name.lower()
        return any(fnmatchcase(lower, pattern) for pattern in self.settings.loop_names)

    def is_loop(self, node: ast.AST, hops: int = HOPS) -> bool:
        """Whether the expression is an event loop: by its name, its annotation, or where it came from."""
        if not hops:
            return False
        if isinstance(node, ast.Name):
            return self.loop_name(node.id) or any(self.loop_binding(b, hops) for b in self.bindings(node))
        if isinstance(node, ast.Attribute):
            return self.loop_name(node.attr) or self.loop_attribute(node, hops)
        if isinstance(node, ast.Call):
            func = node.func
            if isinstance(func, ast.Attribute) and func.attr == "get" and node.args and self.is_key(node.args[0]):
                return True
            called = func.attr if isinstance(func, ast.Attribute) else func.id if isinstance(func, ast.Name) else ""
            return (
                LOOP_GETTER.match(called.lstrip("_")) is not None
                or self.loop_alias(func, hops)
                or self.gives_loop(func, hops)
            )
        if isinstance(node, ast.NamedExpr | ast.Await):
            return self.is_loop(node.value, hops - 1)
        if isinstance(node, ast.BoolOp):
            return any(self.is_loop(v, hops - 1) for v in node.values)
        if isinstance(node, ast.IfExp):
            return self.is_loop(node.body, hops - 1) or self.is_loop(node.orelse, hops - 1)
        if isinstance(node, ast.Subscript):
            return self.is_key(node.slice)
        return False

    def is_key(self, key: ast.expr) -> bool:
        """Whether a subscript's key says that there is a loop: `app["loop"]`."""
        return isinstance(key, ast.Constant) and isinstance(key.value, str) and self.loop_name(key.value)

    def loop_alias(self, func: ast.expr, hops: int) -> bool:
        """`g()` after `g = asyncio.get_running_loop`, or `from asyncio import get_event_loop as g`."""
        name = self.qualify(func, hops - 1)
        return name in {"asyncio.get_event_loop", "asyncio.get_running_loop", "asyncio.new_event_loop"}

    def loop_binding(self, binding: ast.AST, hops: int) -> bool:
        """A parameter annotated as a loop, or a name that was given one."""
        if isinstance(binding, ast.arg):
            annotated = binding.annotation is not None and self.loop_type(binding.annotation)
            return annotated or ((default := self.default(binding)) is not None and self.is_loop(default, hops - 1))
        value = self.value(binding)
        parent = self.index.parents.get(binding)
        if isinstance(parent, ast.AnnAssign) and self.loop_type(parent.annotation):
            return True
        return value is not None and self.is_loop(value, hops - 1)

    @staticmethod
    def loop_type(annotation: ast.expr) -> bool:
        """An annotation that names a loop class, alone, quoted or in a union."""
        return LOOP_TYPE.search(ast.unparse(annotation)) is not None

    def default(self, arg: ast.arg) -> ast.expr | None:
        """The default of a parameter."""
        args = cast("ast.arguments", self.index.parents[arg])
        placed = [*args.posonlyargs, *args.args]
        pairs: list[tuple[ast.arg, ast.expr | None]] = [*zip(args.kwonlyargs, args.kw_defaults, strict=True)]
        pairs += zip(placed[len(placed) - len(args.defaults) :], args.defaults, strict=True)
        return next((value for name, value in pairs if name is arg), None)

    def gives_loop(self, func: ast.expr, hops: int) -> bool:
        """Whether a call of a function of this file gives a loop: `self.lp()`, `my_loop()`."""
        return any(self.returns_loop(b, hops) for b in self.functions(func))

    def functions(self, func: ast.AST) -> list[ast.AST]:
        """What the file binds to what is called: `f`, or `self.f`."""
        if isinstance(func, ast.Name):
            return self.bindings(func)
        return self.members(func) if isinstance(func, ast.Attribute) else []

    def members(self, node: ast.Attribute) -> list[ast.AST]:
        """What the class around binds by the attribute's name, for `self.name` and `cls.name`."""
        owner = (
            self.index.class_of(node) if isinstance(node.value, ast.Name) and node.value.id in {"self", "cls"} else None
        )
        return self.index.scopes[owner].bindings.get(node.attr, []) if owner else []

    def returns_loop(self, function: ast.AST, hops: int) -> bool:
        """Whether a function says, or shows in its last line, that it returns a loop."""
        if not isinstance(function, ast.FunctionDef):
            return False
        if function.returns is not None and self.loop_type(function.returns):
            return True
        last = function.body[-1]
        return isinstance(last, ast.Return) and last.value is not None and self.is_loop(last.value, hops - 1)

    def loop_attribute(self, node: ast.Attribute, hops: int) -> bool:
        """`self.io` where some method says `self.io = asyncio.get_event_loop()`, the class annotates it, or it is a property."""
        if any(self.is_loop(v, hops - 1) for v in self.attribute_values(node)):
            return True
        for bound in self.members(node):
            parent = self.index.parents.get(bound)
            if isinstance(parent, ast.AnnAssign) and self.loop_type(parent.annotation):
                return True
            if isinstance(bound, ast.FunctionDef) and bound.decorator_list and self.returns_loop(bound, hops):
                return True
        return False

    def attribute_values(self, node: ast.Attribute) -> list[ast.expr]:
        """What the file assigns to the same attribute of the same object (`self`, mostly)."""
        if not isinstance(node.value, ast.Name):
            return []
        found: list[ast.expr] = []
        for other in self.index.attributes.get(node.attr, ()):
            if (
                isinstance(other.ctx, ast.Store)
                and isinstance(other.value, ast.Name)
                and other.value.id == node.value.id
            ):
                value = self.value(other)
                found += [] if value is None else [value]
        return found
