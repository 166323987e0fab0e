"""What tells the results of one run from those of another."""

from __future__ import annotations

import json

import pytest

from corral.job.errors import JobError
from corral.job.identity import Identity, check_same, read_identity, sidecar, write_identity
from corral.job.source import InputIdentity


def test_identity(results):
    """What identifies a run is a few lines of JSON, read back as they were written."""
    identity = Identity(1, "module:fn", InputIdentity("range", "range:5", size=5))
    assert read_identity(results) is None
    write_identity(results, identity)
    assert read_identity(results) == identity
    assert json.loads(sidecar(results).read_text())["function"] == "module:fn"
    assert [path.name for path in results.parent.iterdir()] == ["results.jsonl.corral"]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "cannot be read"),
        (b"{}", "cannot be read"),
        (
            b'{"corral": 2, "function": "f", "input": {"kind": "range"}}',
            "has format 2, and this version of Corral knows format 1",
        ),
    ],
)
def test_unreadable_identity(results, content, expected):
    """A damaged or later identity is refused."""
    sidecar(results).write_bytes(content)
    with pytest.raises(JobError, match=expected):
        read_identity(results)


def test_other_runs_are_refused(results):
    """Another function, kind of input, or order is refused with what differs and what to do."""
    before = Identity(1, "m:f", InputIdentity("range", "range:5", size=5))
    check_same(before, "m:f", "range", results, ordered=False)
    check_same(Identity(1, "m:f", before.input, ordered=True), "m:f", "range", results, ordered=False)
    with pytest.raises(JobError, match=r"begun with the function m:f, and this is m:g.*overwrite=True"):
        check_same(before, "m:g", "range", results, ordered=False)
    with pytest.raises(JobError, match="it is a file now, and was a range"):
        check_same(before, "m:f", "file", results, ordered=False)
    with pytest.raises(JobError, match="begun without ordered"):
        check_same(before, "m:f", "range", results, ordered=True)
