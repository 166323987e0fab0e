"""Files replaced whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os


def replace_file(path: str, data: bytes, *, expected: bytes | None = None, durable: bool = True) -> bool:
    """Make `data` the content of the file, in one step that a crash cannot halve; permissions, owner and symbolic links stay.

    Args:
        path: The file.
        data: Its new content.
        expected: What it must still hold; when it holds something else, nothing is written.
        durable: Whether to wait until the disk has it.

    Returns:
        Whether it was written.

    Fails: `OSError`, and then the file is as it was.
    """
    import tempfile

    target = os.path.realpath(path)
    status = None
    if expected is not None:
        with open(target, "rb") as file:
            status = os.fstat(file.fileno())
            if file.read() != expected:
                return False
        if not os.access(target, os.W_OK):  # to replace it needs no more than a folder that can be written to
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
    handle, temporary = tempfile.mkstemp(prefix=".corral-", dir=os.path.dirname(target))
    try:
        with open(handle, "wb") as file:
            file.write(data)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        if status is not None and hasattr(os, "chown"):
            with contextlib.suppress(PermissionError):  # only root can give a file away
                os.chown(temporary, status.st_uid, status.st_gid)
        os.chmod(temporary, _default_mode(target) if status is None else status.st_mode & 0o7777)
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    return True


def _default_mode(target: str) -> int:
    try:
        return os.stat(target).st_mode & 0o7777
    except OSError:
        mask = os.umask(0)
        os.umask(mask)
        return 0o666 & ~mask
