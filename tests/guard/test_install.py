"""`install`: a whole program, its loops, threads, forks and its end."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from corral.guard import Installation, LeakedTask, Report, guard, install
from corral.guard.watch import Watch
from tests.guard import replaced
from tests.guard.hazards import fail, turns

Loop = Callable[[], asyncio.AbstractEventLoop]


async def leak() -> None:
    asyncio.create_task(asyncio.sleep(3600))
    await asyncio.sleep(0)


def test_it_puts_everything_back() -> None:
    """While it is installed every loop is guarded; afterwards asyncio is as it was found."""
    before = [*replaced.by_an_installation(), *replaced.by_a_block()]
    with install(policy=lambda _: None) as installed:
        assert all(now is not then for now, then in zip(replaced.by_an_installation(), before, strict=False))
        asyncio.run(leak())
    assert [report.kind for report in installed.reports] == ["pending"]
    assert [*replaced.by_an_installation(), *replaced.by_a_block()] == before
    asyncio.run(leak())
    assert len(installed.reports) == 1


def test_it_is_installed_once() -> None:
    """A second time is refused, with the line of the first; after `uninstall` it can be installed again."""
    first = install()
    with pytest.raises(
        RuntimeError, match=r"installed already, at .*test_install\.py:\d+ in test_it_is_installed_once"
    ):
        install()
    first.uninstall()
    first.uninstall()
    install().uninstall()


def test_raise_comes_out_of_asyncio_run() -> None:
    """Under "raise" it is `asyncio.run` that raises, once its loop is closed; what the program raises goes first."""

    async def mine() -> None:
        await leak()
        raise KeyError("mine")

    with install(policy="raise"):
        with pytest.raises(ExceptionGroup, match=r"corral\.guard: 1 leak") as raised:
            asyncio.run(leak())
        assert isinstance(raised.value.exceptions[0], LeakedTask)
        with pytest.raises(KeyError) as own:
            asyncio.run(mine())
        assert own.value.__notes__[0].startswith("corral.guard: 1 leak")


def test_what_nobody_closes_is_raised_by_uninstall() -> None:
    """A loop that is run by hand and left open is told when the guard ends."""
    loop = asyncio.new_event_loop()
    installed = install(policy="raise")
    loop.run_until_complete(leak())
    with pytest.raises(ExceptionGroup, match="1 leak"):
        installed.uninstall()
    for task in asyncio.all_tasks(loop):
        task.cancel()
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()


def test_loop_that_is_closed_by_hand_is_told_then(loop_factory: Loop) -> None:
    """What still runs when somebody closes a loop is told before it is closed."""
    found: list[Report] = []
    with install(policy=found.append):
        loop = loop_factory()
        loop.run_until_complete(leak())
        assert found == []
        loop.close()
        assert [report.kind for report in found] == ["pending"]
        assert loop.is_closed()


def test_every_thread_is_guarded() -> None:
    """Loops of other threads are guarded, many at once; each leak is told once."""
    found: list[Report] = []

    async def leaks() -> None:
        asyncio.create_task(fail())
        await turns()
        await leak()

    with install(policy=found.append), ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: asyncio.run(leaks()), range(40)))
    assert sorted(report.kind for report in found) == ["failed"] * 40 + ["pending"] * 40


def test_it_can_be_installed_from_another_thread() -> None:
    """It does not matter which thread installs it: loops that start to run from then on are guarded."""
    installed: list[Installation] = []
    found: list[Report] = []
    thread = threading.Thread(target=lambda: installed.append(install(policy=found.append)))
    thread.start()
    thread.join()
    asyncio.run(leak())
    installed[0].uninstall()
    assert [report.kind for report in found] == ["pending"]


async def test_inside_a_running_loop_it_begins_at_once() -> None:
    """Installed in a coroutine it guards the loop that runs."""
    with install(policy=lambda _: None) as installed:
        asyncio.create_task(fail())
        await turns()
    assert [report.kind for report in installed.reports] == ["failed"]


def test_blocks_inside_answer_for_their_own() -> None:
    """A `guard` inside an installed program reports its own leaks, and the program the rest."""

    async def main() -> list[Report]:
        async with guard(policy=lambda _: None) as block:
            asyncio.create_task(fail())
            await turns()
        await leak()
        return block.reports

    with install(policy=lambda _: None) as installed:
        inner = asyncio.run(main())
    assert [report.kind for report in inner] == ["failed"]
    assert [report.kind for report in installed.reports] == ["pending"]


def test_classes_of_loops_made_later_are_guarded() -> None:
    """A loop class that is defined after the installation is guarded as well."""
    found: list[Report] = []
    with install(policy=found.append):

        class Later(asyncio.SelectorEventLoop):
            def run_forever(self) -> None:
                super().run_forever()

        with asyncio.Runner(loop_factory=Later) as runner:
            runner.run(leak())
    assert [report.kind for report in found] == ["pending"]


def test_loop_that_takes_no_attributes_is_left_alone() -> None:
    """A loop class of which nothing can be replaced runs as ever under `install`, and `guard` says why not."""

    class Full(asyncio.SelectorEventLoop):
        def __setattr__(self, name: str, value: object) -> None:
            if "corral" in name:
                raise AttributeError(name)
            super().__setattr__(name, value)

    with install(policy=lambda _: None) as installed, asyncio.Runner(loop_factory=Full) as runner:
        runner.run(leak())
    assert installed.reports == []


def test_class_that_cannot_be_changed_is_left_alone() -> None:
    """A class of loops that is written in C, or guards itself, runs as ever."""

    class Frozen(type(asyncio.SelectorEventLoop)):  # type: ignore[misc]  # ABCMeta or type, whichever it is
        def __setattr__(cls, name: str, value: object) -> None:
            raise TypeError(f"cannot set {name!r}")

    class Loop(asyncio.SelectorEventLoop, metaclass=Frozen):
        ran = 0

        def run_forever(self) -> None:
            self.ran += 1

    loop = Loop()
    with install(policy=lambda _: None) as installed:
        loop.run_forever()
        assert loop.ran == 1
        assert installed.watches() == []
    loop.close()


def test_subclass_without_a_way_to_run_of_its_own_is_guarded_by_its_base() -> None:
    """A class of loops that is made later and inherits everything needs nothing replaced."""
    with install(policy=lambda _: None) as installed:

        class Later(asyncio.SelectorEventLoop):
            pass

        assert "run_forever" not in vars(Later)
        with asyncio.Runner(loop_factory=Later) as runner:
            runner.run(leak())
    assert [report.kind for report in installed.reports] == ["pending"]


def test_what_others_have_replaced_since_is_left_to_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody who has put something around ours keeps it when we go; what is left of ours in there does nothing."""
    before = asyncio.BaseEventLoop.run_forever
    found: list[Report] = []
    installed = install(policy=found.append)
    ours = asyncio.BaseEventLoop.run_forever

    def theirs(loop: asyncio.BaseEventLoop) -> None:
        ours(loop)

    asyncio.BaseEventLoop.run_forever = theirs  # type: ignore[method-assign]  # that is what it is about
    try:
        installed.uninstall()
        assert asyncio.BaseEventLoop.run_forever is theirs
        asyncio.run(leak())
    finally:
        asyncio.BaseEventLoop.run_forever = before  # type: ignore[method-assign]  # as it was
    assert found == []


