"""`progress=`: a bar, or any object with `update(n)`, told in batches how many inputs are done."""

from __future__ import annotations

import asyncio
import importlib

import pytest
from tqdm import auto

from corral import stream_tg
from tests.children import Crowd, end_of, fails, returns, turns
from tests.verbs.by_name import VERBS, run


class Bar:
    """The least that a progress bar is."""

    def __init__(self) -> None:
        self.updates: list[int] = []

    def update(self, n: int) -> None:
        self.updates.append(n)


@VERBS
@pytest.mark.parametrize("after", [0, 1])
async def test_every_input_is_counted(verb: str, after: int) -> None:
    """The updates add up to the number of inputs, failed ones included, and are far fewer than those."""
    bar = Bar()
    await run(verb, Crowd(after, failing={7}), range(500), limit=5, progress=bar, on_error="collect")
    assert sum(bar.updates) == 500
    assert all(n > 0 for n in bar.updates)
    assert len(bar.updates) < 50


@VERBS
@pytest.mark.virtual_time
async def test_while_it_runs(verb: str) -> None:
    """It is told while the verb runs, at most ten times a second, and not when there is nothing new."""
    bar, loop, seen = Bar(), asyncio.get_running_loop(), []

    async def fn(item):
        await asyncio.sleep(1)
        seen.append((round(loop.time()), sum(bar.updates)))

    await run(verb, fn, range(10), limit=1, progress=bar)
    assert seen == [(n + 1, n) for n in range(10)]
    assert bar.updates == [1] * 10


@VERBS
async def test_nothing_to_do(verb: str) -> None:
    """Of no inputs nothing is told."""
    bar = Bar()
    await run(verb, returns, [], limit=1, progress=bar)
    assert bar.updates == []


@VERBS
@pytest.mark.virtual_time
@pytest.mark.parametrize(
    ("how", "raised"),
    [("failure", ExceptionGroup), ("cancel", asyncio.CancelledError), ("close", RuntimeError)],
)
async def test_no_timer_goes_on(verb: str, how: str, raised: type[BaseException]) -> None:
    """When the verb fails or is cancelled, or its coroutine is closed from outside, no timer tells the bar for ever."""
    task = asyncio.ensure_future(run(verb, Crowd(50, failing={2}), range(9), limit=1, progress=Bar()))
    await turns(5)
    if how == "close":
        task.get_coro().close()
    if how != "failure":
        task.cancel()
    assert type(await end_of(task)) is raised
    assert [timer for timer in asyncio.get_running_loop()._scheduled if not timer.cancelled()] == []


@VERBS
async def test_a_failing_verb_tells_the_rest(verb: str) -> None:
    """What was done when the verb failed is told."""
    bar = Bar()
    with pytest.raises(ExceptionGroup):
        await run(verb, Crowd(failing={20}), range(100), limit=1, progress=bar)
    assert sum(bar.updates) == 21


@VERBS
@pytest.mark.virtual_time
async def test_a_bar_that_fails(verb: str) -> None:
    """A bar whose `update` raises ends the verb with that, bare: it is a bug, and no input's failure."""

    class Broken(Bar):
        def update(self, n):
            raise OSError("bar")

    crowd = Crowd()

    async def fn(item):
        await asyncio.sleep(1)
        return await crowd(item)

    with pytest.raises(OSError, match="bar"):
        await run(verb, fn, range(100), limit=1, progress=Broken())
    assert len(crowd.started) < 5


@VERBS
async def test_tqdm(verb: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """`True` makes a bar of `tqdm.auto`, with the total if it is known and the verb's name, and closes it."""
    made = []

    class Recorder(Bar):
        def __init__(self, total, desc):
            super().__init__()
            self.total, self.desc, self.closed = total, desc, 0
            made.append(self)

        def close(self):
            self.closed += 1

    monkeypatch.setattr(auto, "tqdm", Recorder)
    await run(verb, returns, range(30), limit=3, progress=True)
    await run(verb, returns, (n for n in range(30)), limit=3, progress=True)
    with pytest.raises(ExceptionGroup):
        await run(verb, lambda _: fails(ValueError()), [1], limit=3, progress=True)
    assert [(bar.total, bar.desc, bar.closed) for bar in made] == [(30, verb, 1), (None, verb, 1), (1, verb, 1)]
    assert [sum(bar.updates) for bar in made[:2]] == [30, 30]


@VERBS
async def test_a_real_bar(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The real bar, on the real `tqdm`, shows the verb and 100 % at the end."""
    await run(verb, returns, range(50), limit=3, progress=True)
    shown = capsys.readouterr().err
    assert f"{verb}: 100%" in shown
    assert "50/50" in shown


@VERBS
async def test_without_tqdm(verb: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where tqdm is missing, `progress=True` says what to install before anything starts; other bars need nothing."""

    def missing(name):
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", missing)
    crowd = Crowd()
    with pytest.raises(ImportError, match=rf"^{verb}: progress=True needs tqdm: pip install 'corral\[tqdm\]'"):
        await run(verb, crowd, range(3), limit=1, progress=True)
    assert crowd.started == []
    await run(verb, crowd, range(3), limit=1, progress=Bar())


@pytest.mark.virtual_time
async def test_while_workers_wait_for_room() -> None:
    """What is told while a stream waits for its consumer is what is done, not one more and not one less."""
    bar = Bar()
    async with stream_tg(Crowd(), range(10), limit=3, buffer=1, progress=bar) as results:
        for taken in range(7):
            await asyncio.sleep(1)
            assert sum(bar.updates) == taken + 4
            await anext(results)
