"""One input: its attempts, its time, its failure, its line."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import pickle
from email.utils import format_datetime

import pytest
import stamina

from corral.job.call import Call
from corral.job.errors import BadInput
from corral.job.formats import Bad
from corral.job.function import described, resolve
from corral.job.options import Options
from corral.job.retry import retry_after
from tests.job import functions


async def line_of(fn, item=1, *resource, **options):
    """The record of one call, and what the run is told of it."""
    line, seconds, failure = await Call(described(fn), Options(limit=1, **options))((7, item), *resource)
    record = json.loads(line)
    assert record["index"] == 7
    assert record["seconds"] == pytest.approx(seconds, abs=1e-6)
    assert (failure is None) == ("output" in record)
    if failure:
        assert failure == (record["error"]["type"], record["error"]["message"])
    return record


async def test_success():
    """What `fn` returned, after one attempt."""
    record = await line_of(functions.same, {"a": [1]})
    assert (record["input"], record["output"], record["attempts"]) == ({"a": [1]}, {"a": [1]}, 1)


async def test_failure():
    """What `fn` raised, told from the frame of `fn` on."""
    record = await line_of(functions.odd_fails, "3")
    assert record["error"]["type"] == "ValueError"
    assert record["error"]["message"] == "3 is odd"
    first = record["error"]["traceback"].splitlines()[1]
    assert "tests/job/functions.py" in first


async def test_input_is_recorded_as_it_was():
    """What `fn` does to its input is not taken for the input."""
    record = await line_of(functions.changes_its_input, {"id": 1})
    assert (record["input"], record["output"]) == ({"id": 1}, {"id": 1, "seen": True})


async def test_bad_input_is_not_run():
    """A line that could not be read is recorded without a call."""
    record = await line_of(functions.same, Bad("{", BadInput("line 3: expected JSON")))
    assert (record["input"], record["attempts"]) == ("{", 0)
    assert (record["error"]["type"], record["error"]["message"]) == ("corral.job.BadInput", "line 3: expected JSON")


async def test_output_without_json():
    """An output that JSON has no form for fails its input, and says what to return."""

    async def fetch(item):
        return {"response": object()}

    record = await line_of(fetch)
    assert record["error"]["type"] == "corral.job.NotEncodable"
    assert record["error"]["message"].startswith("the output cannot be written as JSON: there is no JSON for object")
    assert record["attempts"] == 1


async def test_input_without_json():
    """An input that JSON has no form for fails before `fn` is called, and is recorded by its repr."""
    called = []

    async def fetch(item):
        called.append(item)

    record = await line_of(fetch, 1j)
    assert (record["input"], record["attempts"], called) == ("1j", 0, [])
    assert record["error"]["message"].startswith("the input cannot be written as JSON")


async def test_cancelled_from_inside():
    """An input that awaited something cancelled has failed; it is not the run that is cancelled."""
    for options in ({}, {"timeout": 5}, {"retries": 0, "rate": 1000}):
        record = await line_of(functions.awaits_cancelled, **options)
        assert record["error"]["type"] == "corral.outcome.ItemCancelled"


async def test_cancelled_from_outside():
    """When the run is cancelled, no record is made."""
    begun = asyncio.Event()

    async def waits(item):
        begun.set()
        await asyncio.Event().wait()

    for options in ({}, {"timeout": 5}, {"retries": 3}):
        task = asyncio.ensure_future(line_of(waits, **options))
        await begun.wait()
        begun.clear()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_timeout():
    """A call that takes too long fails, and tells where it stood."""
    record = await line_of(functions.nap_long, timeout=0.01)
    assert (record["error"]["type"], record["error"]["message"]) == ("TimeoutError", "no result within 0.01 s")
    assert "await asyncio.sleep(0.2)" in record["error"]["traceback"]


async def test_timeout_of_its_own():
    """A `TimeoutError` that `fn` raises itself is its own."""

    async def fetch(item):
        raise TimeoutError("mine")

    assert (await line_of(fetch, timeout=5))["error"]["message"] == "mine"


@pytest.fixture
def no_waits():
    """Retries without their waits."""
    with stamina.set_testing(True, attempts=10, cap=True):
        yield


def failing(times: int, error: Exception):
    calls = []

    async def fetch(item):
        calls.append(item)
        if len(calls) <= times:
            raise error
        return len(calls)

    return fetch, calls


async def test_retries(no_waits):
    """A failed input is tried again, and how often is recorded."""
    fetch, calls = failing(2, ConnectionError("x"))
    record = await line_of(fetch, retries=3)
    assert (record["output"], record["attempts"], len(calls)) == (3, 3, 3)


async def test_retries_run_out(no_waits):
    """After the last attempt the last failure is recorded, with frames of `fn` only."""
    fetch, calls = failing(99, ConnectionError("x"))
    record = await line_of(fetch, retries=3)
    assert (record["error"]["type"], record["attempts"], len(calls)) == ("ConnectionError", 4, 4)
    assert "stamina" not in record["error"]["traceback"]
    assert "corral/job" not in record["error"]["traceback"]


async def test_waits_are_not_time_of_the_input():
    """`seconds` is time inside `fn`: neither the wait before a retry nor the wait for the rate is in it."""

    class Refused(Exception):
        retry_after = 0.2

    fetch, calls = failing(1, Refused())
    begin = asyncio.get_running_loop().time()
    record = await line_of(fetch, retries=1)
    assert asyncio.get_running_loop().time() - begin >= 0.2
    assert record["seconds"] < 0.1
    assert len(calls) == 2


async def test_timeout_is_for_each_attempt(no_waits):
    """A retry has a time of its own."""
    record = await line_of(functions.nap_long, timeout=0.01, retries=2)
    assert (record["error"]["type"], record["attempts"]) == ("TimeoutError", 3)


@pytest.mark.virtual_time
async def test_rate():
    """Calls are started no faster than the rate, evenly."""
    call = Call(described(functions.same), Options(limit=1, rate="2/s"))
    clock = asyncio.get_running_loop().time
    begin = clock()
    starts = []
    for index in range(5):
        await call((index, index))
        starts.append(round(clock() - begin, 3))
    assert starts == [0.0, 0.5, 1.0, 1.5, 2.0]


class Response:
    def __init__(self, headers):
        self.headers = headers


class Answer(Exception):
    def __init__(self, **attributes):
        vars(self).update(attributes)


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        (ValueError(), None),
        (Answer(retry_after=3), 3.0),
        (Answer(retry_after=None), None),
        (Answer(headers={"Retry-After": "7"}), 7.0),
        (Answer(headers={"Retry-After": "-7"}), 0.0),
        (Answer(headers={}), None),
        (Answer(headers=None, response=Response({"Retry-After": "0.5"})), 0.5),
        (Answer(response=Response({"Retry-After": "soon"})), None),
        (Answer(response=Response({"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"})), 0.0),
    ],
)
def test_retry_after(error, seconds):
    """What a server asks for is found where clients keep it, in seconds or as a date."""
    assert retry_after(error) == seconds


def test_retry_after_a_date():
    """A date ahead is the seconds until then."""
    then = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=100)
    assert 95 < retry_after(Answer(headers={"Retry-After": format_datetime(then, usegmt=True)})) <= 100


async def test_resource():
    """A resource is the second argument."""
    assert (await line_of(functions.with_resource, 1, "session"))["output"] == "session:1"


async def test_travels():
    """A call works in another process as it does here, whatever its function was found by."""
    here = resolve(f"{functions.__file__}:same")
    for function in (here, described(functions.same)):
        call = pickle.loads(pickle.dumps(Call(function, Options(limit=1, timeout=5, retries=1, rate=100))))
        line, _, failure = await call((0, "x"))
        assert (json.loads(line)["output"], failure) == ("x", None)
