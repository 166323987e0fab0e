"""Before a job begins or goes on: whether it may, and in what state the results are."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from corral.job.bitmap import Bitmap
from corral.job.compact import compact
from corral.job.errors import OR_ELSE, OUT, JobError
from corral.job.files import FileSource
from corral.job.function import Function
from corral.job.identity import FORMAT, Identity, check_same, read_identity, sidecar, write_identity
from corral.job.journal import Journal
from corral.job.options import Options
from corral.job.record import RECORD_START
from corral.job.scan import Scan
from corral.job.source import Recorded, Source
from corral.job.summary import Tally


@dataclass
class Plan:
    """A job that may begin: everything was looked at, the results are locked and mended.

    Args:
        source: The inputs.
        journal: The results.
        recorded: The inputs to pass over.
        failed: Those that failed before and are to run again.
        tally: What the results hold already.
        anew: What the results are to be of, where they still hold those of another run.
    """

    source: Source
    journal: Journal
    recorded: Recorded
    failed: Bitmap = field(default_factory=Bitmap)
    tally: Tally = field(default_factory=Tally)
    anew: Identity | None = None

    def begin_anew(self) -> None:
        """Drop what is to be overwritten; call it in a thread, once there is something to write in its place."""
        if self.anew is not None:
            identity, self.anew = self.anew, None
            self.journal.cut(0)
            _write_identity(self.journal.path, identity)

    def give_up(self) -> None:
        """Let go of the results, and where nothing was recorded leave nothing behind."""
        if not self.journal.size:
            sidecar(self.journal.path).unlink(missing_ok=True)
        self.journal.give_up()


def plan(function: Function, source: Source, out: Path, options: Options) -> Plan:
    """Look whether the job may begin or go on; lock and mend its results. It reads files whole: call it in a thread.

    Fails: `JobError` when the results belong to another job; then nothing has been changed.
    """
    if isinstance(source, FileSource) and source.is_file(out):
        raise JobError(f"the results would overwrite the input {out}: give another ", OUT)
    journal = Journal(out)
    try:
        return _plan(function, source, journal, options)
    except BaseException:
        journal.give_up()
        raise


def _plan(function: Function, source: Source, journal: Journal, options: Options) -> Plan:
    out = journal.path
    before = None if options.overwrite or not journal.size else read_identity(out)
    if before is not None:
        check_same(before, function.name, source.kind, out, ordered=options.ordered)
    elif journal.size and options.overwrite:
        _check_ours(out)
    elif journal.size:
        raise JobError(
            f"{out} has results, but {sidecar(out).name}, which tells what run they are of, is not beside it. "
            "Put it back, give ",
            *OR_ELSE,
        )
    known = source.identify(before.input if before else None)
    identity = Identity(FORMAT, function.name, known, options.ordered)
    if journal.size and options.overwrite:
        return Plan(source, journal, Recorded(), anew=identity)
    scan = _mended(journal, streamed=source.kind == "stream")
    if source.total is not None and scan.done.end() > source.total:
        raise JobError(
            f"{out} holds a record of input {scan.done.end() - 1:,}, and there are {source.total:,} inputs: give another ",
            OUT,
        )
    if identity != before:
        _write_identity(out, identity)
    if not options.retry_failed:
        tally = Tally(skipped=len(scan.done), skipped_failed=len(scan.failed), errors=scan.errors)
        return Plan(source, journal, scan, tally=tally)
    failed = scan.failed
    scan.done = scan.done.without(failed)
    return Plan(source, journal, scan, failed, Tally(skipped=len(scan.done), retrying=len(failed)))


def _write_identity(out: Path, identity: Identity) -> None:
    try:
        write_identity(out, identity)
    except OSError as why:
        raise JobError(f"{sidecar(out)} cannot be written: {why.strerror}") from None


def _check_ours(out: Path) -> None:
    """Begin anew only over results: a mistyped `--out` must not cost somebody's file."""
    with out.open("rb") as file:
        start = file.read(len(RECORD_START))
    if start != RECORD_START and not sidecar(out).exists():
        raise JobError(
            f"{out} does not hold results of a job, so it is not overwritten: give another ",
            OUT,
            ", or delete it yourself",
        )


def _mended(journal: Journal, *, streamed: bool) -> Scan:
    scan = Scan(journal.path, remember_inputs=streamed)
    if scan.torn:
        journal.cut(scan.size)
    elif scan.unended:
        journal.end_line()
    if scan.superseded:  # a run that retried failures was killed
        compact(journal)
        scan = Scan(journal.path, remember_inputs=streamed)
    return scan
