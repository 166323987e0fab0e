"""What the pytest plugin does while it is on: every loop of every test is guarded, and each leak is laid to the test that made it.

What runs is looked at when the fixtures of a test have been torn down, because a fixture may rightly stop what the test has
started. So that the test itself is what fails, the report of a call that passed is held back until then; where another plugin
runs the tests (one that repeats them, say), the teardown fails instead.
"""

from __future__ import annotations

import sys
import warnings
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
_KNOWN: Final = "corral_known"
#: Tasks in which test runners run the tests: anyio's.
_RUNNERS: Final = ("TestRunner._run_tests_and_fixtures",)
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
        allow: list[str] = config.getini("corral_guard_allow")
        self._scope = Scope(_ENDS, policy=self._take, allow=[*_RUNNERS, *allow], grace=None)
        self._installation = Installation(self._scope, None)
        self._before: WeakKeyDictionary[Watch, WeakSet[Any]] = WeakKeyDictionary()
        self._found: list[Report] = []
        self._ledger = ledger.Ledger()
        self._runner: Any = config.pluginmanager.get_plugin("runner")  # pytest's own
        self._hands_out = False
        self._calling = False
        self._shows: object = None
        self._held: pytest.TestReport | None = None
        self._tracking = 0

    def _take(self, report: Report) -> None:
        """A coroutine that is dropped where the test itself records warnings is dropped on purpose: it looks for Python's own."""
        if report.kind == "unawaited" and report.task is None and self._shows is not _shows():
            return
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

    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> object:
        """Runs the test as pytest does, and hands out the report of a call that passed when all is known."""
        answer = self._run_by_others(item, nextitem)
        if answer is not None:
            return answer
        item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        self._hands_out = True
        try:
            self._runner.runtestprotocol(item, log=False, nextitem=nextitem)
        finally:
            self._hands_out = False
            self._hand_out(item)
        item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        return True

    def _run_by_others(self, item: pytest.Item, nextitem: pytest.Item | None) -> object:
        """Asks the other plugins that run tests, in their order, as pytest would have done next; None if it is up to us."""
        given = {"item": item, "nextitem": nextitem}
        for each in reversed(item.ihook.pytest_runtest_protocol.get_hookimpls()):
            if not (each.wrapper or each.hookwrapper or each.plugin in {self, self._runner}):
                answer = each.function(*(given[name] for name in each.argnames))
                if answer is not None:
                    return answer
        return None

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_setup(self) -> Generator[None, None, None]:
        """From here on what happens is this test's."""
        self._found.clear()
        self._shows = _shows()
        for watch in self._installation.watches():
            self._before[watch] = WeakSet(list(watch.held))
        self._tracking = sys.get_coroutine_origin_tracking_depth()
        sys.set_coroutine_origin_tracking_depth(max(1, self._tracking))
        yield

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_call(self) -> Generator[None, None, None]:
        """A report that is made while a test is being called is of a part of it: a subtest."""
        self._calling = True
        try:
            yield
        finally:
            self._calling = False

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """The last to see a report before it goes out."""
        report = yield
        if call.when == "teardown":
            sys.set_coroutine_origin_tracking_depth(self._tracking)
            self._look()
        if not self._calling:
            self._judge(item, report)
        return report

    def _judge(self, item: pytest.Item, report: pytest.TestReport) -> None:
        """What was found fails the call; if that has failed already it is told beside, in whatever comes next."""
        if not self._hands_out:
            if report.when != "setup":
                self._lay(item, report)
        elif report.when == "call" and not report.failed:
            self._held = report
        else:
            if report.when == "teardown" and (held := self._held) is not None:
                self._lay(item, held)
            elif report.when != "setup":
                self._lay(item, report)
            self._hand_out(item)
            item.ihook.pytest_runtest_logreport(report=report)

    def _lay(self, item: pytest.Item, report: pytest.TestReport) -> None:
        leaks, known = self._told(item)
        setattr(report, _KNOWN, known)
        setattr(report, _LEAKS, leaks)
        if leaks and not self._writing:
            _fail(report, leaks, beside=self._hands_out and report.when != "call")

    def _hand_out(self, item: pytest.Item) -> None:
        held, self._held = self._held, None
        if held is not None:
            item.ihook.pytest_runtest_logreport(report=held)

    def _look(self) -> None:
        """What is still running on loops that go on beyond this test."""
        for watch in self._installation.watches():
            before = self._before.get(watch, WeakSet())
            if watch.live and not watch.loop.is_running() and not watch.loop.is_closed():
                pump(watch, before)
                conclude(watch, _ENDS, before)

    def _told(self, item: pytest.Item) -> tuple[Leaks, int]:
        """The leaks found since the last time, without those that are allowed, and how many of the others are known."""
        found, self._found = self._found, []
        if item.get_closest_marker("allow_leaks") is not None:
            return [], 0
        leaks = [_plain(report) for report in found]
        baseline = self._known
        if baseline is None:
            return leaks, 0
        unknown = [leak for leak in leaks if not baseline.covers(item.nodeid, leak)]
        return unknown, len(leaks) - len(unknown)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """In the process that tells: its own reports, or those that the workers of pytest-xdist send."""
        leaks: Leaks = getattr(report, _LEAKS, [])
        self._ledger.add(report.nodeid, leaks)
        self._ledger.known += int(getattr(report, _KNOWN, 0))

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """The leaks, by the line that made them."""
        self._ledger.print(terminalreporter, self._path)


def _read(path: Path) -> baseline.Baseline:
    try:
        return baseline.read(path)
    except baseline.BaselineError as error:
        raise pytest.UsageError(str(error)) from None


def _shows() -> object:
    """What becomes of a warning now: `catch_warnings(record=True)` and `pytest.warns` replace it."""
    return getattr(warnings, "_showwarnmsg_impl", None)


def _only_controls(config: pytest.Config) -> bool:
    """Whether this is the process of pytest-xdist that runs no test itself."""
    return bool(config.getoption("dist", "no") != "no" and not hasattr(config, "workerinput"))


def _plain(report: Report) -> dict[str, str | int]:
    return {**report.as_dict(), "text": str(report)}


def _text(leaks: Leaks) -> str:
    return "\n\n".join(str(leak["text"]) for leak in leaks)


def _fail(report: pytest.TestReport, leaks: Leaks, *, beside: bool) -> None:
    """A test that failed by itself, in this phase or in an earlier one, keeps its own failure; the leaks are a section beside it."""
    if hasattr(report, "wasxfail"):
        report.outcome = "skipped"  # it was expected to fail, and does
    elif report.outcome == "passed" and not beside:
        report.outcome = "failed"
        report.longrepr = _text(leaks)
    else:
        report.sections.append((f"Corral guard, {report.when}", _text(leaks)))
