"""Inputs through a pipe: read as they come, by a thread that ends with whoever waits for it."""

from __future__ import annotations

import asyncio
import gzip
import os
import threading
from array import array

import pytest

from corral.job.errors import JobError
from corral.job.files import open_source
from corral.job.formats import Bad
from corral.job.pipe import PipeSource
from corral.job.record import canonical
from corral.job.source import InputIdentity, Recorded
from tests.job.opened import descriptors, readers
from tests.job.records import recorded


async def test_pipe():
    """A pipe gives inputs as the other end writes them, and ends where it closes; so does the thread that reads it."""
    before = readers()
    reading, writing = os.pipe()
    jobs = PipeSource(reading, "pipe", "jsonl").jobs(recorded())
    os.write(writing, b"1\n2")
    assert await anext(jobs) == (0, 1)
    (thread,) = readers() - before
    os.write(writing, b"\n{\n")
    assert await anext(jobs) == (1, 2)
    index, bad = await anext(jobs)
    assert index == 2
    assert isinstance(bad, Bad)
    os.write(writing, b'"last"')
    os.close(writing)
    assert await anext(jobs) == (3, "last")
    with pytest.raises(StopAsyncIteration):
        await anext(jobs)
    thread.join(20)
    assert not thread.is_alive()
    os.close(reading)


async def test_named_pipe_is_a_stream(tmp_path):
    """What is no regular file can be read only once, and is closed behind that."""
    before = descriptors()
    os.mkfifo(tmp_path / "in.jsonl")
    writer = threading.Thread(target=(tmp_path / "in.jsonl").write_bytes, args=(b"1\n",))
    writer.start()
    source = open_source(tmp_path / "in.jsonl")
    assert (source.kind, source.total, source.identify(None).format) == ("stream", None, "jsonl")
    assert [job async for job in source.jobs(recorded())] == [(0, 1)]
    writer.join()
    assert descriptors() == before


@pytest.fixture
def standard_input(monkeypatch):
    """Makes bytes the standard input, and gives its source."""
    opened = []

    def become(content: bytes, **options):
        reading, writing = os.pipe()
        os.write(writing, content)
        os.close(writing)
        opened.append(open(reading))  # noqa: PTH123, SIM115  # of a descriptor, until the test ends
        monkeypatch.setattr("sys.stdin", opened[-1])
        return open_source("-", **options)

    yield become
    for file in opened:
        file.close()


async def test_standard_input(standard_input):
    """`-` is standard input, a line an input where nothing else is said; it is known by its format."""
    source = standard_input(b"a\nb")
    assert (source.kind, source.total) == ("stream", None)
    known = source.identify(None)
    assert known == InputIdentity("stream", "-", "txt")
    assert source.identify(known) == known
    assert [job async for job in source.jobs(recorded(0))] == [(1, "b")]
    source = standard_input(b'{"a": 1}\n', input_format="jsonl")
    with pytest.raises(JobError, match="the input has changed: it is read as jsonl now, and was read as txt"):
        source.identify(known)
    assert [job async for job in source.jobs(recorded())] == [(0, {"a": 1})]


async def test_standard_input_is_compared(standard_input):
    """What is recorded of a pipe is compared with what comes past, bad lines by their text; one that ends too early has changed."""
    found = Recorded()
    found.hashes = array("q")
    for index, value in enumerate(["a", "{", 3]):
        found.done.add(index)
        found.remember(index, canonical(value))
    assert [job async for job in standard_input(b'"a"\n{\n3\n4\n', input_format="jsonl").jobs(found)] == [(3, 4)]
    with pytest.raises(JobError, match="the input has changed: input 1 is '}' now"):
        [job async for job in standard_input(b'"a"\n}\n', input_format="jsonl").jobs(found)]
    with pytest.raises(JobError, match="it ended after 1 inputs, and the results hold input 2"):
        [job async for job in standard_input(b'"a"\n', input_format="jsonl").jobs(found)]


async def test_empty_pipes(standard_input, monkeypatch):
    """A pipe that gives nothing is no input, and is named; so is standard input that is closed."""
    with pytest.raises(JobError, match=r"^there is no input: standard input is empty$"):
        [job async for job in standard_input(b"").jobs(recorded())]
    reading, writing = os.pipe()
    os.close(writing)
    with pytest.raises(JobError, match=r"^there is no input: pipe is empty$"):
        [job async for job in PipeSource(reading, "pipe", "txt").jobs(recorded())]
    os.close(reading)
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(JobError, match=r"^there is no input: standard input is closed$"):
        open_source("-")


