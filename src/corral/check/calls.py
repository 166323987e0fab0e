"""What is known about other people's calls: which keep their argument, which only look at it, which drop what a callback returns."""

from __future__ import annotations

import ast
import enum
import re


class Kind(enum.Enum):
    """What a call of an asyncio function makes."""

    SPAWN = "spawn"
    FUTURE = "future"
    GATHER = "gather"
    SHIELD = "shield"
    WAIT_FOR = "wait_for"
    WAIT = "wait"
    AS_COMPLETED = "as_completed"


FUNCTIONS = {
    "asyncio.create_task": Kind.SPAWN,
    "asyncio.ensure_future": Kind.SPAWN,
    "asyncio.Task": Kind.SPAWN,
    "asyncio.run_coroutine_threadsafe": Kind.FUTURE,
    "asyncio.gather": Kind.GATHER,
    "asyncio.shield": Kind.SHIELD,
    "asyncio.wait_for": Kind.WAIT_FOR,
    "asyncio.wait": Kind.WAIT,
    "asyncio.as_completed": Kind.AS_COMPLETED,
}
LOOP_METHODS = {"create_task": Kind.SPAWN, "run_in_executor": Kind.FUTURE}
WORDS = frozenset(name.rpartition(".")[2] for name in FUNCTIONS) | frozenset(LOOP_METHODS)

# A Task's methods that neither wait for it nor keep it, whatever they return.
GLANCES = frozenset(
    "add_done_callback remove_done_callback set_name get_name get_coro get_context get_loop get_stack print_stack".split()
)
# What may be asked of a task in passing; of one in a variable it is polling, which its frame holds meanwhile.
PEEKS = frozenset({"done", "cancelled"})
# Methods that fill or trim a container without reading what is in it.
TRIMS = frozenset(
    "append appendleft add remove discard insert extend update clear sort reverse index count put put_nowait push".split()
)
ADDS = frozenset("append appendleft add insert extend update put put_nowait setdefault push".split())
VIEWS = frozenset("values items keys copy union".split())
TAKES = frozenset("pop popitem popleft get setdefault".split())

# Builtins that look at their argument and let go of it.
LOOKS = frozenset(
    "print repr str id isinstance issubclass type hash bool len format callable hasattr dir vars any all sum".split()
)
# Builtins whose result holds what they were given.
PASSES = frozenset("list tuple set frozenset sorted reversed iter enumerate zip filter dict".split())
LOG_METHODS = frozenset("debug info warning warn error exception critical log trace success".split())
LOGGER = re.compile(r"_*(?:logg(?:er|ing)|log|lgr|console|warnings|structlog)\Z|\w*_?logg?(?:er)?\Z", re.IGNORECASE)
WEAK = frozenset(
    {
        "weakref.ref",
        "weakref.proxy",
        "weakref.ReferenceType",
        "weakref.WeakSet",
        "weakref.finalize",
        "weakref.getweakrefcount",
    }
)
WEAK_CONTAINERS = frozenset({"weakref.WeakSet", "weakref.WeakValueDictionary"})
FRESH = frozenset(
    """
    list set dict tuple frozenset collections.deque collections.defaultdict collections.OrderedDict collections.Counter
    asyncio.Queue asyncio.LifoQueue queue.Queue queue.SimpleQueue
    """.split()
)

# Calls that run a callback and throw away what it returns.
DROPPERS = frozenset(
    "call_soon call_later call_at call_soon_threadsafe add_done_callback add_signal_handler add_reader add_writer".split()
)
DROPPING_FUNCTIONS = frozenset({"signal.signal", "atexit.register", "threading.Timer", "weakref.finalize"})
# Names that say "event handler": what the callback returns goes nowhere, as a rule.
HANDLER = re.compile(
    r"(?:on|once|connect|subscribe|listen|observe|bind|trace_add|callback|cb|command|handler|hook|after|schedule|register)\Z"
    r"|on_\w+|on[A-Z]\w*|(?:add|set|register|attach)_\w*(?:handler|listener|callback|observer|hook|event)\w*|\w+_(?:callback|handler|cb|hook)\Z",
)


def work(call: ast.Call) -> ast.expr | None:
    """The awaitable that a call is given, by place or by any of the names asyncio has for it."""
    if call.args:
        return call.args[0]
    return next((k.value for k in call.keywords if k.arg in {"coro", "coro_or_future", "fut", "arg", "aw"}), None)


def last(node: ast.expr) -> str:
    """The last part of a dotted name."""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def callee(call: ast.Call) -> str:
    """The last part of what is called: `save` for `self.db.save(...)`."""
    return last(call.func)


def is_logging(call: ast.Call) -> bool:
    """`log.info(...)`, `self._logger.debug(...)`, `logging.warning(...)`."""
    func = call.func
    if not isinstance(func, ast.Attribute) or func.attr not in LOG_METHODS:
        return False
    base = func.value
    if isinstance(base, ast.Call):
        base = base.func
    name = base.attr if isinstance(base, ast.Attribute) else base.id if isinstance(base, ast.Name) else ""
    return LOGGER.match(name) is not None
