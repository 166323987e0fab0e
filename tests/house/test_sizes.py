"""What is too long is a missing concept."""

from __future__ import annotations

from tests.house.source import ROOT, functions, length, modules

README_LINES = 130
MODULE_LINES = 300
FUNCTION_LINES = 40
SAYS_NOTHING = {"utils.py", "helpers.py", "common.py", "misc.py", "util.py", "compat.py"}


def test_readme_fits_in_a_few_screens() -> None:
    """A stranger knows within a screen whether to stay, and has read it all in five."""
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= README_LINES


def test_modules_are_short() -> None:
    """No module of the package is longer than 300 lines."""
    sizes = {path: len((ROOT / path).read_text(encoding="utf-8").splitlines()) for path in modules()}
    assert {path: size for path, size in sizes.items() if size > MODULE_LINES} == {}


def test_functions_are_short() -> None:
    """No function of the package is longer than 40 lines, its docstring not counted."""
    long = [
        f"{path}:{function.lineno} {function.name}: {length(function)} lines"
        for path, tree in modules().items()
        for function in functions(tree)
        if length(function) > FUNCTION_LINES
    ]
    assert long == []


def test_modules_have_names() -> None:
    """No module of the project is called after nothing in particular."""
    assert [path for path in modules(ROOT) if path.rpartition("/")[2] in SAYS_NOTHING] == []
