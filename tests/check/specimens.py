"""The specimens of tests/check/corpus/: what must be told, and what must not."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent / "corpus"


@dataclass(frozen=True)
class Specimen:
    """One section: its title, what is expected of it, and the code."""

    title: str
    wanted: str
    code: str

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
        found.append(Specimen(title, wanted, body.strip("\n") + "\n"))
    return found


UNSAFE = specimens("unsafe.txt")
SAFE = specimens("safe.txt")
