"""What the tests of the verbs share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from corral import _turn
from corral._supervision import anchored


@pytest.fixture(autouse=True)
def nothing_anchored_before() -> Iterator[None]:
    """Runs whose loops other tests closed under them stay anchored for ever: they are put aside, so that a test counts its own."""
    aside = set(anchored)
    anchored.clear()
    yield
    anchored.update(aside)


@pytest.fixture
def endless_slice(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slice of time that does not end: else how many run, or are pulled, at most hangs on how fast the machine is."""
    monkeypatch.setattr(_turn, "SLICE", 3600.0)
