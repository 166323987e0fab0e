"""`corral explain`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from corral.check.registry import META, RULES
from corral.check.tool.config import nearest


def _complete(typed: str) -> list[tuple[str, str]]:
    return [(rule.code, rule.name) for rule in RULES.values() if rule.code.startswith(typed.upper())]


def explain(
    rules: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="RULE", help="Codes or names, such as `TG001` or `lost-task`.", autocompletion=_complete
        ),
    ] = None,
) -> None:
    """Show the page of a rule: what it finds, why that is bad, and what to write.

    Without a rule: the list of them.

    Exit status: 0, or 2 if there is no such rule.
    """
    if not rules:
        for rule in RULES.values():
            typer.echo(f"{rule.code}  {rule.name:<20}  {rule.summary}")
        for code, (name, summary) in META.items():
            typer.echo(f"{code}  {name:<20}  {summary}")
        return
    for page in [_page(named) for named in rules]:
        _show(page)


def _page(named: str) -> str:
    for rule in RULES.values():
        if named.upper() == rule.code or named == rule.name:
            return rule.text()
    for code, (name, summary) in META.items():
        if named.upper() == code or named == name:
            return f"# {code}: {name}\n\n{summary}.\n"
    hint = nearest(named, [*RULES, *(rule.name for rule in RULES.values())])
    raise typer.BadParameter(f"no rule is called {named!r}; {hint}", param_hint="RULE")


def _show(page: str) -> None:
    if not sys.stdout.isatty():
        typer.echo(page.rstrip("\n"))
        return
    from rich.console import Console
    from rich.markdown import Markdown

    console = Console()
    console.print(Markdown(page), width=min(console.width, 100))
