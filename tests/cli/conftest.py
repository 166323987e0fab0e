"""The command, in this process or as one that is watched."""

from __future__ import annotations

from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from tests.cli.command import Corral, Done
from tests.cli.job_process import Starter


@pytest.fixture
def corral(folder: Path, capsysbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch) -> Corral:
    """The command, in a folder of its own with nothing in it."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder / "no-config"))
    for name in ("FORCE_COLOR", "NO_COLOR", "COLUMNS", "GITHUB_ACTIONS", "PY_COLORS"):
        monkeypatch.delenv(name, raising=False)
    return Corral(capsysbinary, monkeypatch)


@pytest.fixture
def run(corral: Corral) -> Callable[..., Done]:
    """Calls `corral run`, in the same folder."""
    return lambda *arguments: corral("run", *map(str, arguments))


@pytest.fixture
def start(folder: Path) -> Generator[Starter]:  # where it starts
    """Starts `corral run`; whatever is left of it is killed at the end."""
    starter = Starter()
    yield starter
    starter.kill()
