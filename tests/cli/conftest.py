"""A project in the current folder, and the command."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.command import Corral


@pytest.fixture
def corral(capsysbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Corral:
    """The command, in a folder of its own with nothing in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "no-config"))
    for name in ("FORCE_COLOR", "NO_COLOR", "COLUMNS", "GITHUB_ACTIONS", "PY_COLORS"):
        monkeypatch.delenv(name, raising=False)
    return Corral(capsysbinary, monkeypatch)
