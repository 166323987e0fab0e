"""One contract, wherever the inputs run: this process, threads, processes, loky, Dask, Ray."""

from __future__ import annotations

import asyncio
import functools
import itertools
import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from corral import Err, ItemCancelled, Ok, map_tg, stream_tg
from corral.scale import RayExecutor, RemoteError
from tests.contract import functions as f
from tests.scale.executors import Stranger

WORKERS = 2
# Processes cost seconds, and what they promise does not depend on the loop of the caller.
pytestmark = pytest.mark.asyncio(loop_factories=["stock"])


@contextmanager
def _loky() -> Iterator[Executor]:
    loky = pytest.importorskip("loky", reason="loky is not installed")
    with loky.ProcessPoolExecutor(WORKERS, timeout=60) as pool:
        yield pool


@contextmanager
def _dask() -> Iterator[Executor]:
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            n_workers=WORKERS, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0", memory_limit=0
        ) as cluster,
        distributed.Client(cluster) as client,
        client.get_executor() as executor,
    ):
        yield executor
        client.wait_for_workers(WORKERS)  # closing hangs while one is started in the place of one that was killed


@contextmanager
def _ray() -> Iterator[Executor]:
    ray = pytest.importorskip("ray")
    os.environ.setdefault("RAY_raylet_start_wait_time_s", "100")  # a busy machine takes longer than its 30
    ray.init(num_cpus=WORKERS, include_dashboard=False, log_to_driver=False, configure_logging=False)
    try:
        with RayExecutor() as executor:
            yield executor
    finally:
        ray.shutdown()


MAKERS = {
    "stranger": lambda: Stranger(ThreadPoolExecutor(WORKERS)),
    "threads": lambda: ThreadPoolExecutor(WORKERS),
    "spawn": lambda: ProcessPoolExecutor(WORKERS, multiprocessing.get_context("spawn")),
    "forkserver": lambda: ProcessPoolExecutor(WORKERS, multiprocessing.get_context("forkserver")),
    "loky": _loky,
    "dask": _dask,
    "ray": _ray,
}
HEAVY = {"dask", "ray"}
#: Where inputs are given and outcomes come back a chunk at a time.
CHUNKED = {"stranger", *HEAVY}
#: Where inputs and outcomes do not leave this process.
NEAR = {"here", "threads"}


def _param(name: str) -> Any:
    # One worker of xdist for each, so that no pool is started twice.
    marks = [pytest.mark.xdist_group(f"executor-{name}"), *([pytest.mark.heavy] if name in HEAVY else [])]
    if name == "ray":  # which leaves processes and sockets to the collector when it shuts down
        marks.append(
            pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")
        )
    return pytest.param(name, marks=marks)


class Place:
    """Where a test runs its inputs: `name`, and the keywords for the verbs."""

    def __init__(self, name: str, executor: Executor | None) -> None:
        self.name = name
        self.to: dict[str, Any] = {} if executor is None else {"executor": executor}


@pytest.fixture(scope="module", params=[_param(name) for name in ("here", *MAKERS)])
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    if request.param == "here":
        yield Place("here", None)
        return
    with MAKERS[request.param]() as executor:
        yield Place(request.param, executor)


async def test_order(place: Place) -> None:
    """Results stand in the order of the inputs, whichever was done first."""
    assert await map_tg(f.later_first, range(60), limit=20, **place.to) == list(range(60))
    async with stream_tg(f.later_first, range(60), limit=20, **place.to) as results:
        assert [ok.item for ok in [ok async for ok in results]] == list(range(60))


async def test_unordered_is_complete(place: Place) -> None:
    """`ordered=False` gives each outcome once, with its index."""
    async with stream_tg(f.double, range(100, 160), limit=20, ordered=False, **place.to) as results:
        outcomes = [ok async for ok in results]
    assert {(ok.index, ok.item, ok.value) for ok in outcomes} == {(i, i + 100, 2 * i + 200) for i in range(60)}


