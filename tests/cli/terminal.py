"""A terminal, as far as a program can tell."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import termios


class Terminal:
    """A pseudo-terminal: give `theirs` to a process as its streams."""

    def __init__(self, columns: int = 120) -> None:
        self._ours, self.theirs = pty.openpty()
        termios.tcsetwinsize(self.theirs, (24, columns))

    def read(self, process: subprocess.Popen) -> str:
        """Everything that is written to it until the process has ended."""
        os.close(self.theirs)
        shown = b""
        while select.select([self._ours], [], [], 60)[0]:
            try:
                block = os.read(self._ours, 65536)
            except OSError:  # how Linux says that the other end is closed
                break
            if not block:
                break
            shown += block
        os.close(self._ours)
        process.wait(timeout=60)
        return shown.decode()


def uncoloured(text: str) -> str:
    """What was written, without what moves the cursor and sets colours."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)
