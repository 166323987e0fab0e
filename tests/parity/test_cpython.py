"""CPython's own tests of `asyncio.gather`, run against `gather_tg` on the interpreter that runs this.

`DIFFERENCES` names what fails there, and why on purpose. A difference that no longer is one fails here.
"""

from __future__ import annotations

import asyncio
import unittest
from unittest import mock

import pytest

from corral import Ok, gather_tg

pytest.importorskip("test.test_asyncio.test_tasks", reason="this interpreter was installed without CPython's own tests")
from test.test_asyncio import test_tasks  # it may be missing: see above

DIFFERENCES = {
    "FutureGatherTests.test_constructor_heterogenous_futures": "arguments are refused at the await, not at the call",
    "CoroutineGatherTests.test_issue46672": "arguments are refused at the await, not at the call",
    "FutureGatherTests.test_one_exception": "the first failure cancels the other children",
    "CoroutineGatherTests.test_exception_marking": "the first failure cancels the other children",
    "FutureGatherTests.test_one_cancellation": "a child that is cancelled fails, as ItemCancelled",
    "FutureGatherTests.test_result_exception_one_cancellation": "a child that is cancelled fails, as ItemCancelled",
    "CTask_CFuture_Tests.test_gather_shield": "it ends as cancelled, not as a Future that holds a CancelledError",
    "CTask_CFuture_Tests.test_cancel_gather_1": "it can be cancelled until it has ended, also when all its children have",
    "CTask_CFuture_Tests.test_shield_gather": "a coroutine ends one iteration of the loop after its last child, a Future in the same",
}
CASES = (test_tasks.FutureGatherTests, test_tasks.CoroutineGatherTests, test_tasks.CTask_CFuture_Tests)
LOADER = unittest.TestLoader()
TESTS = {
    f"{case.__name__}.{name}": (case, name)
    for case in CASES
    for name in LOADER.getTestCaseNames(case)
    if ("Gather" in case.__name__ or "gather" in name) and name != "test_env_var_debug"  # which gathers nothing
}


async def as_gather(aws: tuple, *, return_exceptions: bool) -> list:
    """What `asyncio.gather` is to its awaiter: errors bare, or values and errors in one list."""
    if not return_exceptions:
        return await gather_tg(*aws, on_error="first")
    outcomes = await gather_tg(*aws, on_error="collect")
    return [outcome.value if isinstance(outcome, Ok) else outcome.error for outcome in outcomes]


def gather(*aws, return_exceptions=False):
    """`asyncio.gather` gives a Future of a loop that it finds by the arguments; so does this."""
    futures = [aw for aw in aws if asyncio.isfuture(aw)]
    try:
        loop = futures[0].get_loop() if futures else asyncio.get_event_loop()
    except RuntimeError:
        for aw in aws:
            aw.close()
        raise
    return loop.create_task(as_gather(aws, return_exceptions=return_exceptions))


@pytest.mark.parametrize("name", TESTS)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of policies, which CPython's tests are full of
def test_as_cpython_does(name: str, recwarn) -> None:
    """Each of CPython's tests passes, or is a difference with a reason."""
    case, method = TESTS[name]
    result = unittest.TestResult()
    with mock.patch.object(asyncio, "gather", gather):
        case(method).run(result)
    failures = [text for _, text in result.errors + result.failures]
    assert result.testsRun == 1
    assert not result.skipped
    if name in DIFFERENCES:
        assert failures, f"no difference any more: {DIFFERENCES[name]}"
    else:
        assert not failures, failures[0]


def test_the_table_names_what_there_is() -> None:
    """Every difference is one of a test that exists, and there are as many tests as CPython has had since 3.11."""
    assert set(DIFFERENCES) <= set(TESTS)
    assert len(TESTS) >= 26


def test_gather_itself_passes_them() -> None:
    """Run against `asyncio.gather` all of them pass: the harness does not make a difference."""
    for case, method in TESTS.values():
        result = unittest.TestResult()
        case(method).run(result)
        assert result.wasSuccessful()
