"""The pytest plugin: a test that leaks fails. Off until `corral_guard = true` in the configuration, or `--corral-guard`.

pytest imports the plugins of everything that is installed, in every run. So this one stands outside of the package `corral`, whose
import would bring the verbs and asyncio along: until it is asked for, it costs two hooks.
"""

from __future__ import annotations

from pathlib import Path

import pytest

_MARKER = "allow_leaks(reason): this test may leave tasks running and lose failures; the corral guard does not fail it"


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options and the settings."""
    group = parser.getgroup("corral", "corral guard: a test that leaks fails")
    group.addoption(
        "--corral-guard", action="store_true", help="fail the tests that leak tasks, failures or coroutines"
    )
    group.addoption("--corral-baseline", metavar="FILE", type=Path, help="do not fail for the leaks in this file")
    group.addoption(
        "--corral-write-baseline", action="store_true", help="make this run's leaks the baseline; fail for none"
    )
    parser.addini("corral_guard", "fail the tests that leak tasks, failures or coroutines", type="bool", default=False)
    parser.addini(
        "corral_guard_allow",
        "patterns of what is no leak: task names, coroutines, files or functions that make tasks",
        type="linelist",
        default=[],
    )


def pytest_configure(config: pytest.Config) -> None:
    """Nothing of the guard is imported unless it is asked for."""
    config.addinivalue_line("markers", _MARKER)
    path: Path | None = config.getoption("--corral-baseline")
    writing = bool(config.getoption("--corral-write-baseline"))
    if writing and path is None:
        raise pytest.UsageError("--corral-write-baseline: say where, with --corral-baseline FILE")
    if config.getini("corral_guard") or config.getoption("--corral-guard") or path is not None:
        from corral.guard.pytest_guard import TestGuard

        config.pluginmanager.register(TestGuard(config, path, writing=writing), "corral-guard-session")
