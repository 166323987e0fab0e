"""A finding with its code, in plain ASCII but for what the code itself says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TextIO

from corral.check.model import Finding
from corral.check.report.concise import headline
from corral.check.report.excerpt import cells, excerpt, printable, shown
from corral.check.report.preview import preview
from corral.check.report.sources import Sources
from corral.check.tool.result import Result


def write(result: Result, out: TextIO) -> None:
    """Write every finding, with an empty line after each."""
    sources = Sources(result)
    for finding in result.findings:
        out.writelines(line + "\n" for line in lines(finding, sources))
        out.write("\n")


def lines(finding: Finding, sources: Sources) -> Iterator[str]:
    """The lines of one finding."""
    source = sources[finding.path]
    yield headline(finding)
    code = list(excerpt(source, finding.span)) if source.data else []
    width = max((len(str(line.row)) for line in code), default=0)
    if code:
        yield f"{'':{width}} |"
    for line in code:
        yield f"{line.row:{width}} | {line.text}".rstrip()
        if line.start is not None and line.row == finding.span.row:
            caret = "^" * max(cells(line.text[line.start : line.end]), 1)
            yield f"{'':{width}} | {' ' * cells(line.text[: line.start])}{caret}"
    yield f"{'':{width}} = help: {printable(finding.advice)}"
    if finding.fix:
        safety = "fix" if finding.fix.safe else "unsafe fix"
        yield f"{'':{width}} = {safety}: {printable(finding.fix.title)}"
        if finding.fix.caveat:
            yield f"{'':{width}}   {printable(finding.fix.caveat)}"
        yield from (
            f"{diff.row:{width}} {diff.sign} {shown(diff.text)}".rstrip() for diff in preview(source, finding.fix)
        )
