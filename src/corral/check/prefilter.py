"""The byte search before the parser: most files name nothing that a rule is about, and are never parsed."""

from __future__ import annotations


def may_matter(data: bytes) -> bool:
    """Whether `check_source` could find anything in these bytes: False is certain, True is not."""
    return any(word in data for word in (b"create_task", b"ensure_future", b"gather"))
