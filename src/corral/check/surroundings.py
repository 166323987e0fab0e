"""What stands around a call: who catches its failure, who cleans up after it, how long its frame lives."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import final

from corral.check import calls
from corral.check.names import Names, dotted, verb
from corral.check.scopes import FUNCTIONS, Index

STOPS = frozenset(
    {"CancelledError", "KeyboardInterrupt", "GeneratorExit", "SystemExit", "TimeoutError", "QueueEmpty", "QueueFull"}
)
CANCELLED = frozenset({"CancelledError", "KeyboardInterrupt", "GeneratorExit"})
BROAD = frozenset({"Exception", "BaseException", "ExceptionGroup", "BaseExceptionGroup"})
TAKERS = frozenset({"suppress", "raises", "assertRaises", "assertRaisesRegex"})
ENDLESS = frozenset(
    "serve_forever run_forever wait_closed wait join Future wait_for_termination run_until_disconnected idle".split()
)
RUNNERS = frozenset("run run_until_complete run_sync".split())
CLOSING = re.compile(
    r"_*(?:a?close|a?stop|shutdown|shut_down|cleanup|clean_up|teardown|tear_down|disconnect|cancel|terminate|kill|finali[sz]e|dispose|unload|exit"
    r"|async_(?:close|stop|unload|shutdown)|aexit|release|drain|destroy|async(?:TearDown))(?![a-z])\w*|tearDown\w*",
    re.IGNORECASE,
)


def caught_names(handler: ast.ExceptHandler) -> list[str]:
    """The exceptions a handler names, by the last part of each; `BaseException` for a bare `except`."""
    kind = handler.type
    if kind is None:
        return ["BaseException"]
    parts = kind.elts if isinstance(kind, ast.Tuple) else [kind]
    return [dotted(p).rpartition(".")[2] for p in parts]


def ends_in_raise(body: list[ast.stmt]) -> bool:
    """Whether a handler always passes the failure on."""
    last = body[-1]
    if isinstance(last, ast.If):
        return bool(last.orelse) and ends_in_raise(last.body) and ends_in_raise(last.orelse)
    if isinstance(last, ast.Expr) and isinstance(last.value, ast.Call):
        return calls.callee(last.value) in {"exit", "_exit", "abort", "fail"}
    return isinstance(last, ast.Raise)


def mentions(nodes: Iterable[ast.AST], names: set[str]) -> bool:
    """Whether any of these subtrees reads one of the dotted names, or asks for all tasks."""
    for node in nodes:
        for inner in ast.walk(node):
            if isinstance(inner, ast.Name | ast.Attribute) and (
                dotted(inner) in names or dotted(inner).endswith("all_tasks")
            ):
                return True
    return False


def cancels(nodes: Iterable[ast.AST], names: set[str]) -> bool:
    """Whether any of these subtrees cancels what goes by one of the names: directly, in a loop, or through another call."""
    for node in nodes:
        has_cancel = any(isinstance(n, ast.Attribute) and "cancel" in n.attr for n in ast.walk(node))
        if (has_cancel or any(isinstance(n, ast.Name) and "cancel" in n.id for n in ast.walk(node))) and mentions(
            [node], names
        ):
            return True
    return False


@final
class Surroundings:
    """Answers about the code around a node."""

    def __init__(self, index: Index, names: Names) -> None:
        self.index = index
        self.names = names

    def tries(self, node: ast.AST) -> Iterator[ast.Try | ast.TryStar]:
        """The `try` statements of the same function whose body holds the node, innermost first."""
        child = node
        for parent in self.index.ancestors(node):
            if isinstance(parent, (*FUNCTIONS, ast.Lambda)):
                return
            if isinstance(parent, ast.Try | ast.TryStar) and child in parent.body:
                yield parent
            child = parent

    def withs(self, node: ast.AST) -> Iterator[ast.withitem]:
        """The items of the `with` blocks of the same function around the node, innermost first."""
        child = node
        for parent in self.index.ancestors(node):
            if isinstance(parent, (*FUNCTIONS, ast.Lambda)):
                return
            if isinstance(parent, ast.With | ast.AsyncWith) and child in parent.body:
                yield from reversed(parent.items)
            child = parent

    def catcher(self, node: ast.AST) -> ast.AST | None:
        """The handler, or the `suppress`, after which the program goes on as if nothing had happened."""
        for attempt in self.tries(node):
            for handler in attempt.handlers:
                if not set(caught_names(handler)) <= STOPS:
                    if not ends_in_raise(handler.body):
                        return handler
                    if set(caught_names(handler)) & BROAD:
                        return None
        for item in self.withs(node):
            if isinstance(item.context_expr, ast.Call) and calls.callee(item.context_expr) == "suppress":
                if not {dotted(a).rpartition(".")[2] for a in item.context_expr.args} <= STOPS:
                    return item
        return None

    def depends_on_type(self, node: ast.AST) -> bool:
        """Whether a handler around the node, in its function, names an exception more closely than `Exception`."""
        for attempt in self.tries(node):
            for handler in attempt.handlers:
                if not set(caught_names(handler)) <= BROAD | CANCELLED:
                    return True
                if handler.name and any(
                    isinstance(n, ast.Name) and n.id == handler.name for s in handler.body for n in ast.walk(s)
                ):
                    return True
        return bool(self.taking(node))

    def taking(self, node: ast.AST) -> list[ast.Call]:
        """The `suppress(...)`, `raises(...)` and their like around the node, in its function."""
        calls_around = [i.context_expr for i in self.withs(node) if isinstance(i.context_expr, ast.Call)]
        return [c for c in calls_around if calls.callee(c) in TAKERS]

    def asks_for_cancelled(self, node: ast.AST) -> bool:
        """Whether anything around the node, in its function, catches `CancelledError` and not every failure besides."""
        asked = [caught_names(h) for attempt in self.tries(node) for h in attempt.handlers]
        asked += [[dotted(a).rpartition(".")[2] for a in call.args] for call in self.taking(node)]
        return any("CancelledError" in names and not BROAD & set(names) for names in asked)

    def mended(self, node: ast.AST, names: set[str]) -> bool:
        """Whether a failure of the node leads to code that deals with what goes by these names."""
        if not names:
            return False
        for attempt in self.tries(node):
            broad = [h for h in attempt.handlers if not set(caught_names(h)) <= STOPS]
            if mentions(attempt.finalbody, names) or any(mentions(h.body, names) for h in broad):
                return True
            if broad and cancels(self.after(attempt), names):
                return True
        finals = (a.finalbody for a in self.index.ancestors(node) if isinstance(a, ast.Try | ast.TryStar))
        if any(mentions(body, names) for body in finals if body and not within(self.index, node, body)):
            return True
        return self.registered(node, names)

    def quiet(self, func: ast.AST) -> bool:
        """Whether a function of this file catches all its failures itself, or is said to log them."""
        found = self.names.functions(func)
        return bool(found) and all(keeps_quiet(f) for f in found)

    def registered(self, node: ast.AST, names: set[str]) -> bool:
        """Whether `t.cancel` itself is handed to something: an exit stack, a timer."""
        frame = self.index.function(node)
        for attribute in self.index.attributes.get("cancel", ()):
            parent = self.index.parents[attribute]
            called = isinstance(parent, ast.Call) and parent.func is attribute
            if not called and dotted(attribute.value) in names and self.index.function(attribute) is frame:
                return True
        return False

    def after(self, statement: ast.stmt) -> list[ast.stmt]:
        """The statements that follow one in its block."""
        block = self.index.parents[statement]
        bodies: list[list[ast.stmt]] = [getattr(block, field, []) for field in ("body", "orelse", "finalbody")]
        return next(body[body.index(statement) + 1 :] for body in bodies if statement in body)

    def before(self, statement: ast.stmt) -> list[ast.stmt]:
        """The statements that come before one: in its block, and before each block around it."""
        found: list[ast.stmt] = []
        node: ast.AST = statement
        while not isinstance(node, (*FUNCTIONS, ast.Lambda, ast.Module)):
            block = self.index.parents[node]
            for field in ("body", "orelse", "finalbody"):
                body: list[ast.stmt] | ast.AST = getattr(block, field, [])
                if isinstance(body, list) and isinstance(node, ast.stmt) and node in body:
                    found += body[: body.index(node)]
            if field_is_final(block, node):
                found += getattr(block, "body", [])
            node = block
        return found

    def cleaning(self, node: ast.AST) -> bool:
        """Whether the node runs while something is being closed: in a `finally`, a handler of cancellation, a function called `close`."""
        child: ast.AST = node
        for parent in self.index.ancestors(node):
            if isinstance(parent, FUNCTIONS):
                return CLOSING.match(parent.name.strip("_")) is not None
            if isinstance(parent, ast.Try | ast.TryStar) and child in parent.finalbody:
                return True
            if isinstance(parent, ast.ExceptHandler):
                return True
            child = parent
        return False

    @cached_property
    def run(self) -> dict[str, ast.Call]:
        """Functions that the file runs to the end itself: `asyncio.run(main())`."""
        found: dict[str, ast.Call] = {}
        for word in RUNNERS:
            for attribute in self.index.attributes.get(word, ()):
                call = self.index.parents[attribute]
                if isinstance(call, ast.Call) and call.func is attribute and call.args:
                    arg = call.args[0]
                    found[calls.callee(arg) if isinstance(arg, ast.Call) else dotted(arg)] = call
        return found

    def endless(self, function: ast.AST, row: int) -> bool:
        """Whether the frame, once past the row, waits for ever or as long as the program runs."""
        if not isinstance(function, ast.AsyncFunctionDef):
            return False
        for node in function.body:
            if (node.end_lineno or 0) <= row:
                continue
            for inner in ast.walk(node):
                if isinstance(inner, ast.While) and isinstance(inner.test, ast.Constant) and inner.test.value:
                    if not any(isinstance(n, ast.Break) for n in ast.walk(inner)) and inner.lineno > row:
                        return True
                if isinstance(inner, ast.Await) and isinstance(inner.value, ast.Call) and inner.lineno > row:
                    if calls.callee(inner.value) in ENDLESS and not inner.value.args:
                        return True
        return False

    def awaits_after(self, function: ast.AST, row: int) -> bool:
        """Whether the frame is suspended somewhere after the row."""
        if not isinstance(function, ast.AsyncFunctionDef):
            return False
        kinds = (ast.Await, ast.AsyncFor, ast.AsyncWith, ast.Yield)
        return any(isinstance(n, kinds) and n.lineno > row for s in function.body for n in ast.walk(s))

    def closing_call(self, call: ast.Call | None) -> bool:
        """Whether the call's own name says that it closes something."""
        return call is not None and (
            CLOSING.match(calls.callee(call).strip("_")) is not None or verb(calls.callee(call)) in {"close", "stop"}
        )


