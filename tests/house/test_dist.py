"""What is published: `make dist` builds it and runs these."""

from __future__ import annotations

import email
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest
from packaging.metadata import Metadata

from tests.house.source import PACKAGE, ROOT, tracked

pytestmark = pytest.mark.dist


@pytest.fixture
def wheel() -> Path:
    """The one wheel of dist/."""
    (found,) = (ROOT / "dist").glob("*.whl")
    return found


def test_wheel_is_the_package(wheel: Path) -> None:
    """The wheel, built from the sdist, has src/ with `py.typed`, the rules' pages, and the licence; nothing else."""
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    ours = {str(path.relative_to(ROOT / "src")) for path in tracked() if path.is_relative_to(ROOT / "src")}
    pages = {f"corral/check/pages/{path.name}" for path in tracked() if path.is_relative_to(ROOT / "docs" / "rules")}
    info = f"corral-{wheel.name.split('-')[1]}.dist-info"
    extra = {f"{info}/{name}" for name in ("METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE")}
    assert "corral/py.typed" in ours
    assert "corral/check/pages/TG001.md" in pages
    assert names == ours | pages | extra


def test_sdist_has_what_the_tests_need() -> None:
    """From the sdist alone the tests, the docs and the benchmarks can be run."""
    (sdist,) = (ROOT / "dist").glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    tops = ("src", "tests", "docs", "examples", "benchmarks", "constraints")
    wanted = {str(path.relative_to(ROOT)) for path in tracked() if path.relative_to(ROOT).parts[0] in tops}
    wanted |= {"README.md", "LICENSE", "CHANGELOG.md", "CONTRIBUTING.md", "Makefile", "noxfile.py", "pyproject.toml"}
    assert wanted - names == set()


def test_metadata_is_valid(wheel: Path) -> None:
    """An index would take it: the fields parse strictly, no dependency is forced on anyone, the README is the description."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith("/METADATA"))
        raw = archive.read(name)
    metadata = Metadata.from_email(raw, validate=True)
    assert [need for need in metadata.requires_dist or [] if not need.marker] == []
    assert metadata.license_expression == "MIT"
    assert (
        email.message_from_bytes(raw).get_payload(decode=True).decode().strip()
        == (ROOT / "README.md").read_text().strip()
    )


def test_bare_install_runs_the_verbs_and_names_the_extra(wheel: Path, tmp_path: Path) -> None:
    """With nothing but the wheel: the verbs, the guard and the checker import; the command says which extra it needs."""
    venv.create(tmp_path / "bare", with_pip=True)
    python = tmp_path / "bare" / "bin" / "python"
    pip = [python, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--no-warn-script-location", wheel]
    subprocess.run(pip, check=True, cwd=tmp_path)
    program = (
        "import asyncio, corral, corral.check, corral.guard\n"
        "async def double(n): return 2 * n\n"
        "print(asyncio.run(corral.map_tg(double, range(3), limit=2)))"
    )
    ran = subprocess.run([python, "-c", program], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert ran.stdout == "[0, 2, 4]\n"
    asked = subprocess.run(
        [tmp_path / "bare/bin/corral", "run"], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert asked.returncode == 2
    assert "pip install 'corral[cli]'" in asked.stderr


def test_installed_package_is_the_one_under_test() -> None:
    """The tests read the installed wheel, never the source tree."""
    done = subprocess.run(
        [sys.executable, "-c", "import corral; print(corral.__file__)"], capture_output=True, check=True
    )
    assert str(PACKAGE) not in done.stdout.decode()
