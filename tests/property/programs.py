"""Programs of inputs: plain data that Hypothesis makes, shrinks and prints, and that an `@example` can be written as.

A `Plan` is one call of a verb. Each of its children is a tuple of steps; `world.py` says what each step does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from hypothesis import strategies as st

Step = tuple[Any, ...]
Child = tuple[Step, ...]

#: What a child does to its own Task and context, without suspending.
POKES = (
    "set number", "set equal", "set raising eq", "set and reset", "keep", "keep method", "weak", "weak key", "key", "callback",
    "rename", "same name", "attribute", "cancel", "cancel and uncancel", "cancel twice", "uncancel", "keep context",
    "hold all", "let go",
)  # fmt: skip
ERRORS = ("ValueError", "Odd", "ExceptionGroup", "CancelledError", "StopIteration", "Stubborn")
#: What ends a verb under every policy.
FATAL = ("SystemExit", "KeyboardInterrupt", "Deadly")
#: What happens to a child after so many turns of the loop, whatever it is at.
BREAKS_IN = ("now", "cancel later", "set in context later", "group", "cancel", "cancel twice", "cancel and uncancel")
VERBS = (
    "map", "map generator", "map async", "map timeout", "stream", "stream async", "stream unordered", "stream slow", "gather",
)  # fmt: skip
POLICIES = ("group", "first", "collect")


@dataclass(frozen=True)
class Plan:
    """One call of a verb, with its inputs."""

    verb: str
    limit: int | None
    on_error: str
    children: tuple[Child, ...]

    def is_exact(self) -> bool:
        """Whether the program settles all that its inputs see.

        How many turns of the loop a verb takes may depend on how many Tasks it starts. So a program is left out in which somebody
        breaks in on a verb after so many turns, or in which one of several inputs ends a verb while the others are on their way.
        """
        several = any(plan.limit != 1 for plan in _plans(self)) and self.has(*FATAL, "not awaitable")
        return not several and not (self.has("nest") and self.has(*BREAKS_IN))

    def has(self, *words: str) -> bool:
        """Whether a step of that name, or with that detail, is anywhere in it."""
        return any(word in words for word in _words(self))


def _plans(thing: Any) -> list[Plan]:
    inside = [plan for part in _parts(thing) for plan in _plans(part)]
    return [thing, *inside] if isinstance(thing, Plan) else inside


def _words(thing: Any) -> list[Any]:
    return [thing] if isinstance(thing, str) else [word for part in _parts(thing) for word in _words(part)]


def _parts(thing: Any) -> tuple[Any, ...]:
    return thing.children if isinstance(thing, Plan) else thing if isinstance(thing, tuple) else ()


class Flavour(NamedTuple):
    """What may be in a program: verbs inside of inputs, what `BREAKS_IN`, what is `FATAL`, inputs side by side."""

    nest: bool
    breaks_in: bool
    fatal: bool
    several: bool


FLAVOURS = [
    Flavour(nest=False, breaks_in=True, fatal=False, several=True),
    Flavour(nest=False, breaks_in=True, fatal=True, several=False),
    Flavour(nest=True, breaks_in=False, fatal=False, several=True),
    Flavour(nest=True, breaks_in=False, fatal=True, several=False),
    Flavour(nest=True, breaks_in=True, fatal=True, several=True),  # seldom exact: see `Plan.is_exact`
]


def _step(flavour: Flavour, child: st.SearchStrategy[Child]) -> st.SearchStrategy[Step]:
    errors = (*ERRORS, *FATAL) if flavour.fatal else ERRORS
    turns = st.integers(0, 3)
    pokes = [poke for poke in POKES if flavour.breaks_in or poke not in BREAKS_IN]
    simple = [
        st.tuples(st.just("poke"), st.sampled_from(pokes)),
        st.tuples(st.just("suspend"), turns),
        st.sampled_from([("future",), ("cancel and catch", True), ("cancel and catch", False)]),
        st.tuples(st.just("raise"), st.sampled_from(errors)),
    ]
    blocks = [
        st.tuples(st.sampled_from(["try", "finally suspend"]), child),
        st.tuples(st.just("timeout"), st.sampled_from(["far", "none"]), child),
        st.tuples(st.just("start"), child, st.sampled_from(["await", "leave"])),
    ]
    if flavour.breaks_in:
        simple.append(st.tuples(st.sampled_from(["cancel later", "set in context later"]), turns))
        blocks.append(st.tuples(st.just("timeout"), st.just("now"), child))
        blocks.append(st.tuples(st.just("group"), st.lists(child, max_size=3).map(tuple)))
    if flavour.nest:
        blocks.append(st.tuples(st.just("nest"), plans_of(flavour, child, most=3)))
    return st.one_of(simple[0], simple[0], *simple, st.one_of(blocks))


@st.composite
def plans_of(draw: st.DrawFn, flavour: Flavour, child: st.SearchStrategy[Child], most: int) -> Plan:
    """A call whose outcome does not hang on how many turns of the loop one of several inputs takes."""
    limit = draw(st.sampled_from([1, 2, 3, None])) if flavour.several else 1
    on_error = draw(st.sampled_from(POLICIES)) if limit == 1 else "collect"
    return Plan(draw(st.sampled_from(VERBS)), limit, on_error, tuple(draw(st.lists(child, max_size=most))))


def _children(flavour: Flavour) -> st.SearchStrategy[Child]:
    """Some inputs do things before `fn` has returned its coroutine; a few get no coroutine at all."""
    pokes = [poke for poke in POKES if flavour.breaks_in or poke not in BREAKS_IN]
    child: st.SearchStrategy[Child] = st.lists(st.tuples(st.just("poke"), st.sampled_from(pokes)), max_size=2).map(
        tuple
    )
    for _ in range(2):
        child = st.lists(_step(flavour, child), max_size=4).map(tuple)
    first = [st.tuples(st.just("call"), st.sampled_from(pokes)), st.just(("call raises",))]
    if flavour.fatal:
        first.append(st.just(("not awaitable",)))
    return st.one_of(child, child, st.tuples(st.one_of(first), child).map(lambda pair: (pair[0], *pair[1])))


#: Any program.
PLANS = st.sampled_from(FLAVOURS).flatmap(lambda flavour: plans_of(flavour, _children(flavour), most=6))
