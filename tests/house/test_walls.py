"""The walls between the rooms, read off the imports, and the map of them in CONTRIBUTING.md."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.house.source import ROOT, modules

# A room is a folder of the package; the modules beside `__init__.py` are the verbs. Who may know of whom (DESIGN §7):
MAY_IMPORT = {
    "verbs": {"scale"},  # when `executor=` is given; that `import corral` loads nothing of it is tested below
    "scale": {"verbs"},
    "job": {"verbs", "scale"},
    "check": set(),
    "guard": set(),
    "cli": {"verbs", "scale", "job", "check", "guard"},
}
# What is not of the standard library, and may be imported: in all rooms but the first three it is an extra.
OUTSIDE = {
    "verbs": {"tqdm"},
    "scale": {"ray", "uvloop"},
    "job": {"aiolimiter", "distributed", "msgspec", "ray", "rich", "stamina", "uvloop"},
    "check": {"lsprotocol", "markdown_it", "pygls", "pygments", "rich"},
    "guard": {"_corral_pytestplugin", "pytest"},  # its plugin's entry point stands beside the package
    "cli": {"aiohttp", "distributed", "ray", "rich", "typer", "uvloop"},
}


def room_of(module: str) -> str | None:
    """`corral.job.runner` is in `job`, `corral.stream` in `verbs`; `corral` itself is the front door, and in none."""
    parts = module.split(".")
    if len(parts) == 1:
        return None
    return parts[1] if parts[1] in MAY_IMPORT else "verbs"


def named(path: str) -> str:
    """`src/corral/job/__init__.py` is `corral.job`."""
    return path.removeprefix("src/").removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def imports(path: str, tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Every module that is imported, at the top, inside a function, or by its name as a string, with the line."""
    package = named(path) if path.endswith("/__init__.py") else named(path).rpartition(".")[0]
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from ((alias.name, node.lineno) for alias in names)
            case ast.ImportFrom(module=module, names=names, level=level):
                above = package.rsplit(".", level - 1)[0] if level else ""
                start = ".".join(part for part in (above, module) if part)
                yield from ((f"{start}.{alias.name}", node.lineno) for alias in names)
            case ast.Constant(value=str(text)) if re.fullmatch(r"corral(\.\w+)+(:\w+)?", text):
                yield text.partition(":")[0], node.lineno
            case _:
                pass


def crossings() -> Iterator[tuple[str, str, str]]:
    """Room, what it imports (a room, or a package from outside), and where."""
    for path, tree in modules().items():
        here = room_of(named(path))
        for module, line in imports(path, tree):
            top = module.partition(".")[0]
            there = room_of(module) if top == "corral" else top
            if here and there and there != here and there not in sys.stdlib_module_names:
                yield here, there, f"{path}:{line} imports {module}"


def test_rooms_keep_to_themselves() -> None:
    """The verbs, the checker and the guard know of nobody; scale builds on the verbs, the job on both, the command on all."""
    through = [where for here, there, where in crossings() if there in MAY_IMPORT and there not in MAY_IMPORT[here]]
    assert through == []


def test_dependencies_stay_in_their_rooms() -> None:
    """Only the rooms that have an extra import what it installs."""
    strangers = [where for here, there, where in crossings() if there not in MAY_IMPORT and there not in OUTSIDE[here]]
    assert strangers == []


def test_front_door_opens_the_verbs_only() -> None:
    """`corral/__init__.py` is imports of the verbs and a sorted `__all__`, nothing else."""
    tree = modules()["src/corral/__init__.py"]
    docstring, *body = tree.body
    *imported, names = body
    assert isinstance(docstring, ast.Expr)
    assert all(isinstance(node, ast.ImportFrom) and room_of(node.module or "") == "verbs" for node in imported)
    assert isinstance(names, ast.Assign)
    assert isinstance(names.value, ast.List)
    listed = [element.value for element in names.value.elts if isinstance(element, ast.Constant)]
    assert listed == sorted(listed)


@pytest.mark.parametrize("module", ["corral", "corral.guard", "corral.check", "corral.cli"])
def test_import_costs_nothing_from_outside(module: str) -> None:
    """Importing the verbs, the guard, the checker or the command loads the standard library and that room, nothing else."""
    program = f"import sys; before = set(sys.modules); import {module}; print(*sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = done.stdout.split()
    room = room_of(module)
    other = {name for name in loaded if name.startswith("corral.") and room_of(name) not in {room, "verbs"}}
    outside = {name for name in loaded if name.partition(".")[0] not in {*sys.stdlib_module_names, "corral"}}
    outside = {
        name for name in outside if not name.startswith("_sysconfigdata")
    }  # sysconfig's, named after the platform
    assert module in loaded
    assert (other, outside) == (set(), set())


def test_module_map_is_the_truth() -> None:
    """The table in CONTRIBUTING.md names, for each room, exactly the rooms that its modules import."""
    rows = re.findall(
        r"^\| `?(\w+)`? \|[^|]*\|([^|]*)\|", (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    drawn = {room: set(re.findall(r"\w+", others)) for room, others in rows if room in MAY_IMPORT}
    seen: dict[str, set[str]] = {room: set() for room in MAY_IMPORT}
    for here, there, _ in crossings():
        if there in MAY_IMPORT:
            seen[here].add(there)
    assert drawn == seen
