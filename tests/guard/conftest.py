"""What the tests of the plugin get without asking."""

from __future__ import annotations

import pytest

from tests.guard.suites import ON


@pytest.fixture
def on(pytester: pytest.Pytester) -> pytest.Pytester:
    """A suite in which the guard is on."""
    pytester.makeini(ON)
    return pytester
