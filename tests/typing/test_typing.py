"""What four type checkers infer and refuse, held line by line; and that the types are true when the program runs."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.typing import accept

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
ACCEPT, REJECT, PACKAGE = "tests/typing/accept.py", "tests/typing/reject.py", "src/corral"

Blamed = dict[tuple[str, int], str]


def run(*command: str) -> subprocess.CompletedProcess[str]:
    """From the root, where the checkers find their part of pyproject.toml."""
    # pyright takes the packages of the first Python on PATH, whatever `--pythonpath` says, when it verifies types.
    env = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
    return subprocess.run(
        [BIN / command[0], *command[1:]], cwd=ROOT, env=env, capture_output=True, text=True, check=False
    )


def by_line(done: subprocess.CompletedProcess[str], pattern: str) -> Blamed:
    """Reads `file:line: message` output; a checker that fails without blaming a line has broken down."""
    blamed = {(m["file"], int(m["line"])): m["message"] for m in re.finditer(pattern, done.stdout, re.MULTILINE)}
    assert blamed or done.returncode == 0, f"{done.args} broke down:\n{done.stdout}\n{done.stderr}"
    return blamed


def mypy(path: str) -> Blamed:
    cache = f"--cache-dir=.mypy_cache/{path.replace('/', '-')}"  # runs side by side must not share one
    done = run("mypy", "--no-error-summary", cache, path)
    return by_line(done, r"^(?P<file>[^:\n]+):(?P<line>\d+): error: (?P<message>.*)$")


def pyright(path: str) -> Blamed:
    report = json.loads(run("pyright", "--outputjson", "--pythonpath", sys.executable, path).stdout)
    assert report["summary"]["filesAnalyzed"] > 0, report
    return {
        (str(Path(found["file"]).relative_to(ROOT)), found["range"]["start"]["line"] + 1): found["message"]
        for found in report["generalDiagnostics"]
        if found["severity"] in {"error", "warning"}
    }


def pyrefly(path: str) -> Blamed:
    options = ["--config", "pyproject.toml", "--python-interpreter-path", sys.executable, "--summary", "none"]
    done = run("pyrefly", "check", *options, "--output-format", "json", path)
    assert done.stdout.startswith("{"), f"pyrefly broke down:\n{done.stdout}\n{done.stderr}"
    return {(found["path"], found["line"]): found["description"] for found in json.loads(done.stdout)["errors"]}


def ty(path: str) -> Blamed:
    done = run("ty", "check", "--output-format", "concise", "--python", sys.prefix, path)
    return by_line(done, r"^(?P<file>[^:\n]+):(?P<line>\d+):\d+: (?:error|warning)\[(?P<message>.*)$")


CHECKERS = {check.__name__: check for check in (mypy, pyright, pyrefly, ty)}


@pytest.fixture(params=CHECKERS)
def check(request: pytest.FixtureRequest) -> Callable[[str], Blamed]:
    """Each checker in turn: files to blame."""
    assert (BIN / request.param).exists(), f"{request.param} is not installed here: these tests run in `nox -s types`"
    return CHECKERS[request.param]


@pytest.mark.typing
@pytest.mark.parametrize("path", [PACKAGE, ACCEPT])
def test_finds_nothing(check: Callable[[str], Blamed], path: str) -> None:
    """No checker, at its strictest, has anything to say about the package, or about what its users may write."""
    assert check(path) == {}


@pytest.mark.typing
def test_refuses_what_is_wrong(check: Callable[[str], Blamed]) -> None:
    """Every line of reject.py that ends in `# E` is blamed by every checker, and no other line is."""
    lines = Path(ROOT, REJECT).read_text(encoding="utf-8").splitlines()
    wanted = {number for number, line in enumerate(lines, 1) if line.endswith("# E")}
    blamed = {line: message for (_, line), message in check(REJECT).items()}
    missed = [f"{line}: {lines[line - 1].strip()}" for line in sorted(wanted - blamed.keys())]
    spurious = [f"{line}: {lines[line - 1].strip()}: {blamed[line]}" for line in sorted(blamed.keys() - wanted)]
    assert (missed, spurious) == ([], [])


@pytest.mark.typing
def test_every_public_type_is_known() -> None:
    """`pyright --verifytypes` finds every symbol of the installed package typed, in full: 100 %."""
    done = run("pyright", "--verifytypes", "corral", "--ignoreexternal", "--outputjson")
    report = json.loads(done.stdout)["typeCompleteness"]
    unknown = [symbol["name"] for symbol in report["symbols"] if symbol["isExported"] and not symbol["isTypeKnown"]]
    assert (unknown, report["completenessScore"]) == ([], 1)


def test_types_are_true_at_run_time() -> None:
    """accept.py runs to its end: no overload accepts a call that fails, and `list` and `tuple` are what they are called."""
    asyncio.run(accept.main())
