"""The differential test can fail: each check that a worker makes is dropped in turn, and a program that shows it is caught."""

from __future__ import annotations

import inspect
import sys
import textwrap
from collections.abc import Callable
from types import ModuleType
from typing import Any, NamedTuple

import pytest

from corral import _failures, _worker
from corral._crew import Crew
from tests.loops import LOOPS
from tests.property.programs import POKES, Child, Plan
from tests.property.sides import same


def pair(first: Child, second: Child = ()) -> Plan:
    """Two inputs that share a worker if it does not see what the first has done."""
    return Plan("map", 1, "collect", (first, second))


class Mutant(NamedTuple):
    """Lines of a function, what becomes of them, a program that must notice, and on which versions."""

    changes: dict[str, str]
    plan: Plan
    since: tuple[int, int] = (3, 11)
    until: tuple[int, int] = (4, 0)
    function: str = "work"
    owner: ModuleType | type = _worker


COUNT = {"count != strong": "False"}
CONTEXT = {" + getrefcount(context)": ""}
WEAK = {"getweakrefcount(task) != weak": "False"}
ROOT = {"traces[last] is not root": "False"}
# The length, the root's place and the name's see the same; so do `cancel`, which leaves its message, and `cancelling`.
PLACES = {"len(traces) != size": "False", "traces[last]": "traces[-1]", "traces[at] is not name": "False"}
FAILED = {"strong = -1 if task.cancelling() or task._must_cancel else strong": "pass"}
CANCELLING = {"if task.cancelling() or (not": "if (not"}
FORGOTTEN = {" or (not _UNCANCEL_FORGETS and task._must_cancel)": ""}
POKED = {what: (("poke", what),) for what in POKES}
LATE = (("suspend", 2), ("poke", "see who has ended"))
# The first one's successor is held when it is looked at, and kept once it has been let go.
SIDE_BY_SIDE: tuple[Child, ...] = (
    (("suspend", 2), ("poke", "set number")),
    (("suspend", 1), ("poke", "hold all"), ("suspend", 1), ("poke", "let go"), ("suspend", 3)),
    (("suspend", 2), ("poke", "keep")),
)
SHORT: tuple[Child, ...] = ((),) * 600  # so many in one turn that the next ones are not looked at one by one
MUTANTS = {
    "a kept Task": Mutant(COUNT, pair(POKED["keep"])),
    "a kept method of the Task": Mutant(COUNT, pair(POKED["keep method"])),
    "a Task that is a key": Mutant(COUNT, pair(POKED["key"])),
    "a Task that somebody will cancel": Mutant(COUNT, pair((("cancel later", 1),), (("suspend", 3),))),
    "a count that was too high at first": Mutant(
        {"min(run.least, count)": "count"}, Plan("map", 2, "collect", (*SIDE_BY_SIDE, *[()] * 4)), function="_baseline"
    ),
    "a successor that nobody looked at": Mutant(
        {"self.gate = 0": "pass"},
        Plan("map", 1, "collect", (*SHORT, (("suspend", 1),), *[POKED["set number"]] * 3)),
        function="begin",
        owner=Crew,
    ),
    "a kept context": Mutant(CONTEXT, pair(POKED["keep context"], POKED["keep context"]), since=(3, 12)),
    "a context set from outside": Mutant(
        CONTEXT, pair((("set in context later", 1),), (("suspend", 3),)), since=(3, 12)
    ),
    "a watched Task": Mutant(WEAK, pair(POKED["weak"])),
    "a Task in a WeakKeyDictionary": Mutant(WEAK, pair(POKED["weak key"])),
    "a variable": Mutant(ROOT, pair(POKED["set number"])),
    "an equal variable": Mutant({"traces[last] is not root": "traces[last] != root"}, pair(POKED["set equal"])),
    "a name": Mutant(PLACES, pair(POKED["rename"])),
    "an attribute": Mutant(PLACES, pair(POKED["attribute"])),
    "a callback": Mutant(PLACES, pair(POKED["callback"], LATE)),
    "a cancellation that a failure came before": Mutant(
        FAILED | PLACES, pair((("poke", "cancel"), ("raise", "ValueError")))
    ),
    "a cancellation that was caught": Mutant(CANCELLING | PLACES, pair((("cancel and catch", False),))),
    "a cancellation that comes too late": Mutant(CANCELLING, pair(POKED["cancel"]), since=(3, 13)),
    "a cancellation that uncancel forgot": Mutant(FORGOTTEN, pair(POKED["cancel and uncancel"]), until=(3, 13)),
    "whether it was heard": Mutant({"heard=not task._must_cancel": "heard=True"}, pair(POKED["cancel"])),
}


def mutated(mutant: Mutant) -> Callable[..., Any]:
    """The function with these lines changed, in a copy of its module's namespace."""
    function = getattr(mutant.owner, mutant.function)
    source = textwrap.dedent(inspect.getsource(function))
    for line, becomes in mutant.changes.items():
        assert source.count(line) == 1, f"a mutant is out of date: {line!r} stands there {source.count(line)} times"
        source = source.replace(line, becomes)
    space = dict(vars(sys.modules[function.__module__]))
    source = f"from __future__ import annotations\n{source}"
    exec(compile(source, "<mutant>", "exec", dont_inherit=True), space)
    changed: Callable[..., Any] = space[mutant.function]
    return changed


@pytest.mark.parametrize("kind", LOOPS)
@pytest.mark.parametrize("name", MUTANTS)
def test_every_check_is_needed(name: str, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The program is the same on all sides as the worker stands, and is not when the check is dropped."""
    mutant = MUTANTS[name]
    if not mutant.since <= sys.version_info[:2] < mutant.until:
        pytest.skip("this check is for other versions of Python")
    same(mutant.plan, LOOPS[kind])
    function = mutated(mutant)
    monkeypatch.setattr(mutant.owner, mutant.function, function)
    _failures.own_code.add(function.__code__)
    try:
        with pytest.raises(AssertionError):
            same(mutant.plan, LOOPS[kind])
    finally:
        _failures.own_code.discard(function.__code__)
