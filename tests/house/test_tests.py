"""The tests themselves: each says which promise it keeps."""

from __future__ import annotations

import ast

from tests.house.source import ROOT, functions, modules


def test_every_test_has_a_promise() -> None:
    """Each test function has a docstring: the sentence that is false when it fails."""
    silent = [
        f"{path}:{function.lineno} {function.name}"
        for path, tree in modules(ROOT / "tests").items()
        if path.rpartition("/")[2].startswith("test_")
        for function in functions(tree)
        if function.name.startswith("test_") and function in top_level(tree) and not ast.get_docstring(function)
    ]
    assert silent == []


def top_level(tree: ast.Module) -> set[ast.stmt]:
    """What pytest collects: functions of the module and of its classes, not those made inside a test."""
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    return {node for parent in (tree, *classes) for node in parent.body}
