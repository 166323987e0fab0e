"""What a line of the results looks like, and what is said of values that JSON has no form for."""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import enum
import json
import pathlib
import re
import traceback
import uuid

import attrs
import numpy as np
import pydantic
import pytest

from corral.job import traces
from corral.job.record import Success, canonical, encode, failure_line, not_encodable, shown, type_name
from corral.job.traces import trace_text


@dataclasses.dataclass
class Data:
    name: str
    parts: list[int]


@attrs.define
class Attrs:
    name: str


class Model(pydantic.BaseModel):
    when: dt.datetime
    amount: decimal.Decimal = decimal.Decimal("1.10")


@pydantic.dataclasses.dataclass
class ModelData:
    name: str


class Colour(enum.Enum):
    RED = "red"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"a": [1, 2.5, None, True, "é"]}, {"a": [1, 2.5, None, True, "é"]}),
        (Data("n", [1]), {"name": "n", "parts": [1]}),
        (Attrs("n"), {"name": "n"}),
        (Model(when=dt.datetime(2020, 1, 2, tzinfo=dt.UTC)), {"when": "2020-01-02T00:00:00Z", "amount": "1.10"}),
        (ModelData("n"), {"name": "n"}),
        (
            {"model": [Model(when=dt.datetime(2020, 1, 2, tzinfo=dt.UTC))]},
            {"model": [{"when": "2020-01-02T00:00:00Z", "amount": "1.10"}]},
        ),
        (dt.date(2020, 1, 2), "2020-01-02"),
        (dt.timedelta(seconds=90), "PT90S"),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (decimal.Decimal("0.10"), "0.10"),
        (Colour.RED, "red"),
        (b"bytes", "Ynl0ZXM="),
        ((1, (2,)), [1, [2]]),
        ({1: "one"}, {"1": "one"}),
        (np.float32(0.5), 0.5),
        (np.int64(7), 7),
        (np.bool_(True), True),
        (np.array([[1, 2], [3, 4]]), [[1, 2], [3, 4]]),
        ({"mean": np.float64(0.25)}, {"mean": 0.25}),
        (pathlib.Path("a/b"), "a/b"),
        (2**70, 2**70),
        ({3}, [3]),
    ],
)
def test_value_has_a_form(value, expected):
    """What people return is written as one would expect."""
    assert json.loads(encode(value)) == expected


class Response:
    """As the clients have it: it can only be read with them."""

    status = 200


class Unshowable:
    def __repr__(self):
        raise RuntimeError("no repr")


def self_containing() -> list:
    cycle: list = []
    cycle.append(cycle)
    return cycle


@pytest.mark.parametrize(
    ("value", "found", "cure"),
    [
        (object(), "there is no JSON for object, got <object object", "`str(result)`"),
        ({"a": [1, {"b": 1j}]}, "there is no JSON for complex, got 1j", "`str(result)`"),
        ((n for n in range(3)), "there is no JSON for generator, got <generator object", "`list(result)`"),
        ({(1, 2): 3}, r"each key must be a string or a number, got {\(1, 2\): 3}", "str(key)"),
        (
            Response(),
            "there is no JSON for .*Response, got <",
            "{'status': response.status, 'text': await response.text()}",
        ),
        (Unshowable(), r"got <Unshowable.__repr__ raised RuntimeError>", "`str(result)`"),
        (self_containing(), "it contains itself, or is nested too deeply", "for example"),
        ("\udc80", "surrogates not allowed", "for example"),
    ],
)
def test_value_without_a_form(value, found, cure):
    """A value that JSON has no form for is told with the part that has none, and with what to use instead."""
    with pytest.raises(Exception) as caught:  # msgspec raises several types
        encode(value)
    text = str(not_encodable("the output", value, caught.value))
    assert text.startswith("the output cannot be written as JSON: ")
    assert re.search(found, text)
    assert cure in text


def test_success_line():
    """The fields stand in the order in which they are read."""
    assert (
        encode(Success(3, "in", {"out": 1}, 1, 0.25))
        == b'{"index":3,"input":"in","output":{"out":1},"attempts":1,"seconds":0.25}'
    )


def fail(cause: Exception | None = None) -> Exception:
    try:
        raise ValueError("told") from cause
    except ValueError as error:
        return error


def test_failure_line():
    """A failure has its type, its message and its traceback."""
    line = json.loads(failure_line(3, "in", fail(), 2, 0.25))
    assert line.keys() == {"index", "input", "error", "attempts", "seconds"}
    assert (line["error"]["type"], line["error"]["message"], line["attempts"]) == ("ValueError", "told", 2)
    assert 'raise ValueError("told") from cause' in line["error"]["traceback"]


def test_type_names():
    """A type is named as a traceback names it."""
    assert type_name(ValueError()) == "ValueError"
    assert type_name(json.JSONDecodeError("", "", 0)) == "json.decoder.JSONDecodeError"


class Hostile(Exception):
    def __str__(self):
        raise RuntimeError("no text")

    __repr__ = __str__


@pytest.mark.parametrize("error", [Hostile(), ValueError("\udc80"), RecursionError(), ExceptionGroup("g", [Hostile()])])
def test_any_failure_has_a_line(error):
    """Whatever the error and the input are made of, there is a record."""
    line = json.loads(failure_line(1, object(), error, 1, 0.0))
    assert line["input"].startswith("<object object")


def test_traceback_that_cannot_be_made(monkeypatch):
    """A traceback that cannot be formatted does not cost the record."""

    def fails(*_):
        raise UnicodeDecodeError("utf-8", b"", 0, 1, "of a source file")

    monkeypatch.setattr("corral.job.traces.traceback.format_exception_only", fails)
    assert trace_text(ValueError("x")) == "<the traceback of ValueError could not be formatted: UnicodeDecodeError>"


def test_traceback_from_many_places():
    """However many places fail, each traceback is right, and what is kept for them is bounded."""
    for number in range(300):
        scope = {}
        exec("\n" * number + "def fails(): raise ValueError(1)", scope)
        with pytest.raises(ValueError) as caught:
            scope["fails"]()
        assert f"line {number + 1}, in fails" in trace_text(caught.value)
    assert len(traces._frames_text) <= 256


def test_traceback_is_what_python_prints():
    """The text that is put together from kept parts is what Python prints, causes included."""
    for error in (fail(), fail(), fail(KeyError("cause")), ExceptionGroup("g", [fail()])):
        assert trace_text(error) == "".join(traceback.format_exception(error))


def test_long_traceback_is_cut():
    """A message of megabytes does not make a record of megabytes twice."""
    assert 19_000 < len(trace_text(ValueError("x" * 1_000_000))) < 21_000


def test_notes_are_told():
    """Notes on an exception are part of its traceback."""
    error = fail()
    error.add_note("a note")
    assert "a note" in trace_text(error)


def test_canonical():
    """Equal inputs have one form, whatever the order of keys, and before and after they were recorded."""
    assert canonical({"b": {1, 2}, "a": np.float64(1.5)}) == canonical({"a": 1.5, "b": [1, 2]})
    assert canonical({10: 1, 9: 2}) == canonical({"9": 2, "10": 1})
    assert canonical("1") != canonical(1)


def test_shown_is_cut():
    """A repr is told at two hundred characters."""
    assert len(shown("x" * 1000)) == 200
