"""The byte search before the parser: most files name nothing that a rule is about, and are never parsed.

A name is looked for in the order of what the search costs. `run_in_executor`, `wait_for` and `shield` are hazards only where they are
not awaited, and `await` stands right before nearly all of them; `wait` is a method of many things, and matters as asyncio's alone.
"""

from __future__ import annotations

import re

# Methods and functions whose name alone may be a hazard.
ALONE = (b"create_task", b"ensure_future", b"run_coroutine_threadsafe")
OF_ASYNCIO = (b"gather", b"as_completed", b"Task(")

# `wait_for=` and `shield=True` are somebody's parameters.
_CALLED = rb"(?:run_in_executor|wait_for|shield)\b(?!\s*=)"
MENTION = re.compile(_CALLED)
# What is awaited is a chain of names and of calls without arguments, up to the call itself.
AWAITED = re.compile(rb"\bawait[ \t]+(?:\w+(?:\(\))?\s*\.\s*)*" + _CALLED + rb"\s*\(")
# `asyncio.wait`; `wait` or everything imported from asyncio; asyncio, or a module of it, under another name.
WAIT = re.compile(
    rb"\b(?:asyncio|tasks)\s*\.\s*wait\b"
    rb"|\bfrom\s+asyncio[\w.]*\s+import\b(?:[^\n;#]*|\s*\([^)]*)(?:\*|\bwait\b|\btasks\s+as\b)"
    rb"|\basyncio(?:\.tasks)?\s+as\b"
    rb"|=\s*asyncio\b(?!\s*\.)"
)
NOQA = (b"noqa", b"NOQA", b"NoQA")
OUR_NOQA = re.compile(rb"noqa\s*:[ \tA-Z0-9,]*TG[0-9]", re.IGNORECASE)
COOKIE = re.compile(rb"coding[:=]")


def may_matter(data: bytes) -> bool:
    """Whether `check_source` could find anything in these bytes: False is certain, but for files that cannot be parsed; True is not.

    A file that is not text at all (null bytes, not in its encoding) matters, since somebody should be told.
    """
    if named(data) or unreadable(data):
        return True
    return any(word in data for word in NOQA) and OUR_NOQA.search(data) is not None


def named(data: bytes) -> bool:
    """Whether something is named that a rule is about, in a way that may be a hazard."""
    if any(word in data for word in ALONE):
        return True
    unless_awaited = b"run_in_executor" in data
    if b"asyncio" in data:
        if any(word in data for word in OF_ASYNCIO):
            return True
        if b"wait" in data and WAIT.search(data):
            return True
        unless_awaited = unless_awaited or b"wait_for" in data or b"shield" in data
    return unless_awaited and len(MENTION.findall(data)) > len(AWAITED.findall(data))


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