async def test_values_arrive(place: Place) -> None:
    """Whatever pickles comes back equal."""
    values = [None, True, 1, 1.5, "é", b"\0", [1, {"a": (2,)}], {3}, range(4), ValueError("as a value").args]
    assert await map_tg(f.same, values, limit=3, **place.to) == values


async def test_no_inputs(place: Place) -> None:
    """No inputs are no results."""
    assert await map_tg(f.same, [], limit=3, **place.to) == []


async def test_group(place: Place) -> None:
    """A failure is an ExceptionGroup of its own type, with its notes and the one that says which input."""
    with pytest.raises(ExceptionGroup) as caught:
        await map_tg(f.odd_fails, [0, 2, 4, 5, 6, 8], limit=1, **place.to)
    (error,) = caught.value.exceptions
    assert (type(error), str(error)) == (ValueError, "5 is odd")
    assert error.__notes__ == ["a note of its own", "map_tg: input 3: 5"]


async def test_first(place: Place) -> None:
    """`on_error="first"` raises it bare."""
    with pytest.raises(LookupError, match="seven") as caught:
        await map_tg(f.seven_fails, range(20), limit=3, on_error="first", **place.to)
    assert caught.value.__notes__[0] == "map_tg: input 7: 7"


async def test_collect(place: Place) -> None:
    """`on_error="collect"` gives an `Ok` or `Err` for each, by index."""
    outcomes = await map_tg(f.odd_fails, range(10, 20), limit=4, on_error="collect", **place.to)
    assert [(type(o), o.index, o.item) for o in outcomes] == [(Err if i % 2 else Ok, i, i + 10) for i in range(10)]
    errors = [o.error for o in outcomes if isinstance(o, Err)]
    assert {type(error) for error in errors} == {ValueError}
    assert [str(error) for error in errors] == [f"{number} is odd" for number in range(11, 20, 2)]
    assert [error.__notes__ for error in errors] == [["a note of its own"]] * 5


async def test_remote_traceback_is_told(place: Place) -> None:
    """The line that failed is in the traceback, wherever it ran."""
    import traceback

    (outcome,) = await map_tg(f.odd_fails, [1], limit=1, on_error="collect", **place.to)
    assert isinstance(outcome, Err)
    assert "raise error" in "".join(traceback.format_exception(outcome.error))


@pytest.mark.parametrize(
    ("fn", "kind", "why"),
    [
        (f.strange, f.Strange, "TypeError: "),
        (f.wrapped, f.Wrapped, "TypeError: cannot pickle"),
        (f.disguised, f.Disguised, "pickle makes a ValueError of it"),
        (f.homesick, f.Homesick, "ValueError: I stay where I am"),
    ],
    ids=["does-not-unpickle", "does-not-pickle", "becomes-another", "does-not-unpickle-here"],
)
async def test_exceptions_that_cannot_travel(place: Place, fn: Any, kind: type[Exception], why: str) -> None:
    """They arrive as a stand-in with the type's name, message, notes and traceback; the pool is none the worse."""
    (outcome,) = await map_tg(fn, [1], limit=1, on_error="collect", **place.to)
    assert isinstance(outcome, Err)
    if place.name in NEAR or (kind is f.Homesick and place.name == "stranger"):
        assert type(outcome.error) is kind
    else:
        error = outcome.error
        assert isinstance(error, RemoteError)
        assert error.type_name == f"tests.contract.functions.{kind.__name__}"
        assert error.message in {"1 and more", "1"}
        assert str(error).startswith(
            f"{error.type_name}: {error.message} (the exception itself could not travel: {why}"
        )
        assert error.__notes__ == ["a note of its own"]
        assert "raise " in error.traceback
        assert "Traceback" in error.traceback
    assert await map_tg(f.same, [1, 2], limit=1, **place.to) == [1, 2]


