"""Every way through a function, for one local variable: does each path put to use what was stored?

A small abstract interpreter. Its state is the set of stores whose value is still waiting to be used; a use clears them all, another
store of the name overwrites them, and what is left at a `return` or at the end is left behind. It leans towards silence, since a false
alarm costs more than a miss: loops are taken to run, failures are taken to come after the uses in the `try`, and a test that
mentions the variable (or that guarded the store) is taken to know whether there is anything to use.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import final

State = frozenset[ast.AST] | None  # None: not reachable
NOTHING: frozenset[ast.AST] = frozenset()


def merge(*states: State) -> State:
    """Where ways meet, everything that waits on either still waits."""
    reachable = [s for s in states if s is not None]
    return NOTHING.union(*reachable) if reachable else None


@final
@dataclass
class Exits:
    """The states in which a block is left otherwise than by its end."""

    returns: list[tuple[frozenset[ast.AST], ast.AST]] = field(default_factory=list[tuple[frozenset[ast.AST], ast.AST]])
    raises: list[tuple[frozenset[ast.AST], ast.AST]] = field(default_factory=list[tuple[frozenset[ast.AST], ast.AST]])
    breaks: list[frozenset[ast.AST]] = field(default_factory=list[frozenset[ast.AST]])
    continues: list[frozenset[ast.AST]] = field(default_factory=list[frozenset[ast.AST]])


@final
class Paths:
    """The ways of one variable's stores through one function body.

    Args:
        stores: The nodes that bind the name; those in `watched` bind a handle.
        uses: Reads that count: they await, keep or hand on the value.
        mentions: All reads, for tests that ask about the variable.
    """

    def __init__(
        self,
        parents: dict[ast.AST, ast.AST],
        stores: Iterable[ast.AST],
        watched: Iterable[ast.AST],
        uses: Iterable[ast.AST],
        mentions: Iterable[ast.AST],
    ) -> None:
        self.watched: frozenset[ast.AST] = frozenset(watched)
        self.used: set[ast.AST] = set()
        self.regions: list[set[ast.AST]] = []  # what was used since each enclosing block was entered
        self.overwritten: dict[ast.AST, ast.AST] = {}
        self.left: dict[ast.AST, ast.AST] = {}
        self.exits: Exits = Exits()
        self.events: dict[ast.AST, list[tuple[tuple[int, int], str, ast.AST]]] = {}
        self.mentioned: set[ast.AST] = set()
        self.guards: dict[ast.AST, set[str]] = {}
        self.parents = parents
        for kind, nodes in (("use", uses), ("store", stores)):
            for node in nodes:
                self.events.setdefault(self.home(node), []).append((self.moment(node, kind), kind, node))
        for node in mentions:
            self.mentioned.add(self.home(node))
        for node in self.watched:
            self.guards[node] = self.tests_around(node)

    def home(self, node: ast.AST) -> ast.AST:
        """The statement, or the head of the compound statement, that evaluates the node."""
        while not isinstance(node, ast.stmt | ast.withitem | ast.ExceptHandler | ast.match_case):
            node = self.parents[node]
        return node

    def moment(self, node: ast.AST, kind: str) -> tuple[int, int]:
        """When within its statement: as written, but an assignment stores after it has read."""
        if kind == "store" and not isinstance(self.parents.get(node), ast.NamedExpr):
            return (1 << 30, 0)
        return (getattr(node, "lineno", 0), getattr(node, "col_offset", 0))

    def tests_around(self, node: ast.AST) -> set[str]:
        """The tests of the `if`s in whose body the node stands."""
        tests: set[str] = set()
        child = node
        while (parent := self.parents.get(child)) is not None and not isinstance(
            child, ast.FunctionDef | ast.AsyncFunctionDef
        ):
            if isinstance(parent, ast.If) and child in parent.body:
                tests.add(ast.dump(parent.test))
            child = parent
        return tests

    def run(self, body: Sequence[ast.stmt]) -> None:
        """Follow every path; afterwards `used`, `overwritten` and `left` tell what became of each store."""
        end = self.block(body, NOTHING)
        if end is not None and body:
            self.exits.returns.append((end, body[-1]))
        for state, where in (*self.exits.returns, *self.exits.raises):
            for store in state:
                self.left.setdefault(store, where)

    def happen(self, node: ast.AST, state: frozenset[ast.AST]) -> frozenset[ast.AST]:
        """The reads and stores of one statement (or head), in order."""
        for _, kind, what in sorted(self.events.get(node, ()), key=lambda e: e[0]):
            if kind == "use":
                self.used |= state
                for region in self.regions:
                    region.update(state)
                state = NOTHING
            else:
                for store in state:
                    self.overwritten.setdefault(store, what)
                state = frozenset({what}) if what in self.watched else NOTHING
        return state

    def block(self, body: Sequence[ast.stmt], state: State) -> State:
        """Statements one after another."""
        for statement in body:
            if state is None:
                return None
            state = self.step(statement, state)
        return state

    def step(self, node: ast.stmt, state: frozenset[ast.AST]) -> State:
        """One statement."""
        if isinstance(node, ast.If):
            return self.branch(node, self.happen(node, state))
        if isinstance(node, ast.For | ast.AsyncFor | ast.While):
            return self.loop(node, state)
        if isinstance(node, ast.Try | ast.TryStar):
            return self.attempt(node, state)
        if isinstance(node, ast.With | ast.AsyncWith):
            for item in node.items:
                state = self.happen(item, state)
            return self.block(node.body, self.happen(node, state))
        if isinstance(node, ast.Match):
            return self.match(node, self.happen(node, state))
        state = self.happen(node, state)
        if isinstance(node, ast.Return):
            self.exits.returns.append((state, node))
            return None
        if isinstance(node, ast.Raise):
            self.exits.raises.append((state, node))
            return None
        if isinstance(node, ast.Break):
            self.exits.breaks.append(state)
            return None
        if isinstance(node, ast.Continue):
            self.exits.continues.append(state)
            return None
        return state

    def branch(self, node: ast.If, state: frozenset[ast.AST]) -> State:
        """Both sides; a test that knows about the variable makes the use on one side count for both."""
        knows = node in self.mentioned or any(ast.dump(node.test) in self.guards[s] for s in state)
        lists = (self.exits.returns, self.exits.raises)
        before = [len(exits) for exits in lists]
        self.regions.append(set())
        body, orelse = self.block(node.body, state), self.block(node.orelse, state)
        settled = self.regions.pop() & state
        out = merge(body, orelse)
        if not knows:
            return out
        for exits, count in zip(lists, before, strict=True):
            exits[count:] = [(s - state, where) for s, where in exits[count:]]
        return None if out is None else out - settled

    def loop(self, node: ast.For | ast.AsyncFor | ast.While, state: frozenset[ast.AST]) -> State:
        """The body twice, so that what the first round leaves meets the stores of the second."""
        outer, self.exits = self.exits, Exits(returns=self.exits.returns, raises=self.exits.raises)
        self.regions.append(set())
        out: State = state
        for _ in range(2):
            if out is None:
                break
            out = merge(self.block(node.body, self.happen(node, out)), *self.exits.continues)
        inner, self.exits = self.exits, outer
        used = self.regions.pop()
        endless = isinstance(node, ast.While) and isinstance(node.test, ast.Constant) and bool(node.test.value)
        if out is None and not endless:
            out = state - used
        normal = None if endless else self.block(node.orelse, out)
        return merge(normal, *inner.breaks)

    def attempt(self, node: ast.Try | ast.TryStar, state: frozenset[ast.AST]) -> State:
        """`try`: handlers see what the body stored and not what it used; `finally` runs on every way out."""
        outer, self.exits = self.exits, Exits()
        self.regions.append(set())
        body = self.block(node.body, state)
        raised = [] if node.handlers else [*self.exits.raises]
        left = (s for s, _ in (*self.exits.returns, *self.exits.raises))
        failed = state.union(body or NOTHING, *left) - self.regions.pop()
        ends = [self.block(node.orelse, body), *(self.block(h.body, self.happen(h, failed)) for h in node.handlers)]
        inner, self.exits = self.exits, outer
        self.exits.returns += self.through(node.finalbody, inner.returns)
        self.exits.raises += self.through(node.finalbody, raised)
        if merge(*ends) is None:
            self.block(node.finalbody, failed)  # an endless body is left by a failure
        for kind in ("breaks", "continues"):
            for left in getattr(inner, kind):
                if (after := self.block(node.finalbody, left)) is not None:
                    getattr(self.exits, kind).append(after)
        return self.block(node.finalbody, merge(*ends))

    def through(
        self, body: Sequence[ast.stmt], exits: list[tuple[frozenset[ast.AST], ast.AST]]
    ) -> list[tuple[frozenset[ast.AST], ast.AST]]:
        """What is left of each way out after a `finally`."""
        after = ((self.block(body, state), where) for state, where in exits)
        return [(state, where) for state, where in after if state is not None]

    def match(self, node: ast.Match, state: frozenset[ast.AST]) -> State:
        """Each case, and none unless one takes everything."""
        ends = [self.block(case.body, self.happen(case, state)) for case in node.cases]
        total = any(
            isinstance(c.pattern, ast.MatchAs) and c.pattern.pattern is None and c.guard is None for c in node.cases
        )
        return merge(*ends) if total else merge(state, *ends)
