"""Files are replaced whole, or not at all."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from corral.check.tool.writing import replace_file


def test_content_is_replaced(tmp_path: Path) -> None:
    """The new content is there, nothing is left beside it, and the permissions are what they were."""
    path = tmp_path / "a.py"
    path.write_bytes(b"old")
    path.chmod(0o751)
    assert replace_file(str(path), b"new", expected=b"old")
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o751
    assert [each.name for each in tmp_path.iterdir()] == ["a.py"]


def test_changed_file_is_left_alone(tmp_path: Path) -> None:
    """A file that somebody has changed since it was read is not written over."""
    path = tmp_path / "a.py"
    path.write_bytes(b"newer")
    assert not replace_file(str(path), b"new", expected=b"old")
    assert path.read_bytes() == b"newer"


def test_file_that_is_read_only_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who may not write to a file does not replace it either, though the folder would allow that."""
    path = tmp_path / "a.py"
    path.write_bytes(b"old")
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(PermissionError, match="Permission denied"):
        replace_file(str(path), b"new", expected=b"old")
    assert path.read_bytes() == b"old"


@pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="only root can give a file to somebody")
def test_owner_stays_the_owner(tmp_path: Path) -> None:
    """What root mends still belongs to whom it belonged."""
    path = tmp_path / "a.py"
    path.write_bytes(b"old")
    os.chown(path, 1, 1)
    assert replace_file(str(path), b"new", expected=b"old")
    assert (path.stat().st_uid, path.stat().st_gid) == (1, 1)


def test_link_stays_a_link(tmp_path: Path) -> None:
    """What a symbolic link leads to is written; the link stays."""
    (tmp_path / "real.py").write_bytes(b"old")
    (tmp_path / "link.py").symlink_to("real.py")
    assert replace_file(str(tmp_path / "link.py"), b"new", expected=b"old")
    assert (tmp_path / "link.py").is_symlink()
    assert (tmp_path / "real.py").read_bytes() == b"new"


def test_new_file_gets_the_usual_permissions(tmp_path: Path) -> None:
    """A file that was not there is readable as any other new file is."""
    replace_file(str(tmp_path / "made.json"), b"{}")
    (tmp_path / "plain").touch()
    assert (tmp_path / "made.json").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_failure_leaves_the_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the last step fails the file holds what it held, and nothing is left beside it."""
    path = tmp_path / "a.py"
    path.write_bytes(b"old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space left"):
        replace_file(str(path), b"new", expected=b"old")
    assert path.read_bytes() == b"old"
    assert [each.name for each in tmp_path.iterdir()] == ["a.py"]