def within(index: Index, node: ast.AST, body: list[ast.stmt]) -> bool:
    """Whether the node stands in one of the statements."""
    return any(a in body for a in index.ancestors(node))


def keeps_quiet(function: ast.AST) -> bool:
    """Whether nothing that matters happens outside of a `try` that catches everything and raises nothing."""
    if not isinstance(function, FUNCTIONS):
        return False
    if any("log_exc" in ast.unparse(d) or "suppress" in ast.unparse(d) for d in function.decorator_list):
        return True
    body = [s for s in function.body if not isinstance(s, ast.Expr) or not isinstance(s.value, ast.Constant)]
    plain = (ast.Assign, ast.AnnAssign, ast.Nonlocal, ast.Global, ast.Import, ast.ImportFrom, ast.Pass)
    tries = [s for s in body if isinstance(s, ast.Try)]
    if len(body) > len(tries) + sum(isinstance(s, plain) for s in body) or not tries:
        return False
    return all(any(set(caught_names(h)) & BROAD and not ends_in_raise(h.body) for h in t.handlers) for t in tries)


def field_is_final(block: ast.AST, node: ast.AST) -> bool:
    """Whether the node stands in the block's `finally` or in one of its handlers, after what its body did."""
    return isinstance(block, ast.Try | ast.TryStar) and node not in block.body
