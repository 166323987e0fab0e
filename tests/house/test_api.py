"""The public names: what they say of themselves, and where the docs say it."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import corral
from tests.house.source import ROOT

HEADINGS = ["Args", "Fails", "Cancellation", "Cost"]
VERBS = [name for name in corral.__all__ if inspect.isfunction(getattr(corral, name))]


def test_names_are_sorted_and_there() -> None:
    """`__all__` is sorted, and all of it can be imported."""
    assert corral.__all__ == sorted(corral.__all__)
    assert [name for name in corral.__all__ if not hasattr(corral, name)] == []


def test_reference_has_every_name() -> None:
    """docs/api.md documents the public names, all of them and no other."""
    text = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"^\.\. auto\w+:: corral\.(\w+)(?:\(\))?$", text, re.MULTILINE)) == corral.__all__


@pytest.mark.parametrize("name", VERBS)
def test_verbs_answer_the_questions(name: str) -> None:
    """A verb's docstring tells its arguments, how it fails, what cancelling it does and what it costs."""
    text = inspect.getdoc(getattr(corral, name)) or ""
    found = re.findall(r"^(\w+):$|^(\w+): ", text, re.MULTILINE)
    headings = [block or inline for block, inline in found if (block or inline) in HEADINGS]
    wanted = HEADINGS if inspect.signature(getattr(corral, name)).parameters else HEADINGS[1:]
    assert headings == wanted


@pytest.mark.parametrize("name", VERBS)
def test_arguments_are_all_told(name: str) -> None:
    """`Args` names each parameter of the signature, in its order."""
    text = inspect.getdoc(getattr(corral, name)) or ""
    section = re.search(r"^Args:\n((?:    .*\n|\n)+)", text, re.MULTILINE)
    told = re.findall(r"^    \**(\w+)(?: \(.*?\))?:", section[1], re.MULTILINE) if section else []
    assert told == list(inspect.signature(getattr(corral, name)).parameters)


def test_command_tells_its_version() -> None:
    """`corral --version` is the version of the installed distribution, which is that of pyproject.toml."""
    command = Path(sys.executable).with_name("corral")
    done = subprocess.run([command, "--version"], capture_output=True, text=True, check=True)
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert version("corral") == declared
    assert done.stdout.split() == ["corral", declared]


def test_everything_declared_is_pinned() -> None:
    """constraints/dev.txt pins each package that pyproject.toml names, in a version that it allows."""
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    groups = [*declared["project"]["optional-dependencies"].values(), *declared["dependency-groups"].values()]
    wanted = [Requirement(line) for group in groups for line in group if isinstance(line, str)]
    pins = [Requirement(line) for line in (ROOT / "constraints" / "dev.txt").read_text(encoding="utf-8").splitlines()]
    versions = {canonicalize_name(pin.name): str(pin.specifier).removeprefix("==") for pin in pins}
    unpinned = [
        str(need) for need in wanted if not need.specifier.contains(versions.get(canonicalize_name(need.name), "0"))
    ]
    assert unpinned == []
