"""`corral check`."""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, NoReturn, TextIO

import typer

from corral.check.model import Level
from corral.check.report import write_report
from corral.check.report.summary import count_lines, summary
from corral.check.tool.config import ConfigError
from corral.check.tool.diff import unified
from corral.check.tool.discover import NoSuchPath
from corral.check.tool.result import Result
from corral.check.tool.run import Options, Overrides, run
from corral.cli import check_options as typed
from corral.cli import unavailable
from corral.cli.check_options import Format

# The formats for people, which end with a summary.
PROSE = (Format.FULL, Format.CONCISE)


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
    if unsafe_fixes and not (fix or diff):
        raise typer.BadParameter("goes with --fix or --diff", param_hint="--unsafe-fixes")
    named, stdin = _named(paths or ["."], stdin_filename)
    overrides = Overrides(select, extend_select, ignore, Level[min_level.name] if min_level else None)
    options = Options(named, stdin, overrides, fix and not diff, unsafe_fixes, diff, baseline, write_baseline)
    options = replace(options, config=config, force_exclude=force_exclude, cache=not no_cache, workers=workers)
    with _mistakes_told():
        result = run(options)
        with _output(output_file, aside=options.fix and stdin is not None) as out:
            _write(result, options, out, report, counted=statistics)
    if not quiet:
        _close(result, options, prose=report in PROSE)
    wrong = result.changes if diff else result.findings or (exit_non_zero_on_fix and result.changes)
    raise typer.Exit(1 if wrong and not exit_zero else 0)


def _named(paths: list[str], stdin_filename: str | None) -> tuple[tuple[str, ...], bytes | None]:
    """The paths to check, and what standard input holds if that is what they name."""
    if "-" not in paths:
        if stdin_filename is not None:
            raise typer.BadParameter("goes with `-` as the only path", param_hint="--stdin-filename")
        return tuple(paths), None
    if len(paths) > 1:
        raise typer.BadParameter("standard input (`-`) cannot be mixed with other paths", param_hint="PATHS")
    return (stdin_filename or "-",), sys.stdin.buffer.read()


@contextlib.contextmanager
def _mistakes_told() -> Generator[None]:
    """What a user can mend ends the command with one line and status 2."""
    try:
        yield
    except (ConfigError, NoSuchPath) as error:
        _stop(str(error))
    except ModuleNotFoundError as error:
        raise unavailable("check", error) from error
    except BrokenPipeError:
        raise
    except OSError as error:
        _stop(f"{error.filename}: {error.strerror}" if error.filename else str(error))


def _stop(message: str) -> NoReturn:
    typer.echo(f"corral check: {message}", err=True)
    raise typer.Exit(2)


@contextlib.contextmanager
def _output(name: str | None, *, aside: bool) -> Generator[TextIO]:
    """Where the report goes: a file, standard output, or `aside` standard error, where mended source has the output for itself."""
    if name:
        with Path(name).open("w", encoding="utf-8", errors="backslashreplace") as file:
            yield file
        return
    out = sys.stderr if aside else sys.stdout
    if isinstance(out, io.TextIOWrapper):
        # A terminal that cannot show a box or a name still gets the rest.
        out.reconfigure(errors="backslashreplace")
    yield out
    out.flush()


def _write(result: Result, options: Options, out: TextIO, report: Format, *, counted: bool) -> None:
    if options.diff:
        _write_bytes(b"".join(map(unified, result.changes)), out)
    elif counted:
        out.writelines(line + "\n" for line in count_lines(result))
    else:
        write_report(report.value, result, out)
    if options.fix and options.stdin is not None:
        _write_bytes(result.read(options.paths[0]), sys.stdout)


def _write_bytes(data: bytes, out: TextIO) -> None:
    """The bytes as they are: source and diffs are in the encoding of their file, not of the terminal."""
    buffer: BinaryIO | None = getattr(out, "buffer", None)  # a stream that a test put there has none
    if buffer is None:
        out.write(data.decode("utf-8", "backslashreplace"))
    else:
        out.flush()
        buffer.write(data)


def _close(result: Result, options: Options, *, prose: bool) -> None:
    if options.write_baseline:
        typer.echo(f"{options.write_baseline}: {result.hidden['baseline']} known.", err=True)
    elif options.diff or prose:
        aside = options.diff or (options.fix and options.stdin is not None)
        typer.echo("\n".join(summary(result, fixed=options.fix)), err=aside)