async def test_an_exception_without_words(place: Place) -> None:
    """One whose `str` and notes raise is told by its type."""
    (outcome,) = await map_tg(f.silent, [1], limit=1, on_error="collect", **place.to)
    assert isinstance(outcome, Err)
    assert type(outcome.error) is f.Silent
    if place.name not in NEAR:
        assert "Silent" in str(outcome.error.__cause__)


async def test_values_that_cannot_travel(place: Place) -> None:
    """A result that does not pickle is that input's failure, and says what to return instead."""
    outcomes = await map_tg(f.lock, range(3), limit=3, on_error="collect", **place.to)
    assert [o.index for o in outcomes if isinstance(o, Ok)] == ([0, 1, 2] if place.name in NEAR else [0, 2])
    if place.name not in NEAR:
        assert "Return what pickle can take" in str(outcomes[1].error)  # type: ignore[union-attr]  # the test says which


async def test_values_that_do_not_unpickle(place: Place) -> None:
    """What `fn` returned, and what cannot be made again here, is the failure of that input alone."""
    outcomes = await map_tg(f.unloadable, range(3), limit=3, on_error="collect", **place.to)
    assert [o.index for o in outcomes if isinstance(o, Ok)] == ([0, 1, 2] if place.name in NEAR else [0, 2])
    if place.name not in NEAR:
        assert "what fn returned does not unpickle here" in str(outcomes[1].error)  # type: ignore[union-attr]  # the test says which


async def test_stop_iteration(place: Place) -> None:
    """`StopIteration` out of `fn` ends no iteration of ours: it is the failure of its input."""
    outcomes = await map_tg(f.stops, range(3), limit=2, on_error="collect", **place.to)
    assert [o.index for o in outcomes if isinstance(o, Err) and "StopIteration" in repr(o.error)] == [0, 1, 2]


async def test_inputs_that_cannot_travel(place: Place) -> None:
    """An input that does not pickle, or does not unpickle over there, fails alone."""
    items = [1, (x for x in "ab"), f.Unloadable(), 4]
    outcomes = await map_tg(f.same, items, limit=4, on_error="collect", **place.to)
    assert [o.index for o in outcomes if isinstance(o, Ok)] == ([0, 1, 2, 3] if place.name in NEAR else [0, 3])
    if place.name not in NEAR:
        assert "cannot travel" in str(outcomes[1].error)  # type: ignore[union-attr]  # the test says which
        assert "I stay where I am" in str(outcomes[2].error)  # type: ignore[union-attr]  # likewise


async def test_lazy_and_bounded(place: Place) -> None:
    """An infinite source is pulled as the consumer goes on, never more than `limit + buffer` ahead."""
    pulled = 0

    def source() -> Iterator[int]:
        nonlocal pulled
        for number in itertools.count():
            pulled += 1
            yield number

    ahead = []
    async with stream_tg(f.double, source(), limit=6, buffer=3, **place.to) as results:
        async for ok in results:
            ahead.append(pulled - ok.index)
            await asyncio.sleep(0)
            if ok.index == 50:
                break
    assert max(ahead) <= 6 + 3
    assert pulled <= 51 + 9


async def test_async_source(place: Place) -> None:
    """Inputs come from async iterables too, and the source is closed."""
    closed = False

    async def source() -> Any:
        nonlocal closed
        try:
            for number in range(30):
                await asyncio.sleep(0)
                yield number
        finally:
            closed = True

    assert await map_tg(f.double, source(), limit=7, **place.to) == [2 * number for number in range(30)]
    assert closed


async def test_source_that_fails(place: Place) -> None:
    """A failing source ends the pulling, and its error is told."""

    def source() -> Iterator[int]:
        yield from range(5)
        raise OSError("no more")

    with pytest.raises(ExceptionGroup, match="the source failed") as caught:
        await map_tg(f.same, source(), limit=2, **place.to)
    assert [type(error) for error in caught.value.exceptions] == [OSError]


