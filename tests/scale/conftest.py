"""A pool of processes for all tests of a file."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from corral.scale import OwnPool


@pytest.fixture(scope="module")
def pool() -> Iterator[OwnPool]:
    """Two processes of our own."""
    with OwnPool(2) as pool:
        yield pool
