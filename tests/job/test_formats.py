"""Lines, JSON values and CSV rows, and what is wrong with a line that is none."""

from __future__ import annotations

import csv
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corral.job.errors import JobError
from corral.job.formats import FORMATS, Bad, format_of
from corral.job.lines import LineSplitter


def read(name: str, content: bytes, block: int = 7) -> list[object]:
    """What a format makes of `content` when it comes in blocks."""
    form, splitter, found = FORMATS[name](), LineSplitter(), []
    for start in range(0, len(content), block):
        found += [form.decode(*raw) for raw in form.raws(splitter.feed(content[start : start + block]))]
    found += [form.decode(*raw) for raw in form.raws(splitter.end())]
    return found + [form.decode(*raw) for raw in form.end()]


def test_text_lines():
    """A line is an input without its end; blank lines, a BOM and carriage returns are no part of it."""
    assert read("txt", b"\xef\xbb\xbfone\r\n\n  \n two \nthr\xc3\xa9\xc3\xa9") == ["one", " two ", "thréé"]


def test_text_that_is_not_utf8():
    """A line that is not UTF-8 is bad alone, and says where."""
    one, bad, two = read("txt", b"one\n\nt\xffo\ntwo\n")
    assert (one, two) == ("one", "two")
    assert isinstance(bad, Bad)
    assert str(bad.error) == "line 3: expected UTF-8 text, got byte 0xff at position 1"
    assert bad.text == "t\\xffo"


def test_json_lines():
    """Any JSON value is an input; a line that is none is bad alone, with its number."""
    *good, bad = read("jsonl", b'{"a": [1, null]}\n\n"text"\n12\n{"a": \n')
    assert good == [{"a": [1, None]}, "text", 12]
    assert isinstance(bad, Bad)
    assert str(bad.error).startswith("line 5: expected one JSON value on the line: ")
    assert bad.text == '{"a": '


def test_json_that_is_no_text():
    """Bytes that are no UTF-8 are told as that, in JSON too, with where they stand."""
    bad = FORMATS["jsonl"]().decode(4, b'"a\xff"')
    assert str(bad.error).startswith("line 4: expected UTF-8 text, got byte 0xff at position ")


def test_two_json_values_on_a_line():
    """Two values on a line are not one."""
    (bad,) = read("jsonl", b"{} {}\n")
    assert isinstance(bad, Bad)


def test_csv_rows():
    """A row is a dict by the names of the first; a quoted field may hold quotes, commas and line ends."""
    content = b'name,text\r\nann,"a ""word"", and\r\na line"\r\n\r\nbob,x\r\n'
    assert read("csv", content) == [{"name": "ann", "text": 'a "word", and\r\na line'}, {"name": "bob", "text": "x"}]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (b"1", "line 2: expected 2 fields as in the first row (a, b), got 1"),
        (b"1,2,3", "line 2: expected 2 fields as in the first row (a, b), got 3"),
        (b'"u"v,1', "line 2: expected a row of CSV: ',' expected after '\"'"),
        (b"\xff,1", "line 2: expected UTF-8 text, got byte 0xff at position 0"),
        (b'"never closed,1\n2,3', "line 3: expected a row of CSV: unexpected end of data"),
    ],
)
def test_bad_csv_row(row, expected):
    """A row that does not fit is bad alone, and says what was expected."""
    (bad,) = read("csv", b"a,b\n" + row)
    assert isinstance(bad, Bad)
    assert str(bad.error) == expected


def test_long_csv_field():
    """A field may be longer than the csv module's own limit of 128 KiB."""
    assert read("csv", b"a\n" + b"x" * 300_000 + b"\n", 1 << 16) == [{"a": "x" * 300_000}]


@pytest.mark.parametrize(("header", "expected"), [(b"a,a\n", "names 'a' twice"), (b"\xff\n", "cannot be read")])
def test_bad_csv_header(header, expected):
    """Without column names there is no job."""
    with pytest.raises(JobError, match=expected):
        read("csv", header + b"1,2\n")


cells = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=6)


@given(rows=st.lists(st.tuples(cells, cells), max_size=6), block=st.integers(1, 50))
def test_csv_as_the_csv_module_writes_it(rows, block):
    """What the csv module writes comes back, however it is cut into blocks."""
    out = io.StringIO()
    csv.writer(out, quoting=csv.QUOTE_ALL).writerows([("a", "b"), *rows])
    assert read("csv", out.getvalue().encode(), block) == [{"a": a, "b": b} for a, b in rows]


@given(
    values=st.lists(st.recursive(st.none() | st.integers() | st.text(), st.lists, max_leaves=5)),
    block=st.integers(1, 50),
)
def test_jsonl_as_the_json_module_writes_it(values, block):
    """What the json module writes comes back, however it is cut into blocks."""
    content = "".join(json.dumps(value) + "\n" for value in values).encode()
    assert read("jsonl", content, block) == values


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.txt", "txt"),
        ("a.jsonl", "jsonl"),
        ("A.CSV", "csv"),
        ("a.b.csv.gz", "csv"),
        ("a.ndjson", "jsonl"),
        ("a.txt.GZ", "txt"),
    ],
)
def test_format_by_name(name, expected):
    """The ending tells the format, behind `.gz` too."""
    assert format_of(name, None) == expected


@pytest.mark.parametrize("name", ["a", "a.gz", "a.parquet", "a.json"])
def test_unknown_format(name):
    """Another ending is refused with what there is, and how to say it."""
    with pytest.raises(JobError, match=r"expected .txt, .jsonl or .csv .*input_format"):
        format_of(name, None)
    assert format_of(name, "jsonl") == "jsonl"
    with pytest.raises(JobError, match="expected an input format of txt, jsonl, csv, got 'xml'"):
        format_of(name, "xml")
