"""The two ways a job says no."""

from __future__ import annotations


class JobError(Exception):
    """The job was refused, or its input turned out not to be the one it was begun with; what is recorded is untouched.

    The message says what was expected, what was found, and what to do. The command exits with 2.
    """


class JournalError(Exception):
    """The results can no longer be written (disk full, quota, I/O error); all that was recorded before is intact.

    Make room and give the same command again. The command exits with 1.
    """
