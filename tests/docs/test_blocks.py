"""Every program in README.md and docs/ is run, and what it is said to print is what it prints.

In a page:

- a `python` block is run, in the page's own namespace, after the blocks above it; `await` is allowed at its top;
- one whose first line is a comment with a file name (`# scraper.py`) is also saved under that name, and can be imported;
- an `output` block is what the `python` block before it printed; `...` stands for anything;
- `<!-- skip: next "why" -->` leaves out the next block, and says why.

In README.md, docs/check.md and docs/job.md the commands of a `console` block, the lines that begin with `$ `, are run, too, in the
folder of those files. What a command exits with, if not with 0, is said in its comment, `# exits with 1`; lines that follow it are what it
prints. What installs something is only compared with pyproject.toml, and `make` with the Makefile.

The pages of docs/rules/ are run by tests/check.
"""

from __future__ import annotations

import ast
import asyncio
import contextlib
import doctest
import inspect
import io
import re
import shlex
import subprocess
import sys
import tomllib
import unittest
from pathlib import Path

import pytest
from sybil import Document, Example
from sybil.parsers.markdown import CodeBlockParser, SkipParser

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
NEED_MORE = {"migrate", "recipes", "scale"}  # these show packages that are installed where the heavy tests run
COMMANDS_RUN = {"README.md", "check.md", "job.md"}
FILE_NAME = re.compile(r"# (\w+\.py)\n")
PRINTED = doctest.OutputChecker()


class Page:
    """Runs the blocks of one page, in a folder of its own."""

    def __init__(self) -> None:
        self.printed = ""

    def python(self, example: Example) -> None:
        """Fails where the page stands: the lines of a traceback are the page's."""
        source = str(example.parsed)
        if named := FILE_NAME.match(source):
            Path(named[1]).write_text(source, encoding="utf-8")
        padded = "\n" * (example.line + example.parsed.line_offset) + source
        code = compile(padded, example.path, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
        example.namespace.setdefault("__name__", named[1].removesuffix(".py") if named else "__main__")
        with contextlib.redirect_stdout(io.StringIO()) as out:
            if code.co_flags & inspect.CO_COROUTINE:
                asyncio.run(eval(code, example.namespace))
            else:
                exec(code, example.namespace)
        self.printed = out.getvalue()

    def output(self, example: Example) -> str:
        """Sybil takes a text as the complaint."""
        return compared(self.printed, str(example.parsed))

    def console(self, example: Example) -> str:
        """Runs the commands, one after another."""
        _, *commands = re.split(r"^\$ ", str(example.parsed), flags=re.MULTILINE)
        for command in commands:
            line, _, wanted = command.partition("\n")
            printed = run_command(line)
            if wanted and (complaint := compared(printed, wanted)):
                return f"$ {line}\n{complaint}"
        return ""


def compared(printed: str, wanted: str) -> str:
    """Empty if it is what the page says, up to white space and `...`."""
    if PRINTED.check_output(wanted, printed, doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE):
        return ""
    return f"printed:\n{printed}\nthe page says:\n{wanted}"


def run_command(line: str) -> str:
    """With the environment's own commands first, and no terminal; what it printed."""
    match shlex.split(line, comments=True):
        case ["pip" | "uv", *_, requirement]:
            extras = re.fullmatch(r"corral(?:\[([\w,]+)\])?", requirement)
            assert extras, f"{line}: installs something else"
            declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
            assert set(filter(None, (extras[1] or "").split(","))) <= declared.keys()
            return ""
        case ["make", *targets]:
            targets = [target for target in targets if "=" not in target]
            made = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
            assert set(targets) <= set(made), f"{line}: no such target"
            return ""
        case _:
            path = f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin"
            env = {"PATH": path, "COLUMNS": "200"}
            done = subprocess.run(["bash", "-ec", line], env=env, capture_output=True, text=True, check=False)
            status = re.search(r"# exits with (\d+)", line)
            assert done.returncode == (int(status[1]) if status else 0), f"$ {line}\n{done.stdout}{done.stderr}"
            return done.stdout


@pytest.fixture
def folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the page's files are, and can be imported from."""
    monkeypatch.syspath_prepend(folder)
    return folder


def parse(path: Path) -> Document:
    """The blocks, in the order of the page."""
    page = Page()
    parsers = [SkipParser(), CodeBlockParser("python", page.python), CodeBlockParser("output", page.output)]
    if path.name in COMMANDS_RUN:
        parsers.append(CodeBlockParser("console", page.console))
    return Document.parse(str(path), *parsers)


def as_param(path: Path) -> object:
    return pytest.param(path, id=path.stem, marks=[pytest.mark.heavy] if path.stem in NEED_MORE else [])


@pytest.mark.parametrize("path", [as_param(path) for path in PAGES])
def test_page_runs(path: Path, folder: Path) -> None:
    """What the page shows works, and prints what the page says."""
    for example in parse(path):
        with contextlib.suppress(unittest.SkipTest):
            example.evaluate()


def test_pages_are_found() -> None:
    """The list of pages is not empty by mistake: each page that shows a program has blocks that are run."""
    assert len(PAGES) > 1
    for path in PAGES:
        shown = len(re.findall(r"^```(?:python|output)$", path.read_text(encoding="utf-8"), re.MULTILINE))
        assert len([example for example in parse(path) if not isinstance(example.parsed, tuple)]) >= shown


def test_links_lead_somewhere() -> None:
    """Every link of README.md and CONTRIBUTING.md to a file of the project finds one; those inside docs/ Sphinx checks."""
    pages = {name: (ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "CONTRIBUTING.md")}
    links = [(name, to) for name, text in pages.items() for to in re.findall(r"\]\((?!\w+:|#)([^)#]+)", text)]
    assert links
    assert [(name, to) for name, to in links if not (ROOT / to).exists()] == []


def test_commands_exist() -> None:
    """Every `make` command that CONTRIBUTING.md tells is a target of the Makefile, and it tells all of them but `help` and `clean`."""
    told = set(re.findall(r"`make (\w+)", (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")))
    made = set(re.findall(r"^(\w+):.*##", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert told - {"tests"} == made - {"help", "clean"}
