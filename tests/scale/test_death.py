"""A worker that is killed: an error that says what was in flight, never a hang."""

from __future__ import annotations

import multiprocessing
import os
import re
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor
from pathlib import Path

import pytest

from corral import map_tg, stream_tg
from corral.scale import OwnPool
from corral.scale.folder import SocketFolder
from tests.scale import functions as f

SPAWN = multiprocessing.get_context("spawn")


@pytest.mark.parametrize("on_error", ["group", "first", "collect"])
async def test_killed_worker_is_told(on_error: str) -> None:
    """Under every policy the pool's own error is raised, with the inputs that were in flight in a note."""
    with OwnPool(2) as pool, pytest.raises(BrokenExecutor) as caught:
        await map_tg(f.dies_at_seven, range(1000), limit=10, executor=pool, on_error=on_error)  # type: ignore[call-overload]  # a str
    (note,) = caught.value.__notes__
    assert note.startswith("map_tg: the executor broke; in flight: input ")
    assert "input 7: 7" in note
    assert len(re.findall(r"input \d+: \d+", note)) <= 10


async def test_killed_worker_ends_a_stream() -> None:
    """What had come out stays; the next step raises."""
    seen = []
    with ProcessPoolExecutor(2, SPAWN) as pool, pytest.raises(BrokenExecutor):
        async with stream_tg(f.dies_at_seven, range(1000), limit=2, executor=pool) as results:
            async for ok in results:
                seen.append(ok.index)  # noqa: PERF401 - what came before the error has to be kept
    assert seen == list(range(len(seen)))
    assert len(seen) <= 7


async def test_loky() -> None:
    """Loky's pool raises likewise, and is itself again for the next call."""
    loky = pytest.importorskip("loky")
    pool = loky.get_reusable_executor(max_workers=2)
    with pytest.raises(BrokenExecutor) as caught:
        await map_tg(f.dies_at_seven, range(100), limit=4, executor=pool)
    assert "input 7: 7" in caught.value.__notes__[-1]
    pool = loky.get_reusable_executor(max_workers=2)
    assert await map_tg(f.same, range(5), limit=2, executor=pool) == list(range(5))
    pool.shutdown()


async def test_pool_that_is_broken_already() -> None:
    """A pool that takes nothing any more is an error at once."""
    with ProcessPoolExecutor(1, SPAWN) as pool:
        with pytest.raises(BrokenExecutor):
            await map_tg(f.dies_at_seven, [7], limit=1, executor=pool)
        with pytest.raises(BrokenExecutor, match=r"not usable anymore|terminated abruptly"):
            await map_tg(f.same, range(5), limit=2, executor=pool)


async def test_pool_that_is_shut() -> None:
    """So is one that was shut down."""
    pool = ProcessPoolExecutor(1, SPAWN)
    pool.shutdown()
    with pytest.raises(RuntimeError, match="cannot schedule new futures after shutdown"):
        await map_tg(f.same, range(5), limit=2, executor=pool, on_error="collect")


def killed_parent(folder: Path) -> list[int]:
    """Kills a process whose verb runs over a pool of our own; its children."""
    program = textwrap.dedent(
        """
        import asyncio, sys
        from corral import stream_tg
        from corral.scale import OwnPool
        from tests.scale import functions as f

        async def main():
            with OwnPool(2) as pool:
                jobs = [(sys.argv[1], number) for number in range(4)]
                async with stream_tg(f.waits, jobs, limit=4, executor=pool) as results:
                    async for _ in results:
                        pass

        if __name__ == "__main__":
            asyncio.run(main())
        """
    )
    script = folder / "parent.py"
    script.write_text(program)
    root = Path(__file__).parents[2]
    path = os.pathsep.join([str(root), *filter(None, [os.environ.get("PYTHONPATH")])])
    parent = subprocess.Popen([sys.executable, script, folder], env=os.environ | {"PYTHONPATH": path})
    try:
        _wait(lambda: len(list(folder.glob("began-*"))) == 4)
        return _children(parent.pid)
    finally:
        parent.send_signal(signal.SIGKILL)
        parent.wait()


def test_workers_end_with_their_parent(tmp_path: Path) -> None:
    """When the parent is killed, the workers of a pool of our own are gone within seconds."""
    children = killed_parent(tmp_path)
    assert len(children) >= 2
    _wait(lambda: not any(_lives(pid) for pid in children))


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """A folder whose path leaves room for that of a socket, which pytest's own does not."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        yield Path(folder)


async def test_folder_of_a_killed_parent(tmp_path: Path, short_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The socket that a killed process leaves behind is taken away by the next call; those that are in use, and what is not ours, stay."""
    temporary = short_folder
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    killed_parent(tmp_path)
    (left,) = temporary.iterdir()
    (temporary / "corral-lanes-theirs").mkdir()
    (temporary / "corral-lanes-link").symlink_to(left)
    with OwnPool(2) as pool:
        async with stream_tg(f.same, range(100), limit=1, executor=pool) as results:
            assert not left.exists()
            in_use = {path.name for path in temporary.iterdir()}
            assert len(in_use) == 3
            assert await map_tg(f.same, range(5), limit=2, executor=pool) == list(range(5))
            assert {path.name for path in temporary.iterdir()} == in_use
            assert [ok.value async for ok in results] == list(range(100))
    assert {path.name for path in temporary.iterdir()} == {"corral-lanes-theirs", "corral-lanes-link"}


def test_a_folder_of_another_user(short_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that looks like ours stays where it is if another user has made it."""
    monkeypatch.setattr(tempfile, "tempdir", str(short_folder))
    theirs = short_folder / "corral-lanes-theirs"
    theirs.mkdir()
    (theirs / "lanes").touch()
    with monkeypatch.context() as patch:
        patch.setattr(os, "getuid", lambda: theirs.stat().st_uid + 1)
        SocketFolder().close()
    assert list(short_folder.iterdir()) == [theirs]
    SocketFolder().close()
    assert list(short_folder.iterdir()) == []


def _wait(until: object, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not until():  # type: ignore[operator]  # a callable
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def _children(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in listed.read_text().split()]


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.heavy
async def test_killed_again_and_again() -> None:
    """Ten pools whose worker is killed: ten clear errors, no hang. `make bench` does it fifty times."""
    for _ in range(10):
        with OwnPool(2) as pool:
            with pytest.raises(BrokenExecutor) as caught:
                await map_tg(f.dies_at_seven, range(100), limit=5, executor=pool)
            assert "input 7: 7" in caught.value.__notes__[-1]
