"""Who waits together: where the arguments of a gather come from, and whether their effects would matter."""

from __future__ import annotations

import ast
import enum
import re
from dataclasses import dataclass, field, replace
from typing import final

from corral.check import calls
from corral.check.calls import Kind
from corral.check.names import Names, dotted, verb
from corral.check.scopes import Index
from corral.check.sites import Site, Sites

READS = frozenset(
    """
    afetch aget calc calculate check collect compute count describe download exists fetch find get has head is iter
    list load lookup measure parse peek ping poll probe query read receive recv resolve scan search select show
    sleep validate verify wait
    """.split()
)
WRITES = frozenset(
    """
    add append apply archive book broadcast charge commit copy create credit debit delete deploy deposit drop emit
    enqueue exec execute export flush import insert log mark migrate move notify order patch pay persist post
    publish purchase purge push put record refund register release remove rename reply reserve rollback save send
    set ship store submit sync transfer update upload withdraw write
    """.split()
)


class Origin(enum.Enum):
    """How something that a gather waits for came to be."""

    COROUTINE = "coroutine"
    HANDMADE = "handmade"
    KEPT = "kept"  # by hand, in an attribute: the object can cancel it
    OWNED = "owned"
    UNKNOWN = "unknown"


@final
@dataclass(frozen=True, slots=True)
class Child:
    """One argument, or all that a starred one gives: `work` is the call of the coroutine function where it is known."""

    origin: Origin
    work: ast.Call | None = None
    function: str = ""


def refreshes(child: Child) -> bool:
    """`update()` of nothing, `send_request(...)`: a verb of writing that asks."""
    if re.search(r"_(?:request|query)s?\Z", child.function):
        return True
    return child.function == "update" and child.work is not None and not child.work.args and not child.work.keywords


@final
@dataclass(slots=True)
class Family:
    """What one call waits for together, and the variables it came by."""

    children: list[Child] = field(default_factory=list[Child])
    names: set[str] = field(default_factory=set[str])
    starred: bool = False

    @property
    def made_here(self) -> bool:
        """Whether every one was made for this call, so that nobody else asks how it ended."""
        return bool(self.children) and not {c.origin for c in self.children} & {Origin.UNKNOWN, Origin.KEPT}

    def has(self, origin: Origin) -> bool:
        """Whether any of them came to be in this way."""
        return any(c.origin is origin for c in self.children)

    @property
    def several(self) -> bool:
        """Whether there is, or may be, more than one."""
        return self.starred or len(self.children) > 1

    @property
    def verbs(self) -> set[str]:
        """The first words of the functions called: `save` for `save_user(...)`."""
        return {verb(c.function) for c in self.children if c.function and not refreshes(c)}

    @property
    def reads(self) -> bool:
        """Whether every one of them, by its name, only reads."""
        return any(c.function for c in self.children) and all(c.function for c in self.children) and self.verbs <= READS

    @property
    def writes(self) -> bool:
        """Whether any of them, by its name, has effects."""
        return bool(self.verbs & WRITES)


