"""The server's wiring: documents in, diagnostics out, over standard input and output.

The editor sends the whole text with each change: pygls cuts lines at form feeds and other characters that the protocol does not
count as line ends, so that partial changes would end up in the wrong place.
"""

from __future__ import annotations

import asyncio
import gc
import os
import time
from importlib.metadata import version
from pathlib import Path
from typing import final

from lsprotocol import types
from pygls.lsp.server import LanguageServer
from pygls.uris import to_fs_path

from corral.check.lsp.actions import FIX_ALL, QUICK_FIX, code_actions
from corral.check.lsp.document import Document, checked
from corral.check.registry import RULES
from corral.check.tool.config import ConfigError, Project, find_project
from corral.check.tool.discover import Excludes
from corral.check.tool.pool import collector_paused

# After a check the next waits this many times as long as that one took, so that typing in a huge file leaves the server time.
PAUSE = 1.0


@final
class CheckServer(LanguageServer):
    """Keeps each open document checked; the first change after a pause is checked at once, a burst of changes once."""

    def __init__(self) -> None:
        sync = types.TextDocumentSyncKind.Full
        super().__init__("corral", version("corral"), text_document_sync_kind=sync)  # pyright: ignore[reportUnknownMemberType]  # pygls types half of it
        self._documents: dict[str, Document] = {}
        self._due: dict[str, asyncio.TimerHandle] = {}
        self._free_at: dict[str, float] = {}
        self._projects: dict[Path, Project] = {}
        self._complaints: set[str] = set()

    def changed(self, uri: str) -> None:
        """Have the document checked, as soon as it has had its pause."""
        if uri in self._due:
            return
        loop = asyncio.get_running_loop()
        wait = max(0.0, self._free_at.get(uri, 0.0) - time.monotonic())
        self._due[uri] = loop.call_later(wait, self.check, uri)

    def check(self, uri: str) -> None:
        """Check the document now, and tell the editor."""
        self._cancel(uri)
        began = time.monotonic()
        text = self.workspace.get_text_document(uri)
        path = Path(to_fs_path(uri) or Path(uri).name or "untitled.py").absolute()
        project = self._project(path.parent)
        relative = os.path.relpath(path, project.root).replace(os.sep, "/")
        left_out = Excludes(project.exclude, project.root).exclude_below(str(path))
        source = "" if left_out else text.source
        with collector_paused():
            document = checked(uri, text.version, source, relative, project.settings, self._unit())
        self._documents[uri] = document
        self._publish(uri, document.version, [document.diagnostic(finding) for finding in document.findings])
        done = time.monotonic()
        self._free_at[uri] = done + PAUSE * (done - began)

    def current(self, uri: str) -> Document | None:
        """The document as it is now, checked; None if it is not open."""
        if uri in self._due:
            self.check(uri)
        return self._documents.get(uri)

    def closed(self, uri: str) -> None:
        """Forget the document, and have the editor forget its diagnostics."""
        self._cancel(uri)
        self._documents.pop(uri, None)
        self._free_at.pop(uri, None)
        self._publish(uri, None, [])

    def configuration_changed(self) -> None:
        """Read every configuration again, and check every open document by it."""
        self._projects.clear()
        self._complaints.clear()
        for uri in list(self._documents):
            self.changed(uri)

    def _cancel(self, uri: str) -> None:
        if due := self._due.pop(uri, None):
            due.cancel()

    def _publish(self, uri: str, number: int | None, diagnostics: list[types.Diagnostic]) -> None:
        self.text_document_publish_diagnostics(
            types.PublishDiagnosticsParams(uri=uri, version=number, diagnostics=diagnostics)
        )

    def _unit(self) -> str:
        agreed = self.workspace.position_encoding
        return "utf-16" if agreed is None else str(getattr(agreed, "value", agreed))

    def _project(self, folder: Path) -> Project:
        if folder not in self._projects:
            try:
                self._projects[folder] = find_project(str(folder))
            except ConfigError as error:
                self._complain(str(error))
                self._projects[folder] = Project(str(folder))
        return self._projects[folder]

    def _complain(self, message: str) -> None:
        if message not in self._complaints:
            self._complaints.add(message)
            self.window_show_message(types.ShowMessageParams(types.MessageType.Error, f"corral: {message}"))


def make_server() -> CheckServer:
    """A server with everything it can do registered."""
    server = CheckServer()
    _follow_documents(server)
    _answer(server)
    return server


def _follow_documents(server: CheckServer) -> None:
    @server.feature(types.TEXT_DOCUMENT_DID_OPEN)
    async def opened(params: types.DidOpenTextDocumentParams) -> None:
        server.changed(params.text_document.uri)

    @server.feature(types.TEXT_DOCUMENT_DID_CHANGE)
    async def changed(params: types.DidChangeTextDocumentParams) -> None:
        server.changed(params.text_document.uri)

    @server.feature(types.TEXT_DOCUMENT_DID_SAVE)
    async def saved(params: types.DidSaveTextDocumentParams) -> None:
        if params.text_document.uri.endswith("/pyproject.toml"):
            server.configuration_changed()

    @server.feature(types.TEXT_DOCUMENT_DID_CLOSE)
    async def closed(params: types.DidCloseTextDocumentParams) -> None:
        server.closed(params.text_document.uri)

    @server.feature(types.WORKSPACE_DID_CHANGE_WATCHED_FILES)
    async def files_changed(_: types.DidChangeWatchedFilesParams) -> None:
        server.configuration_changed()

    @server.feature(types.INITIALIZED)
    async def initialized(_: types.InitializedParams) -> None:
        workspace = server.client_capabilities.workspace
        watch = workspace.did_change_watched_files if workspace else None
        if watch and watch.dynamic_registration:
            watchers = [types.FileSystemWatcher(glob_pattern="**/pyproject.toml")]
            options = types.DidChangeWatchedFilesRegistrationOptions(watchers=watchers)
            method = types.WORKSPACE_DID_CHANGE_WATCHED_FILES
            registration = types.Registration(id="corral-config", method=method, register_options=options)
            await server.client_register_capability_async(types.RegistrationParams([registration]))


def _answer(server: CheckServer) -> None:
    kinds = types.CodeActionOptions(code_action_kinds=[QUICK_FIX, FIX_ALL])

    @server.feature(types.TEXT_DOCUMENT_CODE_ACTION, kinds)
    async def actions(params: types.CodeActionParams) -> list[types.CodeAction]:
        document = server.current(params.text_document.uri)
        return code_actions(document, params.range, params.context.only) if document else []

    @server.feature(types.TEXT_DOCUMENT_HOVER)
    async def hover(params: types.HoverParams) -> types.Hover | None:
        document = server.current(params.text_document.uri)
        if document is None:
            return None
        found = document.touched(types.Range(params.position, params.position))
        if not found:
            return None
        pages = [page_of(finding.code, f"**{finding.message}** {finding.advice}") for finding in found]
        value = "\n\n---\n\n".join(pages)
        return types.Hover(types.MarkupContent(types.MarkupKind.Markdown, value), document.range_of(found[0].span))


def page_of(code: str, lead: str) -> str:
    """What hovering over a finding shows: what happens here, then the rule's page."""
    if code not in RULES:
        return lead
    return f"{lead}\n\n---\n\n{RULES[code].text()}"


def serve() -> None:
    """Serve one editor over standard input and output until it says goodbye."""
    server = make_server()
    gc.freeze()  # what is loaded stays, and need not be walked with each collection
    server.start_io()
