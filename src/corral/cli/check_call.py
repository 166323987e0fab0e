"""A call of `corral check`, whoever has read its arguments: run, reported, and its exit status."""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Generator
from enum import Enum
from typing import BinaryIO, NamedTuple, TextIO, final

from corral.check.model import Level
from corral.check.report import write_report
from corral.check.report.summary import count_lines, summary
from corral.check.tool.config import ConfigError
from corral.check.tool.diff import unified
from corral.check.tool.discover import NoSuchPath
from corral.check.tool.result import Result
from corral.check.tool.run import Options, Overrides, run
from corral.cli import unavailable


@final
class Format(Enum):
    """The report formats."""

    FULL = "full"
    CONCISE = "concise"
    JSON = "json"
    SARIF = "sarif"
    GITHUB = "github"
    HTML = "html"


@final
class Lowest(Enum):
    """The levels, by name."""

    NOTE = "note"
    WARNING = "warning"
    ERROR = "error"


# The formats for people, which end with a summary.
PROSE = (Format.FULL, Format.CONCISE)


class Mistake(Exception):
    """Options that do not go together; `parameter` is the one to take away."""

    def __init__(self, parameter: str, message: str) -> None:
        super().__init__(message)
        self.parameter = parameter


@final
class Call(NamedTuple):
    """The arguments, by the names of the parameters of `corral.cli.check.check`, which explains each."""

    paths: list[str] | None = None
    select: list[str] | None = None
    extend_select: list[str] | None = None
    ignore: list[str] | None = None
    min_level: Lowest | None = None
    fix: bool = False
    unsafe_fixes: bool = False
    diff: bool = False
    baseline: str | None = None
    write_baseline: str | None = None
    stdin_filename: str | None = None
    config: str | None = None
    force_exclude: bool = False
    no_cache: bool = False
    workers: int | None = None
    report: Format = Format.FULL
    output_file: str | None = None
    statistics: bool = False
    quiet: bool = False
    exit_zero: bool = False
    exit_non_zero_on_fix: bool = False


def perform(call: Call) -> int:
    """Run the call and return its exit status.

    Fails: `Mistake`, and `CommandUnavailable` when an extra is missing. What else a user can mend is one line and status 2.
    """
    if call.unsafe_fixes and not (call.fix or call.diff):
        raise Mistake("--unsafe-fixes", "goes with --fix or --diff")
    options = _options(call)
    try:
        result = run(options)
        with _output(call.output_file, aside=options.fix and options.stdin is not None) as out:
            _write(result, options, out, call.report, counted=call.statistics)
    except (ConfigError, NoSuchPath) as error:
        return _stop(str(error))
    except ModuleNotFoundError as error:
        raise unavailable("check", error) from error
    except BrokenPipeError:
        raise
    except OSError as error:
        return _stop(f"{error.filename}: {error.strerror}" if error.filename else str(error))
    if not call.quiet:
        _close(result, options, prose=call.report in PROSE)
    wrong = result.changes if call.diff else result.findings or (call.exit_non_zero_on_fix and result.changes)
    return int(bool(wrong) and not call.exit_zero)


def _stop(message: str) -> int:
    print(f"corral check: {message}", file=sys.stderr)
    return 2


def _options(call: Call) -> Options:
    paths, stdin = _named(call.paths or ["."], call.stdin_filename)
    lowest = Level[call.min_level.name] if call.min_level else None
    return Options(
        paths,
        stdin,
        Overrides(call.select, call.extend_select, call.ignore, lowest),
        call.fix and not call.diff,
        call.unsafe_fixes,
        call.diff,
        call.baseline,
        call.write_baseline,
        force_exclude=call.force_exclude,
        cache=not call.no_cache,
        config=call.config,
        workers=call.workers,
    )


def _named(paths: list[str], stdin_filename: str | None) -> tuple[tuple[str, ...], bytes | None]:
    """The paths to check, and what standard input holds if that is what they name."""
    if "-" not in paths:
        if stdin_filename is not None:
            raise Mistake("--stdin-filename", "goes with `-` as the only path")
        return tuple(paths), None
    if len(paths) > 1:
        raise Mistake("PATHS", "standard input (`-`) cannot be mixed with other paths")
    return (stdin_filename or "-",), sys.stdin.buffer.read()


@contextlib.contextmanager
def _output(name: str | None, *, aside: bool) -> Generator[TextIO]:
    """Where the report goes: a file, standard output, or `aside` standard error, where mended source has the output for itself."""
    if name:
        with open(name, "w", encoding="utf-8", errors="backslashreplace") as file:  # noqa: PTH123 - pathlib costs as much as what is not known of a tree
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
        print(f"{options.write_baseline}: {result.hidden['baseline']} known.", file=sys.stderr)
    elif options.diff or prose:
        aside = options.diff or (options.fix and options.stdin is not None)
        print("\n".join(summary(result, fixed=options.fix)), file=sys.stderr if aside else sys.stdout, flush=True)