def test_packed_pipe(tmp_path):
    """What comes through a pipe is not unpacked, and what to do instead is told; it works."""
    pipe = tmp_path / "in.txt.gz"
    os.mkfifo(pipe)
    with pytest.raises(JobError) as caught:
        open_source(pipe)
    told = f"{pipe} is no file but a pipe, and those are not unpacked: "
    assert str(caught.value) == f"{told}give `gzip.open({str(pipe)!r}, 'rt')`"
    assert caught.value.as_typed() == f"{told}`zcat {pipe} | corral run ... -`"
    writer = threading.Thread(target=pipe.write_bytes, args=(gzip.compress(b"a\n"),))
    writer.start()
    with gzip.open(str(pipe), "rt") as lines:
        assert [*open_source(lines).jobs(recorded())] == [(0, "a\n")]
    writer.join()


async def test_pipe_that_cannot_be_read(tmp_path):
    """A descriptor that gives an error instead of bytes ends the input with the system's reason."""
    folder = os.open(tmp_path, os.O_RDONLY)
    with pytest.raises(JobError, match=r"^the input cannot be read: Is a directory$"):
        [job async for job in PipeSource(folder, "-", "txt").jobs(recorded())]
    os.close(folder)


async def test_standard_input_that_does_not_block():
    """A standard input that another program has left non-blocking is waited for like any other."""
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    jobs = PipeSource(reading, "-", "txt").jobs(recorded())
    waiting = asyncio.ensure_future(anext(jobs))
    await asyncio.sleep(0.01)
    os.write(writing, b"a\n")
    assert await waiting == (0, "a")
    await jobs.aclose()
    os.close(writing)
    os.close(reading)


async def waited_in_vain(reading):
    """The thread that has waited for the other end of a pipe when its reader was cancelled."""
    before = readers()
    waiting = asyncio.ensure_future(anext(PipeSource(reading, "-", "txt").jobs(recorded())))
    while not (new := readers() - before):
        await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    (thread,) = new
    assert thread.daemon  # another process may have taken what there was to read
    return thread


async def test_waiting_for_a_pipe_can_be_cancelled():
    """Who waits for the other end of a pipe can be cancelled; the thread that waited ends, and takes nothing of what comes later."""
    before = descriptors()
    reading, writing = os.pipe()
    thread = await waited_in_vain(reading)
    await asyncio.to_thread(thread.join, 20)
    assert not thread.is_alive()
    os.write(writing, b"late\n")
    assert os.read(reading, 10) == b"late\n"
    os.close(writing)
    os.close(reading)
    assert descriptors() == before


async def test_pipe_that_is_left(standard_input):
    """Whoever takes no more of a pipe, for whatever reason, leaves no thread behind."""
    before = readers()
    jobs = standard_input(b"a\nb\n").jobs(recorded())
    assert await anext(jobs) == (0, "a")
    (thread,) = readers() - before
    await jobs.aclose()
    await asyncio.to_thread(thread.join, 20)
    assert not thread.is_alive()


@pytest.fixture
def slow_reading(monkeypatch):
    """A pipe with a line in it, whose reading goes on when it is told to, and tells when it has begun and ended."""
    reading, writing = os.pipe()
    os.write(writing, b"late\n")
    read, begun, go_on, done = os.read, threading.Event(), threading.Event(), threading.Event()

    def slow(descriptor, size):
        begun.set()
        assert go_on.wait(20)
        block = read(descriptor, size)
        done.set()
        return block

    monkeypatch.setattr("corral.job.pipe.os.read", slow)
    yield reading, begun, go_on, done
    os.close(writing)
    os.close(reading)


async def one_of(reading, begun):
    """The reader of a pipe and its thread, which is in the middle of reading."""
    before = readers()
    waiting = asyncio.ensure_future(anext(PipeSource(reading, "-", "txt").jobs(recorded())))
    assert await asyncio.to_thread(begun.wait, 20)
    (thread,) = readers() - before
    return waiting, thread


async def test_cancelled_while_it_is_read(slow_reading):
    """What was read for a reader that is cancelled in that very moment goes to nobody, without a word."""
    reading, begun, go_on, done = slow_reading
    told = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    waiting, thread = await one_of(reading, begun)
    go_on.set()
    done.wait(20)  # not the loop's turn before it is cancelled
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await asyncio.to_thread(thread.join, 20)
    await asyncio.sleep(0)
    assert told == []


def test_read_while_the_loop_closes(slow_reading):
    """So does what was read in the moment in which the loop is closed."""
    reading, begun, go_on, _ = slow_reading

    async def waits():
        waiting, thread = await one_of(reading, begun)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        return thread

    thread = asyncio.run(waits())
    assert thread.is_alive()
    go_on.set()
    thread.join(20)
    assert not thread.is_alive()
