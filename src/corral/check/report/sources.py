"""The files that a report quotes, each read once."""

from __future__ import annotations

from typing import final

from corral.check.report.source_text import SourceText
from corral.check.tool.result import Result


@final
class Sources:
    """A file's text by its path; empty for one that cannot be read."""

    def __init__(self, result: Result) -> None:
        self._result = result
        self._texts: dict[str, SourceText] = {}

    def __getitem__(self, path: str) -> SourceText:
        if path not in self._texts:
            try:
                self._texts[path] = SourceText(self._result.read(path))
            except OSError:
                self._texts[path] = SourceText(b"")
        return self._texts[path]
