"""The options of `corral check`, as types that typer reads."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import typer

from corral.check.tool.config import selectors
from corral.cli.check_call import Format, Lowest

RULES, FIXES, FILES, OUTPUT = "Rules", "Fixes", "Files", "Output"


def _codes(values: list[str] | None) -> list[str] | None:
    """`--select TG001,TG002 --select TG003`, taken apart."""
    codes = [code.strip() for value in values or () for code in value.split(",") if code.strip()]
    try:
        return list(selectors(codes)) if values else None
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


Paths: TypeAlias = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="PATHS", help="Files and folders; `-` reads standard input.", show_default="the current folder"
    ),
]
Select: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--select",
        metavar="CODES",
        callback=_codes,
        help="Run these rules, whatever is configured.",
        rich_help_panel=RULES,
    ),
]
ExtendSelect: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--extend-select", metavar="CODES", callback=_codes, help="Run these rules too.", rich_help_panel=RULES
    ),
]
Ignore: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--ignore", metavar="CODES", callback=_codes, help="Leave these rules out.", rich_help_panel=RULES),
]
MinLevel: TypeAlias = Annotated[
    Lowest | None,
    typer.Option(help="Show and mend findings from this level on.", show_default="warning", rich_help_panel=RULES),
]
Fix: TypeAlias = Annotated[bool, typer.Option("--fix", help="Write the safe fixes.", rich_help_panel=FIXES)]
UnsafeFixes: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--unsafe-fixes",
        help="With `--fix` or `--diff`: also those that change what is cancelled or raised.",
        rich_help_panel=FIXES,
    ),
]
Diff: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--diff", help="Print what `--fix` would change, change nothing; exit 1 if it would.", rich_help_panel=FIXES
    ),
]
BaselineFile: TypeAlias = Annotated[
    str | None,
    typer.Option("--baseline", metavar="FILE", help="Leave out what this file knows.", rich_help_panel=FILES),
]
WriteBaseline: TypeAlias = Annotated[
    str | None, typer.Option(metavar="FILE", help="Write what is found to this file, as known.", rich_help_panel=FILES)
]
StdinFilename: TypeAlias = Annotated[
    str | None, typer.Option(metavar="NAME", help="The name of what `-` reads.", rich_help_panel=FILES)
]
Config: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--config", metavar="FILE", help="Settings from here, not the nearest pyproject.toml.", rich_help_panel=FILES
    ),
]
ForceExclude: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--force-exclude",
        help="Leave out what `exclude` names, even where it is named here: for hooks.",
        rich_help_panel=FILES,
    ),
]
NoCache: TypeAlias = Annotated[
    bool, typer.Option("--no-cache", help="Neither read nor write `.corral_cache`.", rich_help_panel=FILES)
]
Workers: TypeAlias = Annotated[
    int | None,
    typer.Option(min=1, metavar="N", help="Processes at most.", show_default="one a processor", rich_help_panel=FILES),
]
ReportFormat: TypeAlias = Annotated[
    Format, typer.Option("--format", help="How findings are shown.", rich_help_panel=OUTPUT)
]
OutputFile: TypeAlias = Annotated[
    str | None,
    typer.Option("--output-file", "-o", metavar="FILE", help="Write the report here.", rich_help_panel=OUTPUT),
]
Statistics: TypeAlias = Annotated[
    bool, typer.Option("--statistics", help="Show a count a rule instead of the findings.", rich_help_panel=OUTPUT)
]
Quiet: TypeAlias = Annotated[bool, typer.Option("--quiet", "-q", help="No summary.", rich_help_panel=OUTPUT)]
ExitZero: TypeAlias = Annotated[
    bool, typer.Option("--exit-zero", help="Exit 0 whatever is found.", rich_help_panel=OUTPUT)
]
ExitNonZeroOnFix: TypeAlias = Annotated[
    bool,
    typer.Option("--exit-non-zero-on-fix", help="Exit 1 if anything was mended: for hooks.", rich_help_panel=OUTPUT),
]
