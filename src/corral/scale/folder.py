"""The folder with the socket of the lanes, and those that killed processes could not take away.

Only this user can enter it. It is locked for as long as its process lives, and the lock dies with the process: a folder with
a socket in it that can be locked is nobody's any more, and the next call that needs a folder of its own takes it away.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

_PREFIX: Final = "corral-lanes-"
_SOCKET: Final = "lanes"
#: What every system takes as the path of a socket.
_LONGEST_PATH: Final = 100


class SocketFolder:
    """A folder for a socket, until it is closed."""

    def __init__(self) -> None:
        within = Path(tempfile.gettempdir())
        if len(str(within / f"{_PREFIX}12345678" / _SOCKET)) > _LONGEST_PATH:
            within = Path("/tmp")  # noqa: S108  # mkdtemp makes it safe, and its name is short
        _take_away_what_is_nobodys(within)
        self._folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=within))
        self.socket: str = str(self._folder / _SOCKET)
        # Before there is a socket in it, nobody looks whether it can be locked.
        self._descriptor = _opened(self._folder)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def close(self) -> None:
        """Takes it away, with the socket."""
        shutil.rmtree(self._folder, ignore_errors=True)
        os.close(self._descriptor)


def _take_away_what_is_nobodys(within: Path) -> None:
    for folder in within.glob(f"{_PREFIX}*"):
        with suppress(OSError), _locked(folder):  # another user's, or one that is in use: leave it
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _locked(folder: Path) -> Generator[None]:
    """Fails: `OSError` when it is in use, has no socket yet, or is another user's."""
    descriptor = _opened(folder)
    try:
        if os.fstat(descriptor).st_uid != os.getuid():
            raise PermissionError(folder)
        os.stat(_SOCKET, dir_fd=descriptor)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


def _opened(folder: Path) -> int:
    return os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
