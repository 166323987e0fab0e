"""`guard`: the guard for one block of a program."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Unpack, final

from corral.guard import coroutines
from corral.guard.ending import settle
from corral.guard.private import running_loop
from corral.guard.report import Report
from corral.guard.scope import Options, Scope
from corral.guard.watch import Watch, leaving


@final
class Guard:
    """What `guard` returns: the block that it is the context of answers for every task made on the loop while it runs."""

    def __init__(self, **options: Unpack[Options]) -> None:
        self._scope = Scope("the guard ended", **options)
        self._watch: Watch | None = None

    @property
    def reports(self) -> list[Report]:
        """What was reported so far; of very many the newest two hundred."""
        return list(self._scope.reports)

    def __enter__(self) -> Guard:
        if self._watch is not None:
            raise RuntimeError("guard: this one has been entered already: call guard() anew for each block")
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            raise RuntimeError(
                "guard: expected to be entered inside a coroutine, and no event loop runs in this thread.\n"
                "For a whole program write corral.guard.run(main()) instead of asyncio.run(main()), or call install() first."
            ) from None
        self._watch = Watch.of(loop)
        self._watch.open(self._scope)
        coroutines.heard.begin()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave(error)

    async def __aenter__(self) -> Guard:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        watch = self._entered()
        before = set(leaving)
        try:
            if watch.live:
                await settle(watch, watch.before(self._scope))
        finally:
            self._close(watch)
            cancelled = [task for task in leaving - before if task.get_loop() is watch.loop]
            if cancelled:
                await asyncio.wait(cancelled, timeout=self._scope.grace)
            self._scope.settle(error)

    def _entered(self) -> Watch:
        if self._watch is None:
            raise RuntimeError("guard: left without having been entered")
        return self._watch

    def _leave(self, error: BaseException | None) -> None:
        watch = self._entered()
        running = running_loop()
        if (
            running is not watch.loop
            and self._scope.here()
            and watch.live
            and not watch.loop.is_closed()
            and error is None
        ):
            self._close(watch)
            raise RuntimeError(
                f"guard: entered on {watch.loop!r}, left on {running!r}: expected the same loop and thread.\n"
                "Keep the block inside one coroutine; for a whole program use run() or install()."
            )
        self._close(watch)
        self._scope.settle(error)

    def _close(self, watch: Watch) -> None:
        watch.close(self._scope)
        coroutines.heard.end()


def guard(**options: Unpack[Options]) -> Guard:
    """Holds every task of the running loop for the length of a block, and tells what leaked: `async with guard():`.

    Equals the block without the guard, but for the reports. In a `with guard():` the end of the block cannot wait, so tasks that
    have been cancelled and are still winding up are taken on trust, and a failure of that very turn is left to asyncio to tell;
    `async with guard():` gives them ten turns of the loop. What was running when the block began is held, too, but not told about at
    the end; of blocks inside blocks each answers for what was made in it, by its own policies and its own grace.

    Args:
        policy: What to do about a leak. `"warn"` (the default): a `LeakWarning` that points to the line which made the task, and a
            record of the logger `corral.guard`. `"raise"`: an `ExceptionGroup` of `LeakedTask`, at the end of the block.
            `"cancel"`: the task, if it is still running (and a log record at level INFO); otherwise as `"warn"`. A function:
            it is called with the `Report`, and may return one of these to have it done.
        pending: A policy for tasks that still run at the end of the block.
        failed: For tasks whose failure nobody has retrieved.
        lost: For running tasks that the collector took: only those made by `asyncio.Task(...)` itself can be.
        orphaned: For tasks that run on after the gather they were in has failed.
        swallowed: For failures that `gather` drops because another came first.
        discarded: For failures among the results of `gather(..., return_exceptions=True)` that are thrown away.
        future: For failed futures that were dropped: of `run_coroutine_threadsafe`, of `run_in_executor`, any other.
        unawaited: For gathers and coroutines that were never awaited.
        hook: Called with each `Report`, whatever the policy.
        allow: Patterns (`fnmatch`) of what is no leak: of task names, coroutines' qualified names, files or functions that make them.
        grace: Seconds that a failure may go unseen, a sibling unattended and a cancelled task unfinished before it is told;
            None for "until the end of the block".

    Fails:
        `RuntimeError` where no loop runs, on another loop or thread than it was entered on, and if entered twice; `TypeError` and
        `ValueError` for a bad option. The policy `"raise"` never replaces what the block itself raises: it adds a note to that.

    Cancellation:
        Leaving by cancellation reports and restores as always.

    Cost:
        0.6 to 0.8 times a `create_task` that ends at once, for each task; nothing when it is off.
    """
    return Guard(**options)
