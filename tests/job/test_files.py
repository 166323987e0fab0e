"""Inputs from a file: what it gives, how one that has grown or changed is told, and what is said of one that is none."""

from __future__ import annotations

import errno
import gzip
import re

import pytest

from corral.job.errors import JobError
from corral.job.files import FileSource, open_source
from corral.job.formats import Bad
from corral.job.source import InputIdentity
from tests.job.records import recorded


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


def test_own_file_is_told(tmp_path):
    """The input is recognised under another name, so that results never overwrite it."""
    (tmp_path / "in.txt").write_text("a\n")
    (tmp_path / "link").symlink_to("in.txt")
    source = open_source(tmp_path / "in.txt")
    assert isinstance(source, FileSource)
    assert source.is_file(tmp_path / "link")
    assert not source.is_file(tmp_path / "other")


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


def test_no_file(tmp_path):
    """What is a directory is no input, nor is what lies in one that is not there."""
    with pytest.raises(JobError, match=f"^the input {re.escape(str(tmp_path))} cannot be read: it is a directory$"):
        open_source(tmp_path)
    with pytest.raises(JobError, match=r"^no input file .*urls.txt$"):
        open_source(tmp_path / "no" / "urls.txt")


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
