"""A run as a whole: what it takes for granted, and what it leaves as it was."""

from __future__ import annotations

import gc

import pytest

from corral.check.tool.run import Options
from tests.check.tool.tree import LOST, checked, grow


@pytest.mark.usefixtures("folder")
def test_collector_that_is_off_stays_off() -> None:
    """Who has turned the collector off finds it so after a run, and who has not finds it on."""
    grow({"a.py": LOST})
    gc.disable()
    try:
        checked()
        assert not gc.isenabled()
    finally:
        gc.enable()
    checked()
    assert gc.isenabled()


def test_options_have_the_defaults_of_a_user() -> None:
    """With nothing said: everything here, the cache in use, nothing written."""
    options = Options()
    assert (options.paths, options.cache, options.fix, options.diff) == ((".",), True, False, False)