@final
class Families:
    """Works them out for one file."""

    def __init__(self, index: Index, names: Names, sites: Sites) -> None:
        self.index = index
        self.names = names
        self.made: dict[ast.Call, Site] = {s.call: s for s in sites.found if s.kind is Kind.SPAWN and s.by_name is None}
        self.mapped: dict[ast.Call, Site] = {
            s.call: s for s in sites.found if s.kind is Kind.SPAWN and s.by_name is not None
        }

    def of(self, args: list[ast.expr], *, many: bool = False) -> Family:
        """The family of these arguments; `many` when each of them is a collection (`asyncio.wait`)."""
        family = Family(starred=many)
        for arg in args:
            family.starred |= isinstance(arg, ast.Starred) and not isinstance(arg.value, ast.Tuple | ast.List)
            found = self.origins(arg, family.names, 8)
            family.children += found or [Child(Origin.UNKNOWN)]
            family.names |= self.holders(arg)
        return family

    def holders(self, arg: ast.expr) -> set[str]:
        """The lists in which a task that goes by a name stands too: `tasks = [send, receive]`."""
        if not isinstance(arg, ast.Name):
            return set()
        displays = [self.index.parents[use] for use in self.names.reads(arg)]
        assigned = [self.index.parents[d] for d in displays if isinstance(d, ast.List | ast.Set | ast.Tuple)]
        return {t.id for a in assigned if isinstance(a, ast.Assign) for t in a.targets if isinstance(t, ast.Name)}

    def origins(self, node: ast.AST, names: set[str], hops: int) -> list[Child]:
        """Where an expression's awaitables come from; the variables on the way go into `names`."""
        if not hops:
            return []
        if isinstance(node, ast.Starred | ast.NamedExpr):
            return self.origins(node.value, names, hops)
        if isinstance(node, ast.List | ast.Tuple | ast.Set):
            return [c for e in node.elts for c in self.origins(e, names, hops - 1) or [Child(Origin.UNKNOWN)]]
        if isinstance(node, ast.Dict):
            return [c for e in (*node.keys, *node.values) if e is not None for c in self.origins(e, names, hops - 1)]
        if isinstance(node, ast.DictComp):
            return self.origins(node.value, names, hops - 1) or self.origins(node.key, names, hops - 1)
        if isinstance(node, ast.ListComp | ast.SetComp | ast.GeneratorExp):
            return self.origins(node.elt, names, hops - 1)
        if isinstance(node, ast.IfExp):
            return self.origins(node.body, names, hops - 1) + self.origins(node.orelse, names, hops - 1)
        if isinstance(node, ast.BinOp):
            return self.origins(node.left, names, hops - 1) + self.origins(node.right, names, hops - 1)
        if isinstance(node, ast.Subscript):
            return self.origins(node.value, names, hops - 1)
        if isinstance(node, ast.Call):
            return self.called(node, names, hops)
        if isinstance(node, ast.Name):
            return self.named(node, names, hops)
        if isinstance(node, ast.Attribute):
            names.add(dotted(node))
            values = self.names.attribute_values(node)
            found = [c for v in values for c in self.origins(v, names, hops - 1)] + self.filled(node, names, hops)
            return [replace(c, origin=Origin.KEPT) if c.origin is Origin.HANDMADE else c for c in found]
        return []

    def called(self, node: ast.Call, names: set[str], hops: int) -> list[Child]:
        """A call in the place of an awaitable, or of a collection of them."""
        name = calls.callee(node)
        func = node.func
        if node in self.made:
            return [self.handmade(calls.work(node))]
        if node in self.mapped:
            return [Child(Origin.HANDMADE)]
        if name in {"create_task", "start_soon", "create_future", "Future"}:
            return [Child(Origin.OWNED)]
        if isinstance(func, ast.Name) and not self.names.bindings(func):
            if name == "map" and node.args:
                return [Child(Origin.COROUTINE, None, dotted(node.args[0]).rpartition(".")[2])]
            if name in calls.PASSES and not node.args:
                return []
            if name in calls.PASSES:
                return self.origins(node.args[-1 if name == "filter" else 0], names, hops - 1)
        if isinstance(func, ast.Attribute) and name in calls.VIEWS and not node.args:
            return self.origins(func.value, names, hops - 1)
        api = self.names.qualify(func) or ""
        if api in calls.FRESH | {"itertools.chain"}:
            return [c for a in node.args for c in self.origins(a, names, hops - 1)]
        if api in {"asyncio.shield", "asyncio.ensure_future", "asyncio.wait_for"} and node.args:
            return self.origins(node.args[0], names, hops - 1)
        return [Child(Origin.COROUTINE, node, name)]

    @staticmethod
    def handmade(work: ast.expr | None) -> Child:
        """A task made by hand, of a coroutine that is perhaps written in place."""
        if isinstance(work, ast.Call):
            return Child(Origin.HANDMADE, work, calls.callee(work))
        return Child(Origin.HANDMADE)

    def named(self, node: ast.Name, names: set[str], hops: int) -> list[Child]:
        """A variable: what it was given, and what was put into it."""
        names.add(node.id)
        found: list[Child] = []
        for binding in self.names.bindings(node):
            value = self.names.value(binding)
            parent = self.index.parents.get(binding)
            if (
                value is None
                and isinstance(parent, ast.For | ast.AsyncFor | ast.comprehension)
                and parent.target is binding
            ):
                value = parent.iter
            if value is not None:
                found += self.origins(value, names, hops - 1)
        return found + self.filled(node, names, hops)

    def filled(self, node: ast.Name | ast.Attribute, names: set[str], hops: int) -> list[Child]:
        """`tasks.append(x)`, `tasks += [x]`, `tasks[k] = x`, wherever the file does it to the same variable."""
        found: list[Child] = []
        for other in self.same(node):
            parent = self.index.parents[other]
            outer = self.index.parents.get(parent)
            if (
                isinstance(parent, ast.Attribute)
                and parent.attr in calls.ADDS
                and isinstance(outer, ast.Call)
                and outer.func is parent
            ):
                found += [c for a in outer.args[-1:] for c in self.origins(a, names, hops - 1)]
            elif (
                isinstance(parent, ast.Subscript)
                and isinstance(parent.ctx, ast.Store)
                and isinstance(outer, ast.Assign)
            ):
                found += self.origins(outer.value, names, hops - 1)
            elif isinstance(parent, ast.AugAssign) and parent.target is other:
                found += self.origins(parent.value, names, hops - 1)
        return found

    def same(self, node: ast.Name | ast.Attribute) -> list[ast.AST]:
        """Every mention of the same variable, or of the same attribute by the same path."""
        if isinstance(node, ast.Attribute):
            return [a for a in self.index.attributes.get(node.attr, ()) if dotted(a) == dotted(node)]
        scope = self.names.lookup(node.id, self.index.scope_of[node])
        if scope is None:
            return []
        stores = [b for b in scope.bindings[node.id] if isinstance(b, ast.Name)]
        return [*self.index.uses(scope, node.id), *stores]
