"""`[tool.corral]`: what it may say, and how a mistake in it is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from corral.check.model import Level
from corral.check.settings import Settings
from corral.check.tool.config import KEYS, ConfigError, find_project, load_project


def configured(root: Path, text: str) -> Path:
    path = root / "pyproject.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_everything_can_be_set(tmp_path: Path) -> None:
    """Each key ends up in the settings or the project."""
    (tmp_path / "src" / "own").mkdir(parents=True)
    (tmp_path / "src" / "own" / "__init__.py").touch()
    project = load_project(
        str(
            configured(
                tmp_path,
                """
                [tool.corral]
                select = ["TG001", "orphaned-siblings"]
                extend-select = ["TG003"]
                ignore = ["TG1"]
                min-level = "note"
                per-file-ignores = { "scripts/*" = ["TG001"] }
                spawners = ["hass.async_create_task"]
                loop-names = ["reactor"]
                strong-task-factory = true
                test-patterns = ["check_*.py"]
                target-version = "py312"
                first-party = ["mine"]
                line-length = 120
                max-bytes = 1000
                exclude = ["a"]
                extend-exclude = ["b/*"]
                respect-gitignore = false
                baseline = "known.json"
                """,
            )
        )
    )
    assert project.settings == Settings(
        select=("TG001", "orphaned-siblings"),
        extend_select=("TG003",),
        ignore=("TG1",),
        min_level=Level.NOTE,
        per_file_ignores=(("scripts/*", ("TG001",)),),
        spawners=("hass.async_create_task",),
        loop_names=("reactor",),
        strong_task_factory=True,
        test_patterns=("check_*.py",),
        target=(3, 12),
        first_party=frozenset({"mine", "own"}),
        line_length=120,
        max_bytes=1000,
    )
    assert (project.exclude, project.gitignore, project.baseline) == (("a", "b/*"), False, str(tmp_path / "known.json"))


def test_every_setting_has_a_key() -> None:
    """What the analysis can be told, the configuration can say."""
    settings = {name.replace("_", "-").replace("target", "target-version") for name in Settings._fields}
    assert settings <= set(KEYS)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("spawner = []", r"\[tool\.corral\] has no key 'spawner'; did you mean 'spawners'\?"),
        ("min_level = 'note'", r"has no key 'min_level'; did you mean 'min-level'\?"),
        ("qqq = 1", r"has no key 'qqq'; there are select, extend-select"),
        ("select = 'TG001'", r"select: expected a list of strings, got 'TG001'"),
        ("select = ['TG01']", r"select: no rule is called 'TG01'; did you mean 'TG001'\?"),
        ("ignore = ['lost-tasks']", r"ignore: no rule is called 'lost-tasks'; did you mean 'lost-task'\?"),
        ("min-level = 'fatal'", r"min-level: expected one of note, warning, error, got 'fatal'"),
        ("strong-task-factory = 1", r"strong-task-factory: expected true or false, got 1"),
        ("per-file-ignores = ['x']", r"per-file-ignores: expected a table of glob = \[codes\], got \['x'\]"),
        ("per-file-ignores = { 'a' = ['nope'] }", r"per-file-ignores: no rule is called 'nope'"),
        ("exclude = ['[a']", r"exclude: the glob '\[a' matches nothing"),
        ("line-length = '88'", r"line-length: expected a number of columns above 0, got '88'"),
        ("max-bytes = 0", r"max-bytes: expected a number of bytes above 0, got 0"),
        ("target-version = '2.7'", r"target-version: expected a version such as '3\.11', got '2\.7'"),
        ("baseline = 3", r"baseline: expected a string, got 3"),
    ],
)
def test_mistakes_are_told(tmp_path: Path, line: str, message: str) -> None:
    """A wrong key or value is refused with the file, the key, what was expected and what was got."""
    path = configured(tmp_path, f"[tool.corral]\n{line}\n")
    with pytest.raises(ConfigError, match=message) as caught:
        load_project(str(path))
    assert str(caught.value).startswith(str(path))


@pytest.mark.parametrize("text", ["[tool.corral", "tool = 3", "[tool]\ncorral = []", "\udcff"])
def test_broken_files_are_told(tmp_path: Path, text: str) -> None:
    """A configuration that is no TOML, or whose tables are none, is refused with its path."""
    path = tmp_path / "pyproject.toml"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(ConfigError, match=r"pyproject\.toml"):
        find_project(str(tmp_path))


def test_missing_file_is_told(tmp_path: Path) -> None:
    """`--config` with a file that is not there names it."""
    with pytest.raises(ConfigError, match=r"nope\.toml: No such file"):
        load_project(str(tmp_path / "nope.toml"))


def test_nearest_configuration_holds(tmp_path: Path) -> None:
    """A file belongs to the nearest `pyproject.toml` above it that speaks of corral."""
    configured(tmp_path, "[tool.corral]\nmin-level = 'error'\n")
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    configured(tmp_path / "a", "[project]\nname = 'a'\n")
    assert find_project(str(inner)).root == str(tmp_path)
    assert find_project(str(inner)).settings.min_level is Level.ERROR
    configured(inner, "[tool.corral]\n")
    assert find_project(str(inner)).root == str(inner)


def test_without_configuration_the_project_is_the_root(tmp_path: Path) -> None:
    """With no word of corral anywhere, globs are relative to the folder of the nearest `pyproject.toml`, and its Python counts."""
    inner = tmp_path / "a"
    inner.mkdir()
    configured(tmp_path, "[project]\nname = 'a'\nrequires-python = '>=3.12,<4'\n")
    project = find_project(str(inner))
    assert (project.root, project.settings.target) == (str(tmp_path), (3, 12))


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("", 88),
        ("[tool.ruff]\nline-length = 100\n[tool.black]\nline-length = 90\n", 100),
        ("[tool.black]\nline-length = 90\n[tool.isort]\nline_length = 79\n", 90),
        ("[tool.isort]\nprofile = 'google'\nline_length = 79\n", 79),
        ("[tool.ruff]\nline-length = 100\n[tool.corral]\nline-length = 60\n", 60),
        ("[tool.ruff]\nline-length = 'long'\n", 88),
        ("[tool]\nruff = 3\n", 88),
    ],
)
def test_lines_are_as_long_as_the_projects_other_tools_have_them(tmp_path: Path, text: str, length: int) -> None:
    """Whoever breaks the project's lines says how long they may be; a mistake of another tool's configuration is its own to tell."""
    configured(tmp_path, text)
    assert find_project(str(tmp_path)).settings.line_length == length


def test_a_repository_is_a_project(tmp_path: Path) -> None:
    """Where no folder has a `pyproject.toml`, the nearest repository is the root."""
    (tmp_path / ".git").mkdir()
    inner = tmp_path / "a"
    inner.mkdir()
    assert find_project(str(inner)).root == str(tmp_path)
