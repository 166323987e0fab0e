"""`--format sarif`: the static analysis results interchange format, version 2.1.0 (OASIS)."""

from __future__ import annotations

import json
import os
from importlib.metadata import version
from pathlib import Path
from typing import TextIO
from urllib.parse import quote

from corral.check.model import Finding, Fix
from corral.check.registry import META, RULES
from corral.check.report.source_text import SourceText
from corral.check.report.sources import Sources
from corral.check.tool.result import Result

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


def write(result: Result, out: TextIO) -> None:
    """Write a log with one run; its rules are the whole catalogue, whatever was found."""
    sources = Sources(result)
    codes = [*META, *RULES]
    driver = {
        "name": "corral",
        "version": version("corral"),
        "semanticVersion": version("corral"),
        "rules": [_rule(code) for code in codes],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {"SRCROOT": {"uri": Path.cwd().as_uri() + "/"}},
        "results": [_result(finding, codes.index(finding.code), sources) for finding in result.findings],
    }
    json.dump({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, out, indent=2)
    out.write("\n")


def _rule(code: str) -> dict[str, object]:
    if code in META:
        name, summary = META[code]
        return {"id": code, "name": name, "shortDescription": {"text": f"{summary}."}}
    rule = RULES[code]
    page = rule.text()
    return {
        "id": code,
        "name": rule.name,
        "shortDescription": {"text": f"{rule.summary}."},
        "fullDescription": {"text": f"{rule.summary}."},
        "help": {"text": page, "markdown": page},
    }


def _result(finding: Finding, index: int, sources: Sources) -> dict[str, object]:
    location = _location(finding.path)
    entry: dict[str, object] = {
        "ruleId": finding.code,
        "ruleIndex": index,
        "level": finding.level.label,
        "message": {"text": f"{finding.message} {finding.advice}"},
        "locations": [{"physicalLocation": {"artifactLocation": location, "region": _region(finding)}}],
    }
    if finding.fix:
        entry["fixes"] = [_fix(finding.fix, location, sources[finding.path])]
    return entry


def _region(finding: Finding) -> dict[str, int]:
    span = finding.span
    return {"startLine": span.row, "startColumn": span.column, "endLine": span.end_row, "endColumn": span.end_column}


def _location(path: str) -> dict[str, object]:
    relative = os.path.relpath(path)
    if relative.startswith(".."):
        return {"uri": Path(path).absolute().as_uri()}
    return {"uri": quote(relative.replace(os.sep, "/")), "uriBaseId": "SRCROOT"}


def _fix(fix: Fix, location: dict[str, object], source: SourceText) -> dict[str, object]:
    about = fix.title if fix.safe else f"{fix.title} (unsafe: {fix.caveat})"
    replacements: list[dict[str, object]] = []
    for edit in fix.edits:
        (row, column), (end_row, end_column) = source.place(edit.start), source.place(edit.end)
        region = {"startLine": row, "startColumn": column, "endLine": end_row, "endColumn": end_column}
        replacements.append({"deletedRegion": region, "insertedContent": {"text": edit.text}})
    return {
        "description": {"text": about},
        "artifactChanges": [{"artifactLocation": location, "replacements": replacements}],
    }