def test_loop_that_runs_cannot_be_closed_and_tells_nothing() -> None:
    """Whoever closes a running loop gets asyncio's error, and no report."""

    async def main() -> list[Report]:
        left = asyncio.create_task(asyncio.sleep(3600))
        with pytest.raises(RuntimeError, match="Cannot close a running event loop"):
            asyncio.get_running_loop().close()
        left.cancel()
        return installed.reports

    with install(policy=lambda _: None) as installed:
        assert asyncio.run(main()) == []


def test_block_that_outlives_the_installation_keeps_its_loop() -> None:
    """Once it is uninstalled, closing a loop that a block still watches tells nothing in its name: that is left to the block."""
    found: list[Report] = []
    mine: list[Report] = []
    loop = asyncio.new_event_loop()
    on = guard(policy=mine.append)

    async def main() -> None:
        on.__enter__()

    installed = install(policy=found.append)
    loop.run_until_complete(main())
    installed.uninstall()
    loop.run_until_complete(leak())
    loop.close()
    assert mine == []
    on.__exit__(None, None, None)
    assert [report.kind for report in mine] == ["pending"]
    assert found == []


async def test_closed_loop_is_refused() -> None:
    """The guard says that a loop is closed instead of breaking on it."""
    loop = asyncio.new_event_loop()
    loop.close()
    with pytest.raises(RuntimeError, match="is closed: guard a loop before it is"):
        Watch.of(loop)


def test_loop_closed_inside_the_block_is_survived() -> None:
    """A loop that is stopped and closed under a guard's feet leaves no error of the guard's behind."""

    async def main() -> None:
        on = guard(policy=lambda _: None)
        on.__enter__()
        entered.append(on)
        asyncio.create_task(asyncio.sleep(3600))
        await asyncio.sleep(0)

    entered: list[Any] = []
    loop = asyncio.new_event_loop()
    loop.run_until_complete(main())
    for task in asyncio.all_tasks(loop):
        task.cancel()
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    entered[0].__exit__(None, None, None)
