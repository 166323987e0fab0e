"""docs/check.md says all there is to say about the command."""

from __future__ import annotations

import re
import tomllib

import typer

from corral.check.registry import META, RULES
from corral.check.report import FORMATS
from corral.check.tool.config import KEYS, project_from
from corral.cli.check import check
from tests.house.source import ROOT

PAGE = (ROOT / "docs" / "check.md").read_text(encoding="utf-8")


def test_every_option_is_named() -> None:
    """The page names every option of the command, and no option that is not there."""
    app = typer.Typer()
    app.command()(check)
    command = typer.main.get_command(app)
    options = {name for parameter in command.params for name in parameter.opts if name.startswith("-")}
    assert options - {"--help", "--install-completion", "--show-completion"} <= set(
        re.findall(r"(?<![\w-])--?[a-z][\w-]*", PAGE)
    )


def test_every_key_is_named() -> None:
    """The example of `[tool.corral]` has every key that there is, and is taken as it stands."""
    (example,) = re.findall(r"```toml\n(\[tool\.corral\].*?)```", PAGE, re.DOTALL)
    document = tomllib.loads(example)
    assert set(document["tool"]["corral"]) == set(KEYS)
    project_from(document, "pyproject.toml")


def test_every_rule_and_format_is_named() -> None:
    """The page's tables are the registry and the formats."""
    assert re.findall(r"(?m)^\| \[?(TG\d+)\]?[^|]*\| `([\w-]+)` ", PAGE) == [
        *((rule.code, rule.name) for rule in RULES.values()),
        *((code, name) for code, (name, _) in META.items()),
    ]
    assert re.findall(r"(?m)^\| `(\w+)` \|", PAGE) == list(FORMATS)
