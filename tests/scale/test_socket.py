"""The socket at which lanes are heard: where it stands, who is let in, and what is left of it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pickle
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from corral import map_tg, stream_tg
from corral.scale import OwnPool
from corral.scale.folder import SocketFolder
from corral.scale.link import Frames
from tests.contract import functions as contract
from tests.scale import functions as f
from tests.scale.parent import killed_parent


async def test_nothing_is_left_on_the_disk(pool: OwnPool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The socket and its folder are gone when the verb is over."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert await map_tg(f.same, range(5), limit=2, executor=pool) == list(range(5))
    with pytest.raises(ExceptionGroup):
        await map_tg(contract.odd_fails, range(5), limit=2, executor=pool)
    assert list(tmp_path.iterdir()) == []


async def test_no_socket_to_listen_on(pool: OwnPool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where the system gives no socket, its error is raised, and nothing is left on the disk."""

    async def refuse(*_: object) -> None:
        raise OSError("too many open files")

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(asyncio.get_running_loop(), "create_unix_server", refuse)
    with pytest.raises(OSError, match="too many open files"):
        await map_tg(f.same, range(5), limit=2, executor=pool)
    assert list(tmp_path.iterdir()) == []


async def test_a_long_temporary_path(pool: OwnPool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where the folder for temporary files has too long a name for a socket, another is taken."""
    long = tmp_path / ("x" * 120)
    long.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    assert await map_tg(f.same, range(5), limit=2, executor=pool) == list(range(5))
    assert list(long.iterdir()) == []


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


async def test_stranger_is_turned_away(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The socket stands in a folder that nobody else can enter, and a connection that does not know a lane's token is closed."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with OwnPool(1) as one:
        async with stream_tg(f.same, range(5), limit=1, executor=one) as results:
            (folder,) = tmp_path.iterdir()
            assert folder.stat().st_mode & 0o077 == 0
            reader, writer = await asyncio.open_unix_connection(str(folder / "lanes"))
            hello = pickle.dumps(("hello", "guessed"))
            writer.write(len(hello).to_bytes(8, "big") + hello)
            assert await reader.read() == b""
            writer.close()
            assert [ok.value async for ok in results] == list(range(5))


@pytest.mark.parametrize("turns", [0, 1, 2, 3, 50])
async def test_silent_connection_is_closed(turns: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A connection that has not said yet whose it is ends with the verb, however far the loop is with accepting it."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    loop = asyncio.get_running_loop()
    with OwnPool(1) as one, socket.socket(socket.AF_UNIX) as mute:
        mute.setblocking(False)
        async with stream_tg(contract.sleeps, [0.0], limit=1, executor=one) as results:
            assert [ok.value async for ok in results] == [0.0]
            (folder,) = tmp_path.iterdir()
            await loop.sock_connect(mute, str(folder / "lanes"))
            for _ in range(turns):
                await asyncio.sleep(0)
        with contextlib.suppress(ConnectionResetError):  # nobody had accepted it
            assert await loop.sock_recv(mute, 1) == b""


async def test_a_connection_that_comes_to_stand_too_late() -> None:
    """One that is told its end while it is being made is closed when it is there."""
    here, there = socket.socketpair()
    with there:
        there.setblocking(False)

        def closed() -> Frames:
            frames = Frames(lambda *_: None)
            frames.close()
            return frames

        loop = asyncio.get_running_loop()
        _, frames = await loop.create_unix_connection(closed, sock=here)
        await frames.lost
        assert await loop.sock_recv(there, 1) == b""