@pytest.mark.parametrize("limit", [1, 5])
async def test_limit_holds_over_all_lanes(place: Place, limit: int) -> None:
    """Never more than `limit` inputs run at the same time, all workers together."""
    spans = await map_tg(f.interval, range(8 * limit), limit=limit, **place.to)
    edges = sorted([(start, 1) for start, _ in spans] + [(end, -1) for _, end in spans])
    assert max(itertools.accumulate(step for _, step in edges)) <= limit


async def test_timeout(place: Place) -> None:
    """`timeout` is each input's own, and its failure a `TimeoutError`."""
    outcomes = await map_tg(f.sleeps, [0, 60, 0], limit=3, timeout=0.3, on_error="collect", **place.to)
    assert [type(o) for o in outcomes] == [Ok, Err, Ok]
    assert isinstance(outcomes[1], Err)
    assert type(outcomes[1].error) is TimeoutError


async def test_progress(place: Place) -> None:
    """`progress` is told of every input in the end."""

    class Bar:
        done = 0

        def update(self, n: int) -> None:
            self.done += n

    bar = Bar()
    await map_tg(f.double, range(50), limit=10, progress=bar, **place.to)
    assert bar.done == 50


async def test_cancelled_from_inside(place: Place) -> None:
    """An input that cancels itself is `ItemCancelled`, by its own number, and nobody else's."""
    outcomes = await map_tg(f.cancels_itself, range(6), limit=2, on_error="collect", **place.to)
    failed = [o for o in outcomes if isinstance(o, Err)]
    assert [(o.index, type(o.error)) for o in failed] == [(3, ItemCancelled)]
    assert "input 3: 3" in str(failed[0].error)


async def test_contexts_are_separate(place: Place) -> None:
    """A context variable that one input sets is seen by no other; what the caller has set does not cross to an executor."""
    f.seen.set(-1)
    before = -1 if place.name == "here" else 0
    assert await map_tg(f.sets_and_tells, range(20), limit=3, **place.to) == [before] * 20


@pytest.mark.parametrize("timeout", [None, 60.0])
async def test_plain_function(place: Place, timeout: float | None) -> None:
    """A function that is not async ends the verb under every policy, with the line to write instead."""
    with pytest.raises(
        TypeError, match=r"for input \d: \d it returned \d \(int\)\.\nIs it a plain function\?"
    ) as caught:
        await map_tg(f.plain, range(5), limit=2, on_error="collect", timeout=timeout, **place.to)
    assert not hasattr(caught.value, "__notes__")  # the executor is not at fault


async def test_nothing_runs_after_a_failure(place: Place, tmp_path: Any) -> None:
    """When the verb raises for one input, every other that had begun has ended."""
    jobs = [(str(tmp_path), number, 2) for number in range(4)]
    with pytest.raises(ExceptionGroup):
        await map_tg(f.marks, jobs, limit=4, **place.to)
    names = {path.name for path in tmp_path.iterdir()}
    assert {f"ended-{name.partition('-')[2]}" for name in names if name.startswith("began")} <= names


async def test_nothing_runs_after_a_cancellation(place: Place, tmp_path: Any) -> None:
    """When the caller is cancelled, every input that had begun has ended, and the cancellation is its own."""
    jobs = [(str(tmp_path), number, 99) for number in range(1, 5)]
    call = asyncio.ensure_future(map_tg(f.marks, jobs, limit=4, **place.to))
    while not any(tmp_path.iterdir()):
        await asyncio.sleep(0.002)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    names = {path.name for path in tmp_path.iterdir()}
    assert {f"ended-{name.partition('-')[2]}" for name in names if name.startswith("began")} <= names


async def test_leaving_early(place: Place) -> None:
    """`break` out of a stream ends it, and the executor takes the next call."""
    async with stream_tg(f.later_first, itertools.count(), limit=4, **place.to) as results:
        async for _ in results:
            break
    assert await map_tg(f.same, [1], limit=1, **place.to) == [1]


