"""The command `corral`, as it is installed.

It stands outside of the package `corral`, whose import brings the verbs and asyncio along. `corral check` uses neither, and where it
knows its files from last time that import would take longer than the check. So here the package is put in place without being run.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec, module_from_spec


def main() -> int:
    """Run the command with the process's arguments and return its exit status."""
    if sys.argv[1:2] == ["check"] and "corral" not in sys.modules and (spec := find_spec("corral")) is not None:
        sys.modules["corral"] = module_from_spec(spec)
    from corral.cli import main as command

    return command()
