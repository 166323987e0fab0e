"""`install` and `run`: the guard for a whole program, on every loop that it runs from now on."""

from __future__ import annotations

import asyncio
import atexit
import os
import sys
from asyncio import AbstractEventLoop, runners
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeVar, Unpack, final
from weakref import WeakSet

from corral.guard import coroutines
from corral.guard.context import guard
from corral.guard.ending import pump
from corral.guard.patches import Patches, shared
from corral.guard.places import Line, place
from corral.guard.private import frame_at, running_loop
from corral.guard.report import Place, Report, write
from corral.guard.scope import Options, Scope, logger
from corral.guard.watch import Watch, found

T = TypeVar("T")
_SUBCLASS: Final = "__init_subclass__"
_installed: list[Installation] = []


@final
class Installation:
    """What `install` returns; `uninstall` ends it. Also a context manager."""

    def __init__(self, scope: Scope, made: Line | None) -> None:
        self._scope = scope
        self._watches: WeakSet[Watch] = WeakSet()
        self._patches = Patches()
        self.made_at: Place | None = place(made)
        self.active: bool = False

    @property
    def reports(self) -> list[Report]:
        """What was reported so far; of very many the newest two hundred."""
        return list(self._scope.reports)

    def watches(self) -> list[Watch]:
        """The loops that are guarded now."""
        with shared:
            return list(self._watches)

    def forked(self) -> None:
        """Goes on in a child process, for the loops that the child starts."""
        self._watches = WeakSet()
        self._scope.adopt()

    def begin(self) -> None:
        """Replaces what starts and closes loops. What is running in this thread is guarded at once."""
        self.active = True
        for kind in _loop_classes():
            self._guard_class(kind)
        self._patches.set(AbstractEventLoop, _SUBCLASS, classmethod(self._subclass()))
        self._patches.set(runners.Runner, "close", self._runner_close(runners.Runner.close))
        coroutines.everywhere.append(self._scope)
        coroutines.heard.begin()
        atexit.register(self._at_exit)
        if (loop := running_loop()) is not None:
            self.attach(loop)

    def uninstall(self) -> None:
        """Tells what is still running, and puts everything back as it was found.

        Fails: `ExceptionGroup` of `LeakedTask`, under the policy `"raise"`. A second call does nothing.
        """
        self._end()
        self._scope.settle(None)

    def __enter__(self) -> Installation:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._end()
        self._scope.settle(error)

    def _end(self) -> None:
        if self.active:
            self.active = False
            if self in _installed:
                _installed.remove(self)
            atexit.unregister(self._at_exit)
            self._patches.undo()
            coroutines.everywhere.remove(self._scope)
            coroutines.heard.end()
            for watch in self.watches():
                watch.close(self._scope)

    def attach(self, loop: AbstractEventLoop) -> None:
        """Guards a loop, if it can be."""
        if not self.active:
            return
        try:
            watch = Watch.of(loop)
        except (RuntimeError, TypeError):
            logger.debug("not guarded: %r", loop, exc_info=True)
            return
        if not watch.answers_to(self._scope):
            watch.scopes.insert(0, (self._scope, WeakSet()))
            watch.when_closed(self._closing)
            with shared:
                self._watches.add(watch)

    def detach(self, watch: Watch, *, turns: bool) -> None:
        """A loop is about to be closed: what still runs on it is cut off."""
        if turns:
            pump(watch, WeakSet())
        watch.close(self._scope)
        with shared:
            self._watches.discard(watch)

    def _closing(self, watch: Watch) -> None:
        self.detach(watch, turns=False)

    def _guard_class(self, kind: type[AbstractEventLoop]) -> None:
        run_forever: Callable[[Any], None] = kind.run_forever

        def guarded_run_forever(loop: AbstractEventLoop) -> None:
            self.attach(loop)
            run_forever(loop)

        guarded_run_forever.__doc__ = run_forever.__doc__
        try:
            self._patches.set(kind, "run_forever", guarded_run_forever)
        except (AttributeError, TypeError):
            logger.debug("not guarded: %r", kind, exc_info=True)

    def _subclass(self) -> Callable[..., None]:
        def init_subclass(kind: type[AbstractEventLoop], **kwargs: object) -> None:
            super(AbstractEventLoop, kind).__init_subclass__(**kwargs)
            if _brings_its_own(kind):
                self._guard_class(kind)

        return init_subclass

    def _runner_close(self, close: Callable[[Any], None]) -> Callable[[Any], None]:
        def guarded_close(runner: Any) -> None:
            """Shutdown and close event loop."""
            loop = runner._loop
            watch = found(loop)
            try:
                if watch is not None and watch.answers_to(self._scope):
                    self.detach(watch, turns=True)
            finally:
                close(runner)
            self._scope.settle(sys.exc_info()[1])

        return guarded_close

    def _at_exit(self) -> None:
        """Nothing can be raised here any more, so what would be is written."""
        self._end()
        if (failure := self._scope.failure()) is not None:
            write(failure)


