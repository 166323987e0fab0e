"""The three ways a job says no, and the two kinds of failure of an input that are its own."""

from __future__ import annotations

from typing import Final, NamedTuple, TypeAlias


class Option(NamedTuple):
    """An option that a message names: `max_failures` to who calls `run_job`, `--max-failures` to who types the command.

    Args:
        name: As an argument of `run_job`.
        value: What it should be, where the message says that too; True for a flag.
    """

    name: str
    value: str | bool | None = None

    def in_python(self) -> str:
        """`overwrite=True`."""
        return self.name if self.value is None else f"{self.name}={self.value!r}"

    def as_typed(self) -> str:
        """`--overwrite`."""
        flag = f"--{self.name.replace('_', '-')}"
        return f"{flag} {self.value}" if isinstance(self.value, str) else flag


class Words(NamedTuple):
    """What is said in one way to who calls `run_job`, and in another to who types the command.

    Args:
        called: To the one.
        typed: To the other.
    """

    called: str
    typed: str

    def in_python(self) -> str:
        """The one."""
        return self.called

    def as_typed(self) -> str:
        """The other."""
        return self.typed


Part: TypeAlias = str | Option | Words

OUT: Final = Option("out")
OVERWRITE: Final = Option("overwrite", value=True)
# What helps whoever cannot go on with these results; the end of a sentence.
OR_ELSE: Final[tuple[Part, ...]] = ("another ", OUT, ", or ", OVERWRITE, " to begin anew")
SAME: Final = Words("the same call", "the same command")
AGAIN: Final = Words("repeat the call", "give the same command again")


class _Told(Exception):
    """An error whose message names options, or the way it came to be.

    Args:
        parts: The message, those apart: the command says them as they are typed.
    """

    def __init__(self, *parts: Part) -> None:
        super().__init__(*parts)
        self.parts = parts

    def __str__(self) -> str:
        return "".join(part if isinstance(part, str) else part.in_python() for part in self.parts)

    def as_typed(self) -> str:
        """The message for who came by the command."""
        return "".join(part if isinstance(part, str) else part.as_typed() for part in self.parts)


class JobError(_Told):
    """The job was refused, or its input turned out not to be the one it was begun with; what is recorded is untouched.

    The message says what was expected, what was found, and what to do. The command exits with 2.
    """


class JournalError(_Told):
    """The results can no longer be written (disk full, quota, I/O error); all that was recorded before is intact.

    Make room, and the same call, or the same command, goes on, without `overwrite`. The command exits with 1.
    """


class WorkerError(_Told):
    """The workers that the job ran in are gone: one was killed, or ran out of memory. All that is recorded is intact.

    The message names the inputs that were in flight. The same call, or the same command, goes on, without
    `overwrite`. The command exits with 1.
    """


class BadInput(Exception):
    """A line of the input is not what its format wants: that input fails, without a call of `fn`, and no other."""

    __module__ = "corral.job"  # where it is imported from, and what the results name


class NotEncodable(Exception):
    """What `fn` returned, or an input, has no form in JSON; the message says what to use instead."""

    __module__ = "corral.job"
