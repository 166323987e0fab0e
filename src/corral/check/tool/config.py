"""`[tool.corral]` in `pyproject.toml`: found, read, and refused with the nearest name when a key is not ours."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, TypeAlias, TypeGuard, cast, final

from corral.check.model import Level
from corral.check.settings import Settings
from corral.check.tool.discover import DEFAULT_EXCLUDES, glob_source

Strings: TypeAlias = tuple[str, ...]


class ConfigError(Exception):
    """The configuration says something that cannot be meant; the message says where, what was expected and what was got."""


@final
class Project(NamedTuple):
    """What holds for the files below `root`.

    Args:
        root: The folder of the configuration; globs and baselines are relative to it.
        settings: What the analysis is told.
        exclude: Globs of what is left out of a walk.
        gitignore: Whether what git ignores is left out too.
        baseline: The baseline file, if the configuration names one.
    """

    root: str
    settings: Settings = Settings()
    exclude: Strings = DEFAULT_EXCLUDES
    gitignore: bool = True
    baseline: str | None = None


def find_project(start: str) -> Project:
    """The project that the file or folder `start` belongs to: the nearest `pyproject.toml` above it with a `[tool.corral]`.

    Without one the root is the nearest folder with a `pyproject.toml` or a `.git`, or else the current folder.

    Fails: `ConfigError`.
    """
    folder = os.path.abspath(start)
    root: tuple[str, dict[str, Any]] | None = None
    while True:
        path = os.path.join(folder, "pyproject.toml")
        if os.path.isfile(path):
            table = _read(path)
            if "corral" in _table(table, "tool", path):
                return project_from(table, path)
            root = root or (folder, table)
        elif root is None and os.path.lexists(os.path.join(folder, ".git")):
            root = (folder, {})
        parent = os.path.dirname(folder)
        if parent == folder:
            break
        folder = parent
    place, table = root or (os.getcwd(), {})
    return project_from(table, os.path.join(place, "pyproject.toml"))


def load_project(path: str) -> Project:
    """The project that the configuration file `path` describes. Fails: `ConfigError`."""
    return project_from(_read(path), path)


def _read(path: str) -> dict[str, Any]:
    import tomllib

    try:
        with open(path, "rb") as file:
            return tomllib.load(file)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not valid TOML: {error}") from error


def _table(parent: Mapping[str, Any], name: str, path: str) -> dict[str, Any]:
    table: Any = parent.get(name, {})
    if not isinstance(table, dict):
        raise ConfigError(f"{path}: expected a table [{name}], got {table!r}")
    return cast("dict[str, Any]", table)


def project_from(document: Mapping[str, Any], path: str) -> Project:
    """The project of a parsed `pyproject.toml` that stands at `path`. Fails: `ConfigError`."""
    root = os.path.dirname(os.path.abspath(path))
    options = _table(_table(document, "tool", path), "corral", path)
    values: dict[str, Any] = {}
    for key, value in options.items():
        if key not in KEYS:
            raise ConfigError(f"{path}: [tool.corral] has no key {key!r}; {nearest(key, KEYS)}")
        try:
            values[key] = KEYS[key](value)
        except ValueError as error:
            raise ConfigError(f"{path}: [tool.corral] {key}: {error}") from error
    exclude = (*values.pop("exclude", DEFAULT_EXCLUDES), *values.pop("extend-exclude", ()))
    gitignore = values.pop("respect-gitignore", True)
    baseline = values.pop("baseline", None)
    settings: dict[str, Any] = {key.replace("-", "_"): value for key, value in values.items()}
    settings["target"] = settings.pop("target_version", None) or _oldest_python(_table(document, "project", path))
    settings["first_party"] = frozenset(settings.get("first_party", ())) | _own_modules(root)
    settings.setdefault("line_length", _line_length(_table(document, "tool", path)))
    found = os.path.join(root, baseline) if baseline else None
    return Project(root, Settings(**settings), exclude, gitignore, found)


def nearest(name: str, names: Iterable[str]) -> str:
    """A hint at what `name` was meant to be, of what there is."""
    import difflib

    known = list(names)
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"did you mean {close[0]!r}?" if close else f"there are {', '.join(known)}"


def selectors(value: object) -> Strings:
    """Rule codes, prefixes, names or `ALL`, each of which names at least one rule. Fails: `ValueError`."""
    from corral.check.registry import META, RULES

    names = {code: rule.name for code, rule in RULES.items()} | {code: name for code, (name, _) in META.items()}
    for selector in _strings(value):
        if (
            selector != "ALL"
            and selector not in names.values()
            and not any(code.startswith(selector) for code in names)
        ):
            hint = nearest(selector, [*names, *names.values(), "ALL"])
            raise ValueError(f"no rule is called {selector!r}; {hint}")
    return _strings(value)


def level(value: object) -> Level:
    """A level by its name. Fails: `ValueError`."""
    for each in Level:
        if value == each.label:
            return each
    raise ValueError(f"expected one of {', '.join(each.label for each in Level)}, got {value!r}")


def _strings(value: Any) -> Strings:
    if isinstance(value, (list, tuple)) and all(isinstance(item, str) for item in cast("Iterable[object]", value)):
        return tuple(cast("Iterable[str]", value))
    raise ValueError(f"expected a list of strings, got {value!r}")


def _globs(value: object) -> Strings:
    for glob in _strings(value):
        glob_source(glob)
    return _strings(value)


def _string(value: object) -> str:
    if isinstance(value, str) and value:
        return value
    raise ValueError(f"expected a string, got {value!r}")


def _flag(value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise ValueError(f"expected true or false, got {value!r}")


def _is_positive(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _bytes(value: object) -> int:
    if _is_positive(value):
        return value
    raise ValueError(f"expected a number of bytes above 0, got {value!r}")


def _columns(value: object) -> int:
    if _is_positive(value):
        return value
    raise ValueError(f"expected a number of columns above 0, got {value!r}")


def _ignores_by_glob(value: Any) -> tuple[tuple[str, Strings], ...]:
    if isinstance(value, dict):
        table = cast("dict[str, object]", value)
        return tuple((_globs([glob])[0], selectors(codes)) for glob, codes in table.items())
    raise ValueError(f"expected a table of glob = [codes], got {value!r}")


def _version(value: object) -> tuple[int, int]:
    match = re.fullmatch(r"(?:py)?3\.?(\d{1,2})", value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"expected a version such as '3.11', got {value!r}")
    return 3, int(match[1])


KEYS: dict[str, Callable[[object], Any]] = {
    "select": selectors,
    "extend-select": selectors,
    "ignore": selectors,
    "min-level": level,
    "per-file-ignores": _ignores_by_glob,
    "spawners": _strings,
    "loop-names": _strings,
    "strong-task-factory": _flag,
    "test-patterns": _globs,
    "target-version": _version,
    "first-party": _strings,
    "line-length": _columns,
    "max-bytes": _bytes,
    "exclude": _globs,
    "extend-exclude": _globs,
    "respect-gitignore": _flag,
    "baseline": _string,
}


def _oldest_python(project: Mapping[str, Any]) -> tuple[int, int]:
    wanted = project.get("requires-python")
    match = re.search(r">=?\s*3\.(\d+)", wanted) if isinstance(wanted, str) else None
    return (3, int(match[1])) if match else Settings().target


def _line_length(tools: Mapping[str, Any]) -> int:
    """What the tool says that breaks the project's lines; each finds its own mistakes."""
    for tool, key in (("ruff", "line-length"), ("black", "line-length"), ("isort", "line_length")):
        table: Any = tools.get(tool)
        length: Any = cast("dict[str, object]", table).get(key) if isinstance(table, dict) else None
        if _is_positive(length):
            return length
    return Settings().line_length


def _own_modules(root: str) -> frozenset[str]:
    """The modules at the root and in `src`, which is where projects keep what they can import themselves."""
    names: set[str] = set()
    for folder in (root, os.path.join(root, "src")):
        try:
            entries = list(os.scandir(folder))
        except OSError:
            continue
        names.update(entry.name.removesuffix(".py") for entry in entries if _importable(entry))
    return frozenset(name for name in names if name.isidentifier())


def _importable(entry: os.DirEntry[str]) -> bool:
    return entry.name.endswith(".py") or os.path.isfile(os.path.join(entry.path, "__init__.py"))
