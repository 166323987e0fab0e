"""Ranges and iterables: what they give, and how changed ones are told."""

from __future__ import annotations

from array import array

import pytest

from corral.job.errors import JobError
from corral.job.files import open_source
from corral.job.record import canonical
from corral.job.source import Recorded
from tests.job.records import recorded


def test_range():
    """`range:N` gives the numbers below N, may become longer, and not shorter."""
    source = open_source("range:5")
    known = source.identify(None)
    assert source.total == 5
    assert list(source.jobs(recorded())) == [(n, n) for n in range(5)]
    assert list(source.jobs(recorded(0, 1, 3))) == [(2, 2), (4, 4)]
    open_source("range:6").identify(known)
    with pytest.raises(JobError, match="it is range:4 now, and was range:5"):
        open_source("range:4").identify(known)


@pytest.mark.parametrize("text", ["range:", "range:0", "range:-1", "range:x", "range:1.5", "range:²"])
def test_bad_range(text):
    """Anything else than a whole number from 1 up is refused."""
    with pytest.raises(JobError, match="expected range:N with a whole number N from 1 up"):
        open_source(text)


def test_iterable_is_compared_as_it_comes():
    """What is recorded of an iterable is compared with what comes past; equal is equal, whatever the order of keys."""
    found = Recorded()
    found.hashes = array("q")
    found.done.add(0)
    found.remember(0, canonical({"b": 1, "a": [1.5]}))
    assert list(open_source([{"a": [1.5], "b": 1}, "new"]).jobs(found)) == [(1, "new")]
    with pytest.raises(JobError, match="input 0 is 'other' now"):
        list(open_source(["other"]).jobs(found))


def test_iterable_that_ended_early():
    """A stream that is shorter than what is recorded of it has changed."""
    found = recorded(7)
    with pytest.raises(JobError, match="it ended after 3 inputs, and the results hold input 7"):
        list(open_source(iter("abc")).jobs(found))


async def test_async_iterable():
    """An async iterable is a source, compared in the same way."""

    async def items():
        for letter in "abc":
            yield letter

    assert [job async for job in open_source(items()).jobs(recorded())] == [(0, "a"), (1, "b"), (2, "c")]
    with pytest.raises(JobError, match="it ended after 3 inputs"):
        [job async for job in open_source(items()).jobs(recorded(9))]


@pytest.mark.parametrize("inputs", [3, b"bytes", None])
def test_not_a_source(inputs):
    """What is no source is refused by its type."""
    with pytest.raises(
        JobError, match=f"^expected a path, '-', 'range:N' or an iterable of inputs, got {type(inputs).__name__}"
    ):
        open_source(inputs)
