"""The three ways a job says no, and the two kinds of failure of an input that are its own."""

from __future__ import annotations


class JobError(Exception):
    """The job was refused, or its input turned out not to be the one it was begun with; what is recorded is untouched.

    The message says what was expected, what was found, and what to do. The command exits with 2.
    """


class JournalError(Exception):
    """The results can no longer be written (disk full, quota, I/O error); all that was recorded before is intact.

    Make room and give the same command again. The command exits with 1.
    """


class WorkerError(Exception):
    """The workers that the job ran in are gone: one was killed, or ran out of memory. All that is recorded is intact.

    The message names the inputs that were in flight. The same command again goes on. The command exits with 1.
    """


class BadInput(Exception):
    """A line of the input is not what its format wants: that input fails, without a call of `fn`, and no other."""

    __module__ = "corral.job"  # where it is imported from, and what the results name


class NotEncodable(Exception):
    """What `fn` returned, or an input, has no form in JSON; the message says what to use instead."""

    __module__ = "corral.job"
