"""The byte search before the parser: most files name nothing that a rule is about, and are never parsed."""

from __future__ import annotations

import re

# Methods and functions whose name alone may be a hazard, and those that are one only as asyncio's.
ALONE = (b"create_task", b"ensure_future", b"run_coroutine_threadsafe", b"run_in_executor")
OF_ASYNCIO = (b"gather", b"shield", b"wait_for", b"as_completed", b"Task(", b"wait(", b"import wait")
OUR_NOQA = re.compile(rb"noqa\s*:[ \tA-Z0-9,]*TG[0-9]", re.IGNORECASE)
COOKIE = re.compile(rb"coding[:=]")


def may_matter(data: bytes) -> bool:
    """Whether `check_source` could find anything in these bytes: False is certain, but for files that cannot be parsed; True is not.

    A file that is not text at all (null bytes, not in its encoding) matters, since somebody should be told.
    """
    if any(word in data for word in ALONE):
        return True
    if b"asyncio" in data and any(word in data for word in OF_ASYNCIO):
        return True
    if b"noqa" in data and OUR_NOQA.search(data):
        return True
    return unreadable(data)


def unreadable(data: bytes) -> bool:
    """Whether the bytes are surely no Python: null bytes, or not UTF-8 with no other encoding declared."""
    if b"\0" in data:
        return True
    if data.isascii():
        return False
    try:
        data.decode()
    except UnicodeDecodeError:
        return COOKIE.search(data[:400]) is None
    return False
