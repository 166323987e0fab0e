"""What the editor offers at a finding: its fix, a comment that silences it, and all safe fixes at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lsprotocol import types

from corral.check.lsp.document import Document
from corral.check.model import Edit, Finding
from corral.check.source import check_source
from corral.check.text import same_ends

QUICK_FIX = types.CodeActionKind.QuickFix
COMMENT = "# noqa"
FIX_ALL = types.CodeActionKind.SourceFixAll.value + ".corral"


def code_actions(document: Document, wanted: types.Range, only: Sequence[str] | None) -> list[types.CodeAction]:
    """The actions at a range; of the kinds in `only`, if it is given."""
    actions: list[types.CodeAction] = []
    if _asked(QUICK_FIX, only):
        for finding in document.touched(wanted):
            actions += _fix(document, finding)
            actions += _silence(document, finding)
    if _asked(FIX_ALL, only):
        actions += _fix_all(document)
    return actions


def _asked(kind: str, only: Sequence[str] | None) -> bool:
    return only is None or any(kind == each or kind.startswith(f"{each}.") for each in map(str, only))


def _fix(document: Document, finding: Finding) -> Iterator[types.CodeAction]:
    fix = finding.fix
    if fix is None:
        return
    title = fix.title if fix.safe else f"{fix.title} (unsafe: {fix.caveat})"
    yield types.CodeAction(
        title=title,
        kind=QUICK_FIX,
        diagnostics=[document.diagnostic(finding)],
        edit=_edit(document, fix.edits),
        is_preferred=fix.safe,
    )


def _silence(document: Document, finding: Finding) -> Iterator[types.CodeAction]:
    row = finding.span.row
    line = document.source.line(row)
    start = _offset(document, row, len(line.rstrip()) + 1)
    edit = Edit(start, start, f"  {COMMENT}: {finding.code}")
    data = document.source.data
    silenced = data[:start] + edit.text.encode() + data[start:]
    # In a string or after a backslash the comment would be none: offered is only what is seen to work.
    findings = check_source(silenced, document.path, document.settings).findings
    if any(f.suppressed and f.code == finding.code and f.span.row == row for f in findings):
        yield types.CodeAction(
            title=f"Silence {finding.code} on this line",
            kind=QUICK_FIX,
            diagnostics=[document.diagnostic(finding)],
            edit=_edit(document, [edit]),
        )


def _offset(document: Document, row: int, column: int) -> int:
    source = document.source
    before = source.line(row)[: column - 1].encode(source.encoding, "replace")
    return source.start(row) + len(before)


def _fix_all(document: Document) -> Iterator[types.CodeAction]:
    if not any(finding.fix and finding.fix.safe for finding in document.findings):
        return
    before, after = document.source.data, document.fixed().data
    if after is before:
        return
    edit = smallest(before, after, document.source.encoding)
    title = "Make all safe fixes of corral"
    yield types.CodeAction(title=title, kind=FIX_ALL, edit=_edit(document, [edit]))


def smallest(before: bytes, after: bytes, encoding: str) -> Edit:
    """The one edit, of whole lines, that makes `after` of `before`."""
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    head, tail = same_ends(old, new)
    start = sum(map(len, old[:head]))
    end = len(before) - sum(map(len, old[len(old) - tail :]))
    return Edit(start, end, b"".join(new[head : len(new) - tail]).decode(encoding, "replace"))


def _edit(document: Document, edits: Sequence[Edit]) -> types.WorkspaceEdit:
    # With the version, an editor whose text has moved on refuses the edit instead of making it in the wrong place.
    identity = types.OptionalVersionedTextDocumentIdentifier(uri=document.uri, version=document.version)
    change = types.TextDocumentEdit(text_document=identity, edits=[document.text_edit(edit) for edit in edits])
    return types.WorkspaceEdit(document_changes=[change])
