"""Every place that starts something: direct calls, aliases, callbacks passed by name, and wrappers whose result is the task."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import final

from corral.check import calls
from corral.check.calls import Kind
from corral.check.fate import Fates
from corral.check.names import Names
from corral.check.scopes import FUNCTIONS, Index, ScopeKind
from corral.check.ways import Fate, Way


@final
@dataclass(frozen=True, slots=True)
class Site:
    """A handle made at `node` and what becomes of it.

    Args:
        call: The call that makes it; for a callback passed by name, the call it is passed to.
        api: How the function is called everywhere: `asyncio.create_task`, `loop.create_task`.
        wrapper: The function of this file whose result is the handle, when `call` calls that.
        dropper: The call that runs a lambda or a function passed by name and throws away its result.
        sure: Whether that is known, or only likely by the name of the call.
    """

    kind: Kind
    call: ast.Call
    node: ast.AST
    api: str
    fate: Fate
    wrapper: str = ""
    dropper: str = ""
    sure: bool = True
    by_name: ast.expr | None = None


@final
class Sites:
    """Finds them, following wrappers as far as they go."""

    def __init__(self, index: Index, names: Names, fates: Fates) -> None:
        self.index = index
        self.names = names
        self.fates = fates
        self.found: list[Site] = []
        self.seen: set[tuple[ast.AST, str]] = set()
        for node, api, kind in self.references():
            self.follow(node, api, kind, "")
        self.found.sort(key=lambda s: (s.call.lineno, s.call.col_offset))

    def references(self) -> Iterator[tuple[ast.expr, str, Kind]]:
        """Every mention of an asyncio function that starts or joins something."""
        for word in sorted(calls.WORDS):
            for attribute in self.index.attributes.get(word, ()):
                name = self.names.qualify(attribute) or ""
                if name in calls.FUNCTIONS:
                    yield attribute, name, calls.FUNCTIONS[name]
                elif word in calls.LOOP_METHODS and self.names.is_loop(attribute.value):
                    yield attribute, f"loop.{word}", calls.LOOP_METHODS[word]
        for scope in list(self.index.scopes.values()):
            for bound in list(scope.bindings):
                for alias in scope.bindings[bound]:
                    if (
                        isinstance(alias, ast.alias)
                        and (name := self.names.shorten(self.names.imported(alias))) in calls.FUNCTIONS
                    ):
                        for use in self.index.uses(scope, bound):
                            yield use, name, calls.FUNCTIONS[name]
            if self.names.star:
                for word in calls.WORDS & scope.loads.keys():
                    for use in scope.loads[word]:
                        if (name := self.names.qualify(use) or "") in calls.FUNCTIONS:
                            yield use, name, calls.FUNCTIONS[name]

    def follow(self, ref: ast.expr, api: str, kind: Kind, wrapper: str) -> None:
        """What a mention of such a function comes to: a call, a callback, an alias."""
        if (ref, wrapper) in self.seen or self.names.owned(ref):
            return
        self.seen.add((ref, wrapper))
        parent = self.index.parents[ref]
        if isinstance(parent, ast.Call) and parent.func is ref:
            self.called(parent, api, kind, wrapper)
        elif isinstance(parent, ast.Call):
            self.passed(parent, ref, api, kind, wrapper)
        elif isinstance(parent, ast.keyword) and isinstance(call := self.index.parents[parent], ast.Call):
            self.passed(call, ref, api, kind, wrapper)
        elif isinstance(parent, ast.IfExp | ast.BoolOp) and getattr(parent, "test", None) is not ref:
            self.follow(parent, api, kind, wrapper)
        elif isinstance(parent, ast.Assign):
            for target in parent.targets:
                if is_handler(target) and parent.value is ref:
                    self.handler(parent, ref, api, kind, wrapper, calls.last(target))
                for use in self.aliases(target):
                    self.follow(use, api, kind, wrapper)

    def aliases(self, target: ast.expr) -> list[ast.expr]:
        """Every read of what an assignment names."""
        if isinstance(target, ast.Name):
            scope = self.names.lookup(target.id, self.index.scope_of[target])
            found: list[ast.expr] = [*self.index.uses(scope, target.id)] if scope else []
            if scope and scope.kind is ScopeKind.CLASS:
                found += self.methods(scope.node, target.id)
            return found
        if isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name):
            owner = self.index.class_of(target)
            return [*self.methods(owner, target.attr)] if owner else []
        return []

    def methods(self, owner: ast.AST, name: str) -> list[ast.Attribute]:
        """Every `self.name` and `cls.name` in a class."""
        return [
            a
            for a in self.index.attributes.get(name, ())
            if isinstance(a.ctx, ast.Load) and isinstance(a.value, ast.Name) and self.of_class(a.value, owner)
        ]

    def of_class(self, name: ast.Name, owner: ast.AST) -> bool:
        """Whether a name is `self` in the class, the class itself, or an object made of it in this file."""
        if name.id in {"self", "cls"}:
            return self.index.class_of(name) is owner
        bound = self.names.bindings(name)
        if bound == [owner]:
            return True
        values = [v for v in map(self.names.value, bound) if isinstance(v, ast.Call) and isinstance(v.func, ast.Name)]
        return len(bound) == 1 and any(
            self.names.bindings(v.func) == [owner] for v in values if isinstance(v.func, ast.Name)
        )

    def called(self, call: ast.Call, api: str, kind: Kind, wrapper: str) -> None:
        """A call that makes a handle; an `async` wrapper makes it when it is awaited."""
        if calls.work(call) is None and kind is not Kind.WAIT and not wrapper:
            return
        node: ast.AST = call
        if wrapper.startswith("await "):
            node = self.index.parents[call]
            if not isinstance(node, ast.Await):
                return
        self.place(Site(kind, call, node, api, self.fates.fate(node), wrapper.removeprefix("await ")))

    def place(self, site: Site) -> None:
        """Keep the site, or go on to the callers of what returns it."""
        fate = site.fate
        if fate.way is not Way.RETURNED or fate.node is None:
            self.found.append(site)
            return
        if isinstance(fate.node, ast.Lambda):
            if site.kind is Kind.GATHER:
                self.found.append(site)
            self.lambda_result(site, fate.node)
            return
        self.found.append(site)
        if isinstance(fate.node, FUNCTIONS) and self.transparent(fate.node) and len(site.wrapper) < 200:
            prefix = "await " if isinstance(fate.node, ast.AsyncFunctionDef) else ""
            for ref in self.mentions(fate.node):
                self.follow(ref, site.api, site.kind, f"{prefix}{fate.node.name}")

    def transparent(self, function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
        """A function whose callers get what it returns: no generator, no decorator but the two that change nothing."""
        plain = all(
            isinstance(d, ast.Name) and d.id in {"staticmethod", "classmethod"} for d in function.decorator_list
        )
        return plain and function.name not in {"__aenter__", "__enter__"}

    def mentions(self, function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[ast.expr]:
        """Every mention of a function of this file: by name, or as a method of its own class."""
        scope = self.index.scope_at(function)
        if scope.kind is ScopeKind.CLASS:
            return [*self.methods(scope.node, function.name)]
        return [*self.index.uses(scope, function.name)] if len(scope.bindings.get(function.name, ())) == 1 else []

    def passed(self, call: ast.Call, ref: ast.expr, api: str, kind: Kind, wrapper: str) -> None:
        """A function handed to another call by name: to one that drops what it returns, to `partial`, to `map`."""
        if wrapper.startswith("await "):
            return
        name = calls.callee(call)
        if self.names.qualify(call.func) == "functools.partial":
            self.follow(call, api, kind, wrapper)
        elif isinstance(call.func, ast.Name) and name == "map" and call.args and call.args[0] is ref:
            self.place(Site(kind, call, call, api, self.fates.fate(call, many=True), wrapper, by_name=ref))
        elif self.drops(call):
            fate = Fate(Way.STATEMENT, node=call)
            self.found.append(Site(kind, call, call, api, fate, wrapper, dropper=name, by_name=ref))
        else:
            keyword = next((k.arg for k in call.keywords if k.value is ref), None)
            likely = next((n for n in (keyword, name) if n and calls.HANDLER.match(n)), None)
            if likely is not None:
                self.handler(call, ref, api, kind, wrapper, likely)

    def handler(self, node: ast.AST, ref: ast.expr, api: str, kind: Kind, wrapper: str, name: str) -> None:
        """A function given to something that is called like an event handler, which throws away what it returns, as a rule."""
        call = node if isinstance(node, ast.Call) else self.reference_call(ref)
        if call is not None:
            fate = Fate(Way.STATEMENT, node=node)
            self.found.append(Site(kind, call, node, api, fate, wrapper, dropper=name, sure=False, by_name=ref))

    def reference_call(self, ref: ast.expr) -> ast.Call | None:
        """Where the function that is referred to makes the task."""
        made = [s for s in self.found if isinstance(s.fate.node, FUNCTIONS)]
        return next((s.call for s in made if getattr(s.fate.node, "name", "") == calls.last(ref)), None)

    def drops(self, call: ast.Call) -> bool:
        """Whether the call is known to throw away what its callbacks return."""
        if calls.callee(call) in calls.DROPPERS and isinstance(call.func, ast.Attribute):
            return True
        return (self.names.qualify(call.func) or "") in calls.DROPPING_FUNCTIONS

    def lambda_result(self, site: Site, function: ast.Lambda) -> None:
        """`lambda: create_task(...)`: who calls it, and does anybody want the result?"""
        parent = self.index.parents[function]
        keyword = parent.arg if isinstance(parent, ast.keyword) else None
        call = self.index.parents[parent] if isinstance(parent, ast.keyword) else parent
        if (
            isinstance(call, ast.Call)
            and isinstance(call.func, ast.Name)
            and call.func.id == "map"
            and call.args[0] is function
        ):
            fate = self.fates.fate(call, many=True)
            self.place(Site(site.kind, site.call, call, site.api, fate, site.wrapper, by_name=function))
        elif isinstance(call, ast.Call) and call.func is function:
            self.place(Site(site.kind, site.call, call, site.api, self.fates.fate(call), site.wrapper))
        elif isinstance(call, ast.Call) and self.names.qualify(call.func) == "functools.partial":
            self.found.append(self.dropped(site, call, "partial", sure=False))
        elif isinstance(call, ast.Call):
            sure = self.drops(call)
            likely = calls.HANDLER.match(calls.callee(call)) or (keyword and calls.HANDLER.match(keyword))
            if sure or likely or not self.forwards(site, function):
                self.found.append(self.dropped(site, call, calls.callee(call) if sure or likely else "", sure=sure))
        elif isinstance(parent, ast.Assign):
            self.assigned(site, parent)

    @staticmethod
    def forwards(site: Site, function: ast.Lambda) -> bool:
        """`lambda c: create_task(c)` is an injected spawner: its caller gets the task."""
        args = {a.arg for a in (*function.args.posonlyargs, *function.args.args)}
        return bool(site.call.args) and isinstance(first := site.call.args[0], ast.Name) and first.id in args

    @staticmethod
    def dropped(site: Site, call: ast.AST, dropper: str, *, sure: bool) -> Site:
        """The same site, its result thrown away by whoever runs the lambda."""
        return replace(site, fate=Fate(Way.STATEMENT, node=call), dropper=dropper or "?", sure=sure)

    def assigned(self, site: Site, statement: ast.Assign) -> None:
        """`fire = lambda: create_task(...)` is a wrapper; `button.on_click = lambda: ...` an event handler."""
        for target in statement.targets:
            if is_handler(target):
                self.found.append(self.dropped(site, statement, calls.last(target), sure=False))
                return
            for use in self.aliases(target):
                self.follow(
                    use, site.api, site.kind, target.id if isinstance(target, ast.Name) else calls.callee(site.call)
                )


def is_handler(target: ast.expr) -> bool:
    """`button.on_click`, as something that is assigned to."""
    return isinstance(target, ast.Attribute) and calls.HANDLER.match(target.attr) is not None
