"""Attributes replaced for a while, and put back as they were found."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from typing import Any, Final, cast, final

_ABSENT: Final = object()

#: Of what the guards of several threads share. Never held while a process forks, or its child would wait for nobody.
shared: Final = threading.Lock()
os.register_at_fork(before=shared.acquire, after_in_parent=shared.release, after_in_child=shared.release)


@final
class Patches:
    """Replaced attributes, undone in the opposite order; one that somebody replaced in the meantime is left to them."""

    def __init__(self) -> None:
        self._done: list[tuple[Any, str, object, object]] = []

    def set(self, owner: Any, name: str, value: object) -> None:
        """Fails: `AttributeError` or `TypeError` where the owner takes no attributes."""
        before = _attribute(owner, name)
        setattr(owner, name, value)
        self._done.append((owner, name, before, value))

    def undo(self) -> None:
        """Puts everything back."""
        while self._done:
            owner, name, before, value = self._done.pop()
            if _attribute(owner, name) is value:
                if before is _ABSENT:
                    delattr(owner, name)
                else:
                    setattr(owner, name, before)


@final
class Counted:
    """Replacements that last for as long as anybody needs them."""

    def __init__(self, replace: Callable[[Patches], None]) -> None:
        self._replace = replace
        self._patches = Patches()
        self._users = 0

    def begin(self) -> None:
        """One more: the first has everything replaced."""
        with shared:
            self._users += 1
            if self._users == 1:
                self._replace(self._patches)

    def end(self) -> None:
        """One less: the last has everything put back."""
        with shared:
            self._users -= 1
            if self._users == 0:
                self._patches.undo()


def _attribute(owner: Any, name: str) -> object:
    """Its own, not an inherited one, and as it is stored."""
    attributes = cast(Mapping[str, object], vars(owner))
    return attributes.get(name, _ABSENT)
