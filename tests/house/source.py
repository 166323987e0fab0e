"""The tree as the tests of this folder read it: its files, its modules, its functions."""

from __future__ import annotations

import ast
import functools
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "corral"

Function = ast.FunctionDef | ast.AsyncFunctionDef


@functools.cache
def tracked() -> list[Path]:
    """What belongs to the project: what git tracks, or in an unpacked sdist every file that is not made by a command."""
    if (ROOT / ".git").exists():
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
        paths = (ROOT / name for name in listed.stdout.split("\0") if name)
        return [path for path in paths if path.is_file()]
    made = {".nox", ".venvs", "dist", "__pycache__", "_build"}
    walk = ((Path(top), files) for top, folders, files in os.walk(ROOT) if not made.intersection(Path(top).parts))
    return [top / name for top, files in walk for name in files]


@functools.cache
def text_of(path: Path) -> str | None:
    """None for a picture, or a specimen that is no text."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return None


def modules(under: Path = PACKAGE) -> dict[str, ast.Module]:
    """Every tracked module by its path from the root, parsed."""
    found = (path for path in tracked() if path.suffix == ".py" and path.is_relative_to(under))
    return {str(path.relative_to(ROOT)): ast.parse(path.read_text(encoding="utf-8")) for path in found}


def functions(tree: ast.AST) -> Iterator[Function]:
    """Those of classes and those inside others too."""
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def length(function: Function) -> int:
    """Lines from `def` to the end, its docstring not counted."""
    docstring = function.body[0] if ast.get_docstring(function) is not None else None
    said = (docstring.end_lineno or 0) - docstring.lineno + 1 if docstring else 0
    return (function.end_lineno or function.lineno) - function.lineno + 1 - said
