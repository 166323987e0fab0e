"""`corral check`, as typer reads it."""

from __future__ import annotations

import typer

from corral.cli import check_options as typed
from corral.cli.check_call import Call, Format, Mistake, perform


def check(
    paths: typed.Paths = None,
    select: typed.Select = None,
    extend_select: typed.ExtendSelect = None,
    ignore: typed.Ignore = None,
    min_level: typed.MinLevel = None,
    fix: typed.Fix = False,
    unsafe_fixes: typed.UnsafeFixes = False,
    diff: typed.Diff = False,
    baseline: typed.BaselineFile = None,
    write_baseline: typed.WriteBaseline = None,
    stdin_filename: typed.StdinFilename = None,
    config: typed.Config = None,
    force_exclude: typed.ForceExclude = False,
    no_cache: typed.NoCache = False,
    workers: typed.Workers = None,
    report: typed.ReportFormat = Format.FULL,
    output_file: typed.OutputFile = None,
    statistics: typed.Statistics = False,
    quiet: typed.Quiet = False,
    exit_zero: typed.ExitZero = False,
    exit_non_zero_on_fix: typed.ExitNonZeroOnFix = False,
) -> None:
    """Find lost tasks and orphaned siblings in Python files, and mend them.

    Exit status: 0 nothing found (or all of it mended), 1 findings, 2 a mistake in the call or the configuration.
    """
    call = Call(**locals())
    try:
        status = perform(call)
    except Mistake as mistake:
        raise typer.BadParameter(str(mistake), param_hint=mistake.parameter) from mistake
    raise typer.Exit(status)
