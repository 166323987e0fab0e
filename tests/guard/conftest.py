"""What the tests of the guard get without asking."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from tests.guard.suites import ON


@pytest.fixture(autouse=True)
def no_callback_fails() -> Iterator[None]:
    """What a callback of the guard's raises is only logged by asyncio, and would go unseen."""
    said: list[str] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append(record.getMessage())

    logger, listener = logging.getLogger("asyncio"), Listener()
    logger.addHandler(listener)
    yield
    logger.removeHandler(listener)
    assert [text for text in said if text.startswith("Exception in callback")] == []


@pytest.fixture
def on(pytester: pytest.Pytester) -> pytest.Pytester:
    """A suite in which the guard is on."""
    pytester.makeini(ON)
    return pytester