def install(**options: Unpack[Options]) -> Installation:
    """Guards every loop that this program runs from now on, in any thread, until it exits: call it first, before `asyncio.run`.

    Equals `with guard(**options):` around each loop's whole life. Tasks that still run when `asyncio.run` is over are told before it
    cancels them; those of a loop that somebody closes by hand, when it is closed; those of one that nobody closes, at exit.
    A loop that is already running in another thread is not seen. In a forked child the loops of the parent are not guarded, and
    not told about; those that the child starts are.

    Args:
        options: As for `guard`. Under `"raise"` it is `asyncio.run` (or whoever closes a `Runner`) that raises, unless it has
            something else to raise.

    Fails:
        `RuntimeError` if it is installed already, with the line where; `TypeError` and `ValueError` for a bad option.

    Cancellation:
        None: it does not wait.

    Cost:
        As `guard`, and a call more for each `asyncio.run`.
    """
    frame = frame_at(1)
    made = (frame.f_code, frame.f_lasti)
    if _installed:
        raise RuntimeError(
            f"corral.guard: installed already, at {_installed[-1].made_at}: call uninstall() of what that returned first,"
            " or use guard() for a part of the program"
        )
    installation = Installation(Scope("its loop ended", **options), made)
    _installed.append(installation)
    installation.begin()
    return installation


def run(
    main: Coroutine[Any, Any, T],
    *,
    debug: bool | None = None,
    loop_factory: Callable[[], AbstractEventLoop] | None = None,
    **options: Unpack[Options],
) -> T:
    """`asyncio.run(main)` with the guard on, on this loop only.

    Equals `asyncio.run` of `async with guard(**options): return await main`.

    Args:
        main: A coroutine, as for `asyncio.run`.
        debug: As for `asyncio.run`.
        loop_factory: What makes the loop, such as `uvloop.new_event_loop`; also on Python 3.11, whose `asyncio.run` has no such argument.
        options: As for `guard`.

    Fails:
        As `asyncio.run`; under the policy `"raise"` an `ExceptionGroup` of `LeakedTask`, unless `main` itself raises.

    Cancellation:
        Ctrl-C cancels `main`, as under `asyncio.run`.

    Cost:
        As `guard`.
    """
    _check_coroutine(main)
    try:
        context = guard(**options)
        runner = asyncio.Runner(debug=debug, loop_factory=loop_factory)
    except BaseException:
        main.close()
        raise
    if running_loop() is not None:
        main.close()
        raise RuntimeError(
            "corral.guard.run: a loop runs in this thread already: write `async with guard(): await main()` there"
        )
    with runner:
        return runner.run(_guarded(context, main))


def _forked() -> None:
    for installation in _installed:
        installation.forked()


os.register_at_fork(after_in_child=_forked)


def _check_coroutine(main: object) -> None:
    if not asyncio.iscoroutine(main):
        called = f"{getattr(main, '__name__', 'main')}()"
        raise ValueError(f"corral.guard.run: expected a coroutine, got {main!r}: write run({called})")


async def _guarded(context: Any, main: Coroutine[Any, Any, T]) -> T:
    async with context:
        return await main


def _loop_classes() -> list[type[AbstractEventLoop]]:
    """Every class of loops that has a `run_forever` of its own."""
    classes: list[type[AbstractEventLoop]] = []
    waiting: list[Any] = [AbstractEventLoop]
    while waiting:
        for kind in waiting.pop().__subclasses__():
            waiting.append(kind)
            if kind not in classes and _brings_its_own(kind):
                classes.append(kind)
    return classes


def _brings_its_own(kind: type[AbstractEventLoop]) -> bool:
    """Not inherited from another class of loops: uvloop has it from a compiled class that cannot be changed."""
    owner = next((base for base in kind.__mro__ if "run_forever" in vars(base)), None)
    return owner is kind or (owner is not None and not issubclass(owner, AbstractEventLoop))
