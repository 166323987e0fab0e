"""Files, ranges, pipes and iterables: what they give, and how a changed one is told."""

from __future__ import annotations

import asyncio
import errno
import gzip
import os
import re
import threading
from array import array

import pytest

from corral.job.errors import JobError
from corral.job.files import FileSource, open_source
from corral.job.formats import Bad
from corral.job.pipe import PipeSource
from corral.job.record import canonical
from corral.job.source import InputIdentity, Recorded
from tests.job.opened import descriptors, readers


def recorded(*indexes: int) -> Recorded:
    found = Recorded()
    for index in indexes:
        found.done.add(index)
    return found


@pytest.mark.parametrize("name", ["in.txt", "in.txt.gz"])
def test_file(tmp_path, name):
    """A file gives its inputs with their indexes, without those that are recorded, and is counted before."""
    content = b"a\nb\n\nc\nd"
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    source = open_source(tmp_path / name)
    known = source.identify(None)
    assert (source.total, known.size, known.format, known.kind) == (4, len(content), "txt", "file")
    assert list(source.jobs(recorded())) == [(0, "a"), (1, "b"), (2, "c"), (3, "d")]
    assert list(source.jobs(recorded(0, 2))) == [(1, "b"), (3, "d")]


def test_lines_longer_than_a_block(tmp_path):
    """A line may be longer than what is read at a time."""
    lines = ["x" * 600_000, "y", "z" * 300_000]
    (tmp_path / "in.txt").write_text("\n".join(lines))
    source = open_source(str(tmp_path / "in.txt"))
    source.identify(None)
    assert [item for _, item in source.jobs(recorded())] == lines


def test_recorded_lines_are_not_decoded(tmp_path, monkeypatch):
    """Passing over what is recorded does not parse it."""
    (tmp_path / "in.jsonl").write_text("{bad\n1\n")
    source = open_source(tmp_path / "in.jsonl")
    source.identify(None)
    decoded = []
    monkeypatch.setattr("corral.job.formats.JsonLines.decode", lambda _, number, raw: decoded.append(raw))
    list(source.jobs(recorded(0)))
    assert decoded == [b"1"]


def identified(path, content: bytes, before: InputIdentity | None = None, **options) -> InputIdentity:
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return open_source(path, **options).identify(before)


@pytest.mark.parametrize("name", ["in.txt", "in.csv.gz"])
@pytest.mark.parametrize("block", [3, 1 << 18])
def test_input_that_grew(tmp_path, monkeypatch, name, block):
    """An input may grow at its end, and is then known by all of it; its compressed bytes may be others."""
    monkeypatch.setattr("corral.job.files._BLOCK", block)
    path = tmp_path / name
    first = identified(path, b"a\nb\nc\n")
    grown = identified(path, b"a\nb\nc\nd\n", first)
    assert grown.size == 8
    assert identified(path, b"a\nb\nc\nd\n", grown) == grown == identified(path, b"a\nb\nc\nd\n")
    unended = identified(path, b"a\nb\nc", None)
    assert identified(path, b"a\nb\nc", unended) == unended
    assert identified(path, b"a\nb\nc\nd\n", unended) == grown
    assert identified(path, b"a\nb\nc\r\nd", unended).size == 8


@pytest.mark.parametrize("block", [3, 1 << 18])
@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (b"a\nb\n", b"a\nX\n", "its first 4 bytes are not those of in.txt that the results were begun with. Give"),
        (b"a\nb\n", b"X\nb\nc\n", "its first 4 bytes are not those of in.txt"),
        (b"a\nb\nc\n", b"a\nb\n", "it has 4 bytes now, and had 6"),
        (b"a\nb", b"a\nbc\n", "its last line went on"),
        (b"a\nb", b"a\nb ", "its last line went on"),
    ],
)
def test_input_that_changed(tmp_path, monkeypatch, block, before, after, expected):
    """Any other change is refused with what differs and what to do."""
    monkeypatch.setattr("corral.job.files._BLOCK", block)
    known = identified(tmp_path / "in.txt", before)
    with pytest.raises(JobError, match=f"the input has changed: {expected}.*another out, or overwrite=True"):
        identified(tmp_path / "in.txt", after, known)


