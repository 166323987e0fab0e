"""An editor, as far as the language server protocol goes: frames of JSON over the standard streams of `corral lsp`."""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, Self

PATIENCE = 30.0


class Editor:
    """Starts the server in a folder, and speaks to it."""

    def __init__(self, folder: Path, *, units: list[str] | None = None, watches: bool = True) -> None:
        self.folder = folder
        self._watches = watches
        self._units = units
        self._numbers = iter(range(1, 1_000_000))
        self._versions: dict[str, int] = {}
        self._answers: dict[int, Any] = {}
        self._inbox: queue.Queue[Any] = queue.Queue()
        self.said: list[Any] = []

    def __enter__(self) -> Self:
        command = [sys.executable, "-c", "import sys; from corral.cli import main; sys.exit(main(['lsp', '--stdio']))"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=self.folder)
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        general = {"general": {"positionEncodings": self._units}} if self._units else {}
        capabilities = {"workspace": {"didChangeWatchedFiles": {"dynamicRegistration": self._watches}}, **general}
        self.server = self.ask("initialize", processId=None, rootUri=self.folder.as_uri(), capabilities=capabilities)[
            "capabilities"
        ]
        self.tell("initialized")
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.ask("shutdown")
            self.tell("exit")
            self.status = self._process.wait(PATIENCE)
        finally:
            self._process.kill()
            self._process.wait()
            self._reader.join()
            for stream in (self._process.stdin, self._process.stdout):
                assert stream
                stream.close()

    def uri(self, name: str) -> str:
        return (self.folder / name).as_uri()

    def open(self, name: str, text: str) -> None:
        self._versions[name] = 1
        document = {"uri": self.uri(name), "languageId": "python", "version": 1, "text": text}
        self.tell("textDocument/didOpen", textDocument=document)

    def type(self, name: str, text: str) -> None:
        """Make the text that of the document; the server asks for whole texts."""
        self._versions[name] += 1
        document = {"uri": self.uri(name), "version": self._versions[name]}
        self.tell("textDocument/didChange", textDocument=document, contentChanges=[{"text": text}])

    def close(self, name: str) -> None:
        del self._versions[name]
        self.tell("textDocument/didClose", textDocument={"uri": self.uri(name)})

    def close_all(self) -> None:
        """Close what is open, and wait until the server has seen it."""
        for name in list(self._versions):
            self.close(name)
        self.hover("nothing.py", 0, 0)
        self.said.clear()

    def diagnostics(self, name: str) -> list[Any]:
        """What the server says of the newest version of the document, once it says it."""
        while True:
            message = self.hear("textDocument/publishDiagnostics")
            if message["uri"] == self.uri(name) and message.get("version") in {None, self._versions.get(name)}:
                found: list[Any] = message["diagnostics"]
                return found

    def has_heard_all(self, name: str) -> bool:
        """Whether the server, asked about the document, has published nothing since."""
        self.hover(name, 0, 0)
        return not [message for message in self.said if message["method"] == "textDocument/publishDiagnostics"]

    def actions(self, name: str, around: dict[str, Any], **context: object) -> list[Any]:
        document = {"uri": self.uri(name)}
        asked = {"textDocument": document, "range": around, "context": {"diagnostics": [], **context}}
        return self.ask("textDocument/codeAction", **asked) or []

    def hover(self, name: str, line: int, character: int) -> Any:
        return self.ask(
            "textDocument/hover", textDocument={"uri": self.uri(name)}, position={"line": line, "character": character}
        )

    def tell(self, method: str, **params: object) -> None:
        self._send({"jsonrpc": "2.0", "method": method, "params": params})

    def ask(self, method: str, **params: object) -> Any:
        number = next(self._numbers)
        self._send({"jsonrpc": "2.0", "id": number, "method": method, "params": params or None})
        while number not in self._answers:
            self._take()
        answer = self._answers.pop(number)
        assert "error" not in answer, answer
        return answer["result"]

    def hear(self, method: str) -> Any:
        """The next message of this kind, those of other kinds left where they are."""
        while True:
            for at, message in enumerate(self.said):
                if message["method"] == method:
                    return self.said.pop(at)["params"]
            self._take()

    def _take(self) -> None:
        message = self._inbox.get(timeout=PATIENCE)
        if "method" not in message:
            self._answers[message["id"]] = message
            return
        if "id" in message:
            self._send({"jsonrpc": "2.0", "id": message["id"], "result": None})
        self.said.append(message)

    def _send(self, message: object) -> None:
        body = json.dumps(message).encode()
        assert self._process.stdin
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self._process.stdin.flush()

    def _read(self) -> None:
        stream = self._process.stdout
        assert stream
        while header := stream.readline():
            length = 0
            while header.strip():
                name, _, value = header.partition(b":")
                length = int(value) if name.lower() == b"content-length" else length
                header = stream.readline()
            self._inbox.put(json.loads(stream.read(length)))


def made(text: str, edits: list[Any]) -> str:
    """The text with an editor's edits made: positions are lines and UTF-16 units."""
    lines = text.split("\n")

    def offset(position: dict[str, int]) -> int:
        before = sum(len(line) + 1 for line in lines[: position["line"]])
        units = lines[position["line"]].encode("utf-16-le")[: position["character"] * 2]
        return before + len(units.decode("utf-16-le"))

    for edit in sorted(edits, key=lambda edit: offset(edit["range"]["start"]), reverse=True):
        start, end = offset(edit["range"]["start"]), offset(edit["range"]["end"])
        text = text[:start] + edit["newText"] + text[end:]
    return text


def edits_of(action: Any) -> list[Any]:
    """The text edits of a code action that changes one document."""
    (change,) = action["edit"]["documentChanges"]
    found: list[Any] = change["edits"]
    return found
