"""The specimens of tests/check/corpus/: what must be told and what must not, what is mended and what is left alone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent / "corpus"


@dataclass(frozen=True)
class Specimen:
    """One section: its title, what is expected of it, the code, and what the fixer makes of it, where that is said."""

    title: str
    wanted: str
    code: str
    fixed: str = ""

    @property
    def data(self) -> bytes:
        return self.code.encode()


def specimens(file: str) -> list[Specimen]:
    """The sections of one file."""
    sections = re.split(r"(?m)^=== ", (FOLDER / file).read_text(encoding="utf-8"))[1:]
    found = []
    for section in sections:
        head, _, body = section.partition("\n")
        title, _, wanted = head.partition(" -> ")
        code, _, fixed = body.partition("\n---\n")
        found.append(Specimen(title, wanted, code.strip("\n") + "\n", fixed.strip("\n") + "\n"))
    return found


UNSAFE = specimens("unsafe.txt")
SAFE = specimens("safe.txt")
LEFT = specimens("left.txt")
FIXED = specimens("fixed.txt")
VARIATIONS = specimens("variations.txt")
KEPT = specimens("kept.txt")
