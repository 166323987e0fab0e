"""`--format concise`: a line for each finding."""

from __future__ import annotations

from typing import TextIO

from corral.check.model import Finding
from corral.check.report.excerpt import printable
from corral.check.tool.result import Result


def write(result: Result, out: TextIO) -> None:
    """Write `path:row:column: CODE name: message`, with `[*]` where a safe fix is at hand and `[+]` where an unsafe one is."""
    out.writelines(headline(finding) + "\n" for finding in result.findings)


def headline(finding: Finding) -> str:
    """The finding in one line."""
    mark = "" if finding.fix is None else "[*] " if finding.fix.safe else "[+] "
    place = f"{finding.path}:{finding.span.row}:{finding.span.column}"
    return printable(f"{place}: {finding.level.label}: {finding.code} {mark}{finding.name}: {finding.message}")
