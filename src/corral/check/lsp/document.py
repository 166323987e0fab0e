"""One open document as it was last checked, and places in it as the editor counts them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from lsprotocol import types

from corral.check.fixer import FixResult, fix_source
from corral.check.model import Edit, Finding, Level, Span
from corral.check.report.source_text import SourceText
from corral.check.settings import Settings
from corral.check.source import check_source

_SEVERITY = {
    Level.ERROR: types.DiagnosticSeverity.Error,
    Level.WARNING: types.DiagnosticSeverity.Warning,
    Level.NOTE: types.DiagnosticSeverity.Information,
}


@final
@dataclass(frozen=True, slots=True)
class Document:
    """A version of a document, its findings, and the unit in which the editor counts columns.

    Args:
        uri: The document's address.
        version: The editor's number for this text.
        path: The path as the settings' globs see it.
        source: The text, as the bytes that saving it would write.
        settings: What the analysis was told.
        findings: What is shown of what was found.
        unit: `utf-16`, unless editor and server agreed on another.
    """

    uri: str
    version: int | None
    path: str
    source: SourceText
    settings: Settings
    findings: tuple[Finding, ...]
    unit: str

    def position(self, row: int, column: int) -> types.Position:
        """A place, as the editor counts: from 0, in code units."""
        return types.Position(row - 1, self.source.units(row, column, self.unit))

    def range_of(self, span: Span) -> types.Range:
        """The span, as the editor counts."""
        return types.Range(self.position(span.row, span.column), self.position(span.end_row, span.end_column))

    def place(self, position: types.Position) -> tuple[int, int]:
        """The row and column, from 1 and in characters, of the editor's position."""
        row = position.line + 1
        return row, self.source.column(row, position.character, self.unit)

    def text_edit(self, edit: Edit) -> types.TextEdit:
        """A byte edit, as the editor makes it."""
        start, end = self.source.place(edit.start), self.source.place(edit.end)
        return types.TextEdit(types.Range(self.position(*start), self.position(*end)), edit.text)

    def diagnostic(self, finding: Finding) -> types.Diagnostic:
        """The finding as the editor shows it."""
        return types.Diagnostic(
            range=self.range_of(finding.span),
            message=f"{finding.message}\n{finding.advice}",
            severity=_SEVERITY[finding.level],
            code=finding.code,
            source="corral",
        )

    def touched(self, wanted: types.Range) -> list[Finding]:
        """The findings that overlap the range, or touch it."""
        start, end = self.place(wanted.start), self.place(wanted.end)
        return [
            f
            for f in self.findings
            if (f.span.row, f.span.column) <= end and start <= (f.span.end_row, f.span.end_column)
        ]

    def fixed(self) -> FixResult:
        """The document with every safe fix made."""
        return fix_source(self.source.data, self.path, self.settings, unsafe=False)


def checked(uri: str, version: int | None, text: str, path: str, settings: Settings, unit: str) -> Document:
    """Check the text of a document."""
    source = SourceText(encoded(text))
    findings = check_source(source.data, path, settings).shown(settings.min_level)
    return Document(uri, version, path, source, settings, findings, unit)


def encoded(text: str) -> bytes:
    """The bytes that the editor would write: in the encoding that the text itself declares."""
    data = text.encode("utf-8", "replace")
    declared = SourceText(data).encoding
    if declared == "utf-8":
        return data
    try:
        return text.encode(declared)
    except UnicodeEncodeError:
        return data
