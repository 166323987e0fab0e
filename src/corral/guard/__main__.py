"""`python -m corral.guard program.py`, `python -m corral.guard -m package`: a program as it is, with the guard on."""

from __future__ import annotations

import argparse
import runpy
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Final

from corral.guard.install import Installation, install
from corral.guard.report import write
from corral.guard.scope import Options

_USAGE: Final = "python -m corral.guard [options] (program.py | -m package) [arguments of the program]"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the program in this process, under its own name and with its own arguments; its exit status, or 1 for leaks that raise."""
    options, program = _parse(sys.argv[1:] if arguments is None else list(arguments))
    chosen: Options = {"policy": options.policy, "allow": options.allow, "grace": options.grace}
    module: str | None = options.module
    try:
        installation = install(**chosen)
    except ValueError as error:
        sys.stderr.write(f"python -m corral.guard: {error}\n")
        return 2
    status = _run(module, program)
    leaked = _leaks(installation)
    return status or leaked


def _parse(arguments: list[str]) -> tuple[argparse.Namespace, list[str]]:
    parser = argparse.ArgumentParser(
        prog="python -m corral.guard", usage=_USAGE, description="Runs a program with the guard on.", allow_abbrev=False
    )
    parser.add_argument(
        "--policy",
        choices=["warn", "raise", "cancel"],
        default="warn",
        help="what to do about a leak: warn (default); raise, at the end of the loop, and exit with 1; cancel what runs",
    )
    parser.add_argument(
        "--allow", action="append", default=[], metavar="PATTERN", help="a task, function or file that may leak"
    )
    parser.add_argument(
        "--grace", type=float, default=1.0, metavar="SECONDS", help="how long a failure may go unseen (1)"
    )
    parser.add_argument("-m", dest="module", metavar="PACKAGE", help="run a module or package, as python -m does")
    own, program = _split(arguments)
    options = parser.parse_args(own)
    if options.module is None and not program:
        parser.error("expected a program: program.py, or -m package")
    if options.module is None and not Path(program[0]).exists():
        parser.error(f"there is no {program[0]}")
    return options, program


def _split(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Our options end with the program, or with the module after `-m`: what follows is the program's."""
    at = 0
    while at < len(arguments):
        argument = arguments[at]
        if argument == "-m":
            return arguments[: at + 2], arguments[at + 2 :]
        if not argument.startswith("-"):
            break
        at += 1 if "=" in argument or argument in {"-h", "--help"} else 2
    return arguments[:at], arguments[at:]


def _run(module: str | None, program: list[str]) -> int:
    """Its exit status. Its traceback, if it has one, begins with its own lines."""
    try:
        if module is not None:
            sys.argv = [module, *program]
            sys.path.insert(0, str(Path.cwd()))
            runpy.run_module(module, run_name="__main__", alter_sys=True)
        else:
            sys.argv = program
            sys.path.insert(0, str(Path(program[0]).resolve().parent))
            runpy.run_path(program[0], run_name="__main__")
    except SystemExit as leaving:
        if leaving.code is None or isinstance(leaving.code, int):
            return leaving.code or 0
        sys.stderr.write(f"{leaving.code}\n")
        return 1
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        error = error.with_traceback(_theirs(error.__traceback__))
        sys.excepthook(type(error), error, error.__traceback__)
        return 1
    return 0


def _theirs(trace: TracebackType | None) -> TracebackType | None:
    """The traceback from the program's first frame on; None if there is none of it."""
    ours = {__file__, runpy.__file__, "<frozen runpy>"}
    while trace is not None and trace.tb_frame.f_code.co_filename in ours:
        trace = trace.tb_next
    return trace


def _leaks(installation: Installation) -> int:
    """What is still running when the program is over is told; 1 if that is to be an error."""
    try:
        installation.uninstall()
    except ExceptionGroup as leaks:
        write(leaks)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