async def test_slow_input_holds_nobody_back(place: Place, tmp_path: Any) -> None:
    """One input waits for a file that is written only once all others have come out."""
    path = tmp_path / "all others are here"
    out = set()
    limit = WORKERS if place.name in CHUNKED else 10  # it gives back a chunk as a whole: here, one input each
    jobs = [(str(path), number) for number in range(40)]
    async with stream_tg(f.waits_for_file, jobs, limit=limit, buffer=40, ordered=False, **place.to) as results:
        async for ok in results:
            out.add(ok.value)
            if len(out) == 39:
                path.touch()
    assert out == set(range(40))


async def test_exit(place: Place) -> None:
    """`SystemExit` out of an input leaves through the loop at once, with its code."""

    def run() -> object:
        with pytest.raises(SystemExit) as caught, asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
            runner.run(map_tg(f.leaves, range(9), limit=3, on_error="collect", **place.to))
        return caught.value.code

    assert await asyncio.to_thread(run) == 3


async def test_resource(place: Place, tmp_path: Any) -> None:
    """`resource=` is entered once per process (per thread of a pool of threads), given to each call, and left when all is done."""
    factory = functools.partial(f.opened, str(tmp_path))
    results = await map_tg(f.with_resource, range(40), limit=8, resource=factory, **place.to)
    assert [item for item, _, _ in results] == list(range(40))
    used = {(mark, pid) for _, mark, pid in results}
    names = [path.name for path in tmp_path.iterdir()]
    entered = {name.removeprefix("entered-") for name in names if name.startswith("entered")}
    left = {name.removeprefix("left-") for name in names if name.startswith("left")}
    assert {mark for mark, _ in used} <= entered
    assert len(entered) <= (1 if place.name == "here" else WORKERS)
    if place.name not in CHUNKED:  # leaving is best effort there
        assert left == entered


async def test_resource_that_cannot_be_entered(place: Place) -> None:
    """Its error is raised as it is, whatever the policy."""
    with pytest.raises(ConnectionRefusedError, match="nobody there"):
        await map_tg(f.with_resource, range(5), limit=2, resource=f.cannot_open, on_error="collect", **place.to)


async def test_a_function_that_does_not_unpickle(place: Place) -> None:
    """What is not found over there ends the verb under every policy, and a note says how functions are found."""
    call = map_tg(f.UnloadableFunction(), range(5), limit=2, on_error="collect", **place.to)
    if place.name in NEAR:
        assert len(await call) == 5
        return
    with pytest.raises(ValueError, match="I stay where I am") as caught:
        await call
    assert "fn is found by its module and its name" in caught.value.__notes__[0]
    assert caught.value.__notes__[1].startswith("map_tg: the executor failed; in flight: ")


async def test_lambda(place: Place) -> None:
    """A lambda runs where it can; where it cannot, the error shows the line to write."""
    if place.name in {"spawn", "forkserver", "stranger"}:
        with pytest.raises(TypeError, match=r"(?s)a lambda has none.*# wrong.*async def one\(item\)"):
            await map_tg(lambda item: f.double(item), [1], limit=1, **place.to)
    else:
        assert await map_tg(lambda item: f.double(item), [1], limit=1, **place.to) == [2]


@pytest.mark.parametrize("place", [_param(name) for name in sorted(HEAVY)], indirect=True)
async def test_killed_worker_is_replaced(place: Place, tmp_path: Any) -> None:
    """A cluster runs the chunk of a killed worker again: the call succeeds."""
    once = tmp_path / "once"
    jobs = [(str(once), number) for number in range(40)]
    assert await map_tg(f.dies_once, jobs, limit=8, **place.to) == list(range(40))
    assert once.exists()


@pytest.mark.asyncio(loop_factories=["uvloop"])
async def test_uvloop(place: Place) -> None:
    """Under uvloop here, inputs run under uvloop there."""
    assert await map_tg(f.kind_of_loop, range(3), limit=2, **place.to) == ["uvloop"] * 3
