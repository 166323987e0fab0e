"""Blocks into lines."""

from __future__ import annotations

import codecs
import itertools

from hypothesis import given
from hypothesis import strategies as st

from corral.job.lines import LineSplitter

PIECES = st.lists(
    st.sampled_from([b"", b"a", b"bc", b"\n", b"\n\n", b"\r\n", "é".encode(), codecs.BOM_UTF8]), max_size=12
)


@given(pieces=PIECES, cuts=st.lists(st.integers(0, 30), max_size=6), marked=st.booleans())
def test_any_blocks(pieces, cuts, marked):
    """Wherever the blocks are cut, the lines are those of the whole; a mark of UTF-8 at the very start is no part of the first."""
    whole = b"".join([codecs.BOM_UTF8] * marked + pieces)
    edges = [0, *sorted(3 + cut for cut in cuts), len(whole) + 3]
    splitter, lines = LineSplitter(), []
    for start, end in itertools.pairwise(edges):
        lines += splitter.feed(whole[start:end])
    lines += splitter.end()
    expected = whole.removeprefix(codecs.BOM_UTF8).split(b"\n")
    assert lines == (expected[:-1] if expected[-1] == b"" else expected)
    assert splitter.end() == []


def test_a_line_is_given_when_it_ends():
    """A line is there as soon as its end is, and no sooner."""
    splitter = LineSplitter()
    assert splitter.feed(b"a") == []
    assert splitter.feed(b"b\nc") == [b"ab"]
    assert splitter.feed(b"\n") == [b"c"]
    assert splitter.end() == []
