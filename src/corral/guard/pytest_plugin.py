"""The pytest plugin by a name to write: `-p corral.guard.pytest_plugin`, where plugins are not loaded by themselves."""

from _corral_pytestplugin import pytest_addoption, pytest_configure

__all__ = ["pytest_addoption", "pytest_configure"]
