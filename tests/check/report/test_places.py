"""Where things are, in files and encodings that are not as usual."""

from __future__ import annotations

from pathlib import Path

import pytest

from corral.check.report.sarif import _location
from corral.check.report.source_text import SourceText


def test_files_outside_of_the_folder_have_their_whole_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SARIF tells a file below the current folder by its way from there, and any other by its address."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert _location("a b.py") == {"uri": "a%20b.py", "uriBaseId": "SRCROOT"}
    assert _location(str(tmp_path / "x.py")) == {"uri": (tmp_path / "x.py").as_uri()}


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        (b"x = 1\n", "utf-8"),
        (b"\xef\xbb\xbfx = 1\n", "utf-8"),
        (b"# coding: latin-1\n", "iso-8859-1"),
        (b"# coding: nobody's\n", "utf-8"),
        (b"\xff\n", "utf-8"),
    ],
)
def test_text_in_no_known_encoding_can_still_be_shown(data: bytes, encoding: str) -> None:
    """What declares an encoding that is not there, or breaks its own, is shown as UTF-8."""
    assert SourceText(data).encoding == encoding
