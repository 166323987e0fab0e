"""The arguments of `corral check`, read without typer, which with what it imports takes longer than most checks.

This knows nothing but the options' names. Whatever it does not know for sure (help, a mistake, an abbreviation) it leaves to typer,
which is what explains, completes and complains; a test holds the two against each other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from corral.check.tool.config import selectors
from corral.cli.check_call import Call, Format, Lowest


def codes(value: str) -> list[str]:
    """`TG001,TG002`, taken apart. Fails: `ValueError`."""
    found = list(selectors([code.strip() for code in value.split(",") if code.strip()]))
    if not found:
        raise ValueError(value)
    return found


def processes(value: str) -> int:
    """A number from 1 on. Fails: `ValueError`."""
    if not (value.isascii() and value.isdecimal() and int(value)):
        raise ValueError(value)
    return int(value)


FLAGS = {
    f"--{name}": name.replace("-", "_")
    for name in ("fix unsafe-fixes diff force-exclude no-cache statistics quiet exit-zero exit-non-zero-on-fix").split()
} | {"-q": "quiet"}
TAKE: dict[str, tuple[str, Callable[[str], Any]]] = {
    "--select": ("select", codes),
    "--extend-select": ("extend_select", codes),
    "--ignore": ("ignore", codes),
    "--min-level": ("min_level", Lowest),
    "--baseline": ("baseline", str),
    "--write-baseline": ("write_baseline", str),
    "--stdin-filename": ("stdin_filename", str),
    "--config": ("config", str),
    "--workers": ("workers", processes),
    "--format": ("report", Format),
    "--output-file": ("output_file", str),
    "-o": ("output_file", str),
}


def read(arguments: Sequence[str]) -> Call | None:
    """The call that the arguments after `corral check` make; None when that is for typer to say."""
    found: dict[str, Any] = {}
    rest = iter(arguments)
    try:
        for argument in rest:
            if not argument.startswith("-") or argument == "-":
                found.setdefault("paths", []).append(argument)
            elif argument in FLAGS:
                found[FLAGS[argument]] = True
            else:
                option, equals, value = argument.partition("=")
                if equals and not option.startswith("--"):
                    return None
                name, convert = TAKE[option]
                new = convert(value if equals else next(rest))
                found[name] = [*found.get(name, ()), *new] if isinstance(new, list) else new
    except (KeyError, ValueError, StopIteration):
        return None
    return Call(**found)
