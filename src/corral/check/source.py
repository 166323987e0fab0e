"""One file, checked: parsed once, every rule over the same model, suppressions applied."""

from __future__ import annotations

import ast
import sys
import warnings
from dataclasses import dataclass
from typing import final

from corral.check.cannot import BEGIN, cannot_check
from corral.check.model import Finding, Level, Span
from corral.check.noqa import suppress
from corral.check.registry import RULES, expand
from corral.check.settings import Settings
from corral.check.text import CannotDecode, Text
from corral.check.unit import Unit, matches
from corral.check.walk import build

OWN_MISTAKE = "a mistake of Corral's own stopped the check"


@final
@dataclass(frozen=True, slots=True)
class Report:
    """What was found in one file: hazards, that it cannot be checked (TG000), suppressions nobody needs (TG100); by place."""

    path: str
    findings: tuple[Finding, ...]

    def shown(self, min_level: Level) -> tuple[Finding, ...]:
        """The findings a user sees: at or above `min_level`, and not suppressed."""
        return tuple(f for f in self.findings if f.level >= min_level and not f.suppressed)


class CannotParse(Exception):
    """This Python cannot make a tree of the file."""

    def __init__(self, message: str, span: Span) -> None:
        super().__init__(message)
        self.span = span


def chosen(path: str, settings: Settings) -> frozenset[str]:
    """The codes of the rules that run on this file."""
    ignored = settings.ignore
    for pattern, codes in settings.per_file_ignores:
        if matches(path, pattern):
            ignored += codes
    return expand(settings.select + settings.extend_select) - expand(ignored)


def parse(text: str) -> ast.Module:
    """The file's tree; every way in which the parser gives up is a `CannotParse` with the place."""
    python = f"Python {sys.version_info.major}.{sys.version_info.minor}"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # an invalid escape is not ours to report, and must not become an error under -W error
            return ast.parse(text)
    except SyntaxError as e:
        row, column = max(e.lineno or 1, 1), max(e.offset or 1, 1)
        raise CannotParse(f"{python} cannot parse the file: {e.msg}", Span(row, column, row, column + 1)) from None
    except (RecursionError, MemoryError):
        raise CannotParse(f"{python} cannot parse the file: it is nested too deeply", BEGIN) from None
    except ValueError as e:  # pragma: no cover - null bytes, which are a SyntaxError from Python 3.12 on
        raise CannotParse(f"{python} cannot parse the file: {e}", BEGIN) from None


def read(data: bytes, path: str, settings: Settings) -> Unit:
    """The file as the rules see it.

    Fails:
        `CannotDecode`, `CannotParse`.
    """
    text = Text(data)
    return Unit(text, build(parse(text.text)), path, settings)


def check_source(data: bytes, path: str, settings: Settings) -> Report:
    """Find every hazard in one file's bytes; never raises, whatever the bytes are.

    Args:
        data: The file as it is on disk.
        path: What the findings say, what `per_file_ignores` and `test_patterns` match, and never opened.
        settings: Which rules run, and what the project says about itself.

    Cost:
        One parse, one walk, and then only the places where a name of asyncio's stands.
    """
    if len(data) > settings.max_bytes:
        why = f"the file has {len(data) / 1e6:.1f} MB, and more than {settings.max_bytes / 1e6:.1f} MB is not parsed"
        return Report(path, (cannot_check(path, why),))
    try:
        unit = read(data, path, settings)
        codes = chosen(path, settings)
        found = [f for rule in RULES.values() if rule.code in codes for f in rule.check(unit)]
        report = Report(path, tuple(sorted(suppress(unit, found, codes), key=place)))
        unit.release()
    except CannotDecode as e:
        return Report(path, (cannot_check(path, f"the file is {e}"),))
    except CannotParse as e:
        return Report(path, (cannot_check(path, str(e), e.span),))
    except RecursionError:
        return Report(path, (cannot_check(path, "the code is nested too deeply to be followed"),))
    except Exception as e:  # one file that is not understood must not cost the findings of all the others
        return Report(path, (cannot_check(path, f"{OWN_MISTAKE} ({e!r}): please report it"),))
    else:
        return report


def place(finding: Finding) -> tuple[int, int, str]:
    """The order of a report."""
    return (finding.span.row, finding.span.column, finding.code)
