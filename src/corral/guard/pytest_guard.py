"""What the pytest plugin does while it is on: every loop of every test is guarded, and each leak is laid to the test that made it.

What runs is looked at when the fixtures of a test have been torn down, because a fixture may rightly stop what the test has
started. So that the test itself is what fails, its reports are held back until then; where another plugin runs the tests
(one that repeats them, say), the teardown fails instead.
"""

from __future__ import annotations

import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any, Final, TypeAlias, final
from weakref import WeakKeyDictionary, WeakSet

import pytest

from corral.guard import baseline, ledger
from corral.guard.ending import conclude, pump
from corral.guard.install import Installation
from corral.guard.report import Report
from corral.guard.scope import Scope
from corral.guard.watch import Watch

_ENDS: Final = "the test ended"
_LEAKS: Final = "corral_leaks"
Leaks: TypeAlias = list[dict[str, str | int]]


@final
class TestGuard:
    """The guard of one session, in each process that runs tests."""

    __test__ = False

    def __init__(self, config: pytest.Config, path: Path | None, *, writing: bool) -> None:
        self._config = config
        self._path = path
        self._writing = writing
        self._known = None if path is None or writing else _read(path)
        self._allow: list[str] = config.getini("corral_guard_allow")
        self._scope = Scope(_ENDS, policy=self._take, allow=self._allow, grace=None)
        self._installation = Installation(self._scope, None)
        self._before: WeakKeyDictionary[Watch, WeakSet[Any]] = WeakKeyDictionary()
        self._found: list[Report] = []
        self._ledger = ledger.Ledger()
        self._runner: Any = config.pluginmanager.get_plugin("runner")  # pytest's own
        self._holds_back = False
        self._tracking = 0

    def _take(self, report: Report) -> None:
        self._found.append(report)

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """A leak that is allowed says why."""
        for item in items:
            for marker in item.iter_markers("allow_leaks"):
                if not (marker.args or marker.kwargs.get("reason")):
                    raise pytest.UsageError(f"{item.nodeid}: allow_leaks needs a reason: allow_leaks(reason='...')")

    def pytest_sessionstart(self) -> None:
        """Guards the loops of this process, if it is one that runs tests."""
        if not _only_controls(self._config):
            self._installation.begin()

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self) -> None:
        """Puts everything back; writes the baseline where the reports come together."""
        if self._installation.active:
            self._installation.uninstall()
        if self._writing and self._path is not None and not hasattr(self._config, "workerinput"):
            self._ledger.written = baseline.write(self._path, self._ledger.leaks)

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: Any) -> Generator[None, object, object]:
        """What a fixture of more than one test starts is not the test's."""
        result = yield
        if fixturedef.scope != "function":
            for watch in self._installation.watches():
                self._before.setdefault(watch, WeakSet()).update(list(watch.held))
        return result

    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
        """Runs the test as pytest does, and hands out its reports when all is known."""
        if not self._runs(item):
            return None
        item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        self._holds_back = True
        try:
            reports = self._runner.runtestprotocol(item, log=False, nextitem=nextitem)
        finally:
            self._holds_back = False
        _lay_to_the_call(reports)
        for report in reports:
            item.ihook.pytest_runtest_logreport(report=report)
        item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        return True

    def _runs(self, item: pytest.Item) -> bool:
        """Whether no other plugin than pytest's own runner wants to run the test."""
        hooks = item.ihook.pytest_runtest_protocol.get_hookimpls()
        wanting = [each.plugin for each in hooks if not (each.wrapper or each.hookwrapper)]
        return all(plugin is self or plugin is self._runner for plugin in wanting)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_setup(self) -> Generator[None, None, None]:
        """From here on what happens is this test's."""
        self._found.clear()
        for watch in self._installation.watches():
            self._before[watch] = WeakSet(list(watch.held))
        self._tracking = sys.get_coroutine_origin_tracking_depth()
        sys.set_coroutine_origin_tracking_depth(max(1, self._tracking))
        yield

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Fails the phase in which something was found."""
        report = yield
        if call.when == "teardown":
            sys.set_coroutine_origin_tracking_depth(self._tracking)
            self._look()
        if call.when != "setup":
            leaks = self._told(item)
            if leaks:
                setattr(report, _LEAKS, leaks)
                if not self._holds_back:
                    _fail(report, leaks)
        return report

    def _look(self) -> None:
        """What is still running on loops that go on beyond this test."""
        for watch in self._installation.watches():
            before = self._before.get(watch, WeakSet())
            if watch.live and not watch.loop.is_running() and not watch.loop.is_closed():
                pump(watch, before)
                conclude(watch, _ENDS, before)

    def _told(self, item: pytest.Item) -> Leaks:
        """The leaks found since the last time, without those that are allowed or known."""
        found, self._found = self._found, []
        if item.get_closest_marker("allow_leaks") is not None:
            return []
        leaks = [_plain(report) for report in found]
        if self._known is not None:
            known, leaks = ledger.split(leaks, lambda leak: self._is_known(item, leak))
            self._ledger.known += len(known)
        return leaks

    def _is_known(self, item: pytest.Item, leak: dict[str, str | int]) -> bool:
        return self._known is not None and self._known.covers(item.nodeid, leak)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """In the process that tells: its own reports, or those that the workers of pytest-xdist send."""
        leaks: Leaks = getattr(report, _LEAKS, [])
        self._ledger.add(report.nodeid, leaks)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """The leaks, by the line that made them."""
        self._ledger.print(terminalreporter, self._path)


def _read(path: Path) -> baseline.Baseline:
    try:
        return baseline.read(path)
    except baseline.BaselineError as error:
        raise pytest.UsageError(str(error)) from None


def _only_controls(config: pytest.Config) -> bool:
    """Whether this is the process of pytest-xdist that runs no test itself."""
    return bool(config.getoption("dist", "no") != "no" and not hasattr(config, "workerinput"))


def _plain(report: Report) -> dict[str, str | int]:
    return {**report.as_dict(), "text": str(report)}


def _text(leaks: Leaks) -> str:
    return "\n\n".join(str(leak["text"]) for leak in leaks)


def _fail(report: pytest.TestReport, leaks: Leaks) -> None:
    """A test that failed by itself keeps its own failure; the leaks are a section beside it."""
    if report.outcome == "passed" and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = _text(leaks)
    elif hasattr(report, "wasxfail") and report.outcome == "passed":
        report.outcome = "skipped"  # it was expected to fail, and does
    else:
        report.sections.append(("Corral guard", _text(leaks)))


def _lay_to_the_call(reports: list[pytest.TestReport]) -> None:
    """All leaks of a test fail its call; if it did not come to that, its teardown."""
    leaks = [leak for report in reports for leak in getattr(report, _LEAKS, [])]
    if leaks:
        for report in reports:
            setattr(report, _LEAKS, [])
        last = next((report for report in reports if report.when == "call"), reports[-1])
        setattr(last, _LEAKS, leaks)
        _fail(last, leaks)