def test_same_bytes_read_otherwise(tmp_path):
    """The same bytes as another format are other inputs."""
    known = identified(tmp_path / "in.txt", b"1\n")
    with pytest.raises(JobError, match="the input has changed: it is read as jsonl now, and was read as txt"):
        identified(tmp_path / "in.txt", b"1\n", known, input_format="jsonl")


def test_what_is_appended_meanwhile_waits(tmp_path):
    """A file that grows while the job runs is read no further than it was known at the start."""
    path = tmp_path / "in.txt"
    path.write_text("a\nb\n")
    source = open_source(path)
    source.identify(None)
    with path.open("a") as file:
        file.write("c\n")
    assert [item for _, item in source.jobs(recorded())] == ["a", "b"]


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("in.txt", b"", r"^there is no input: \S+in.txt is empty$"),
        ("in.txt", b"\n \n", r"in.txt has blank lines only$"),
        ("in.csv", b"a,b\n", r"in.csv has no rows below its header$"),
        ("in.txt.gz", b"not gzip", r"^the input .*in.txt.gz is not a whole gzip file: Not a gzipped file"),
        ("in.txt.gz", gzip.compress(b"a\nb\n" * 1000, mtime=0)[:-20], "is not a whole gzip file"),
    ],
)
def test_file_without_inputs(tmp_path, name, content, expected):
    """An empty or broken file is refused before anything starts."""
    (tmp_path / name).write_bytes(content)
    with pytest.raises(JobError, match=expected):
        open_source(tmp_path / name).identify(None)


def test_missing_file(tmp_path):
    """A missing file is refused, with the nearest name."""
    (tmp_path / "urls.txt.gz").touch()
    with pytest.raises(JobError, match=r"no input file .*urls.txt; did you mean .*urls.txt.gz\?"):
        open_source(tmp_path / "urls.txt")
    with pytest.raises(JobError, match=f"^the input {re.escape(str(tmp_path))} cannot be read: it is a directory$"):
        open_source(tmp_path)
    with pytest.raises(JobError, match="no input file"):
        open_source(tmp_path / "no" / "urls.txt")


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


def test_own_file_is_told(tmp_path):
    """The input is recognised under another name, so that results never overwrite it."""
    (tmp_path / "in.txt").write_text("a\n")
    (tmp_path / "link").symlink_to("in.txt")
    source = open_source(tmp_path / "in.txt")
    assert isinstance(source, FileSource)
    assert source.is_file(tmp_path / "link")
    assert not source.is_file(tmp_path / "other")


@pytest.mark.parametrize("block", [3, 1 << 18])
def test_rows_of_several_lines(tmp_path, monkeypatch, block):
    """A row of CSV goes on over line ends and over what is read at a time; one that never ends is an input of its own."""
    monkeypatch.setattr("corral.job.files._BLOCK", block)
    (tmp_path / "in.csv").write_bytes(b'a,b\n1,"x\n\ny"\n2,z\n3,"open\n')
    source = open_source(tmp_path / "in.csv")
    assert (source.kind, source.total) == ("file", None)
    source.identify(None)
    assert source.total == 3
    *rows, (index, bad) = source.jobs(recorded())
    assert rows == [(0, {"a": "1", "b": "x\n\ny"}), (1, {"a": "2", "b": "z"})]
    assert (index, type(bad)) == (2, Bad)
    assert str(bad.error).startswith("line 6: expected a row of CSV")


@pytest.mark.parametrize(
    ("beside", "near"),
    [
        (["urls.txt.gz", "url.txt"], "urls.txt.gz"),
        (["url.txt", "something else"], "url.txt"),
        (["something else"], None),
    ],
)
def test_nearest_name(tmp_path, beside, near):
    """A name without its `.gz` is the nearest, then one that looks alike; where there is none, none is told."""
    for name in beside:
        (tmp_path / name).touch()
    with pytest.raises(JobError) as caught:
        open_source(tmp_path / "urls.txt")
    told = f"; did you mean {tmp_path / near}?" if near else ""
    assert str(caught.value) == f"no input file {tmp_path / 'urls.txt'}{told}"


def test_disk_that_fails(tmp_path, monkeypatch):
    """A file that can be opened and not be read is told with the system's reason."""
    path = tmp_path / "in.txt"
    path.write_text("a\n")
    source = open_source(path)

    def fails(*_):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr("corral.job.files._read", fails)
    with pytest.raises(JobError) as caught:
        source.identify(None)
    assert str(caught.value) == f"the input {path} cannot be read: Input/output error"


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
