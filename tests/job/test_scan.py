"""What is read back of the results: whole records, those that a crash has torn, and lines of somebody else."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corral.job.compact import compact
from corral.job.errors import JobError
from corral.job.journal import Journal
from corral.job.record import Success, encode
from corral.job.scan import Scan, _whole_lines
from tests.job.records import bad, good


def test_scan(results):
    """Reading back tells what is recorded, what failed, and of which types."""
    results.write_bytes(good(0) + bad(2, ValueError("first")) + bad(1, ValueError("second")) + bad(9, OSError("x")))
    scan = Scan(results)
    assert [index for index in range(12) if index in scan.done] == [0, 1, 2, 9]
    assert [index for index in range(12) if index in scan.failed] == [1, 2, 9]
    assert scan.errors == {"ValueError": (2, 2, "first"), "OSError": (1, 9, "x")}
    assert (scan.torn, scan.superseded, scan.unended, scan.size) == (0, 0, False, results.stat().st_size)


@pytest.mark.parametrize("block", [16, 64, 1 << 21])
def test_torn_line(results, monkeypatch, block):
    """Wherever a last record is cut, what is before it is kept and the rest of it is torn; only the line end may lack."""
    monkeypatch.setattr("corral.job.scan._BLOCK", block)
    whole, last = good(0) + good(1), good(2, {"key": ["é", 1]})
    for cut in range(len(last)):
        results.write_bytes(whole + last[:cut])
        scan = Scan(results)
        unended = cut == len(last) - 1
        assert (scan.torn, scan.unended, len(scan.done)) == (0 if unended else cut, unended, 2 + unended)


@pytest.mark.parametrize("rest", [b"\0" * 5000, b'{"ind\n\0\0\0\n\0', b"\xff\xfe\n", b'"text"\n[]\n'])
def test_torn_end_of_many_lines(results, rest):
    """A crash of the machine may leave zeros or several torn lines: all after the last record is cut off."""
    results.write_bytes(good(0) + rest)
    assert (Scan(results).torn, len(Scan(results).done)) == (len(rest), 1)


def test_foreign_line_is_refused(results):
    """A line that is no record, with records after it, was written by somebody else: nothing is cut."""
    content = good(0) + b"# a note\n" + good(1)
    results.write_bytes(content)
    with pytest.raises(JobError, match=r"line 2 of .* is not a record: expected .* got b'# a note"):
        Scan(results)
    assert results.read_bytes() == content


def test_absurd_index_is_refused(results):
    """A number that no run can have written does not claim the memory for its bits."""
    results.write_bytes(b'{"index":99999999999999}\n')
    with pytest.raises(JobError, match="a record of input 99999999999999"):
        Scan(results)


def test_block_of_good_and_torn_lines(results):
    """Where one read finds good lines and torn ones, the good ones count, with what stood before them, and no more."""
    results.write_bytes(good(0) + bad(1, ValueError("x")) + good(0) + b'{"torn\n' + b"\0" * 100)
    scan = Scan(results)
    assert (scan.size, scan.torn) == (len(good(0) + bad(1, ValueError("x")) + good(0)), 107)
    assert (len(scan.done), len(scan.failed), scan.superseded, scan.unended) == (2, 1, 1, False)


@pytest.mark.parametrize("block", [16, 1 << 21])
def test_torn_line_before_foreign_records(results, monkeypatch, block):
    """Nothing behind the first line that is no record is taken, however the file is read, and a record there is told of."""
    monkeypatch.setattr("corral.job.scan._BLOCK", block)
    results.write_bytes(good(0) + good(1) + b"[]\n\0\n[1]\n" + good(2) + b'{"torn')
    with pytest.raises(JobError, match=r"line 3 of .* got b'\[\]\\n'.*its input will run again"):
        Scan(results)


def test_superseded_are_counted(results):
    """Each record that a later one replaces is counted."""
    results.write_bytes(good(0) + good(1) + good(0) + good(0) + good(1))
    assert Scan(results).superseded == 3


def test_largest_index(results):
    """An index that a run of this size could have is taken, and one more than any could have is not."""
    results.write_bytes(b'{"index":10000000}\n')
    assert Scan(results).done.end() == 10_000_001
    results.write_bytes(b'{"index":-1}\n')
    with pytest.raises(JobError, match="a record of input -1"):
        Scan(results)


def test_inputs_are_remembered(results):
    """For a stream the inputs are kept, as hashes that equal inputs have; the input itself is found again to be shown."""
    content = encode(Success(3, {"b": 1, "a": 2}, None, 1, 0.5)) + b"\n" + good(1) + b'{"index":'
    results.write_bytes(content)
    scan = Scan(results, remember_inputs=True)
    scan.compare(3, {"a": 2, "b": 1})
    scan.compare(1, "in 1")
    with pytest.raises(JobError, match=r"input 3 is 'other' now, and was {\"b\":1,\"a\":2} in the results"):
        scan.compare(3, "other")
    assert Scan(results).hashes is None


def test_inputs_that_are_gone(results):
    """Where the recorded input cannot be found any more, the change is told all the same."""
    results.write_bytes(good(0))
    scan = Scan(results, remember_inputs=True)
    results.write_bytes(good(1))
    with pytest.raises(JobError, match="input 0 is 'other' now, and was something else in the results"):
        scan.compare(0, "other")


@pytest.mark.parametrize("block", [16, 1 << 21])
def test_blank_lines(results, monkeypatch, block):
    """A blank line that an editor has left among the records is passed over, and gone when they are compacted."""
    monkeypatch.setattr("corral.job.scan._BLOCK", block)
    content = b"\n" + good(0) + b"\r\n" + good(1) + b" \n" + good(0, "again")
    results.write_bytes(content + b'{"torn')
    scan = Scan(results, remember_inputs=True)
    assert (len(scan.done), scan.superseded, scan.size, scan.torn, scan.unended) == (2, 1, len(content), 6, False)
    with pytest.raises(JobError, match="input 1 is 'other' now, and was \"in 1\" in the results"):
        scan.compare(1, "other")
    results.write_bytes(content[:-1])
    assert (Scan(results).torn, Scan(results).unended) == (0, True)
    results.write_bytes(content)
    journal = Journal(results)
    assert compact(journal) == 1
    journal.close()
    assert results.read_bytes() == good(1) + good(0, "again")


def test_read_in_blocks(results, monkeypatch):
    """No more of the results is in memory than a block and the longest line."""
    monkeypatch.setattr("corral.job.scan._BLOCK", 256)
    content = b"".join(good(index) for index in range(100))
    results.write_bytes(content)
    with results.open("rb") as file:
        blocks = list(_whole_lines(file.fileno()))
    assert b"".join(blocks) == content
    assert max(map(len, blocks)) < 256 + len(good(99))
    assert all(block.endswith(b"\n") for block in blocks)


def test_two_records_on_a_line(results):
    """A line has one record: nobody but us has written more of them on one."""
    results.write_bytes(good(0) + good(1)[:-1] + good(2) + good(3))
    with pytest.raises(JobError, match=r"line 2 of .* is not a record"):
        Scan(results)


@given(
    records=st.lists(st.tuples(st.integers(0, 12), st.booleans()), max_size=30),
    block=st.integers(8, 200),
    cut=st.integers(0, 60),
)
def test_scan_against_a_naive_reader(tmp_path_factory, records, block, cut):
    """Whatever the order, the repetitions, the block size and the cut: the same as reading line by line."""
    path = tmp_path_factory.mktemp("scan") / "results.jsonl"
    lines = [bad(i, ValueError("x")) if failed else good(i) for i, failed in records]
    content = b"".join(lines)
    content = content[: max(len(content) - cut, 0)]
    path.write_bytes(content)
    whole = [
        json.loads(line) for line in content.splitlines() if line.endswith(b"}") and line in [a[:-1] for a in lines]
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("corral.job.scan._BLOCK", block)
        scan = Scan(path)
    assert {index for index in range(13) if index in scan.done} == {record["index"] for record in whole}
    assert scan.superseded == len(whole) - len({record["index"] for record in whole})
