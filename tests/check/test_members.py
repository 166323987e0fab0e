"""A name that is added to an import stands where ruff's isort would have put it, and nothing else moves."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from corral.check.fixes.members import with_member

BROKEN = """\
from corral import (
    Err,
    ItemCancelled,
    Ok,
    OnError,
    Outcome,
    drain,
    gather_tg,
    join_tg,
    map_tg,
)
"""
# Before, and with `join_tg` in it. What is before is as isort has it, so what is after must be, too.
ISORTED = {
    "one name": ("from corral import drain\n", "from corral import drain, join_tg\n"),
    "the first": ("from corral import map_tg, spawn\n", "from corral import join_tg, map_tg, spawn\n"),
    "between": ("from corral import Err, gather_tg, spawn\n", "from corral import Err, gather_tg, join_tg, spawn\n"),
    "behind classes": ("from corral import Err, Outcome\n", "from corral import Err, Outcome, join_tg\n"),
    "a comment": ("from corral import drain  # noqa: F401\n", "from corral import drain, join_tg  # noqa: F401\n"),
    "lines": (
        "from corral import (\n    Ok,\n    drain,\n    spawn,\n)\n",
        "from corral import (\n    Ok,\n    drain,\n    join_tg,\n    spawn,\n)\n",
    ),
    "the last line": (
        "from corral import (\n    Ok,\n    drain,\n)\n",
        "from corral import (\n    Ok,\n    drain,\n    join_tg,\n)\n",
    ),
    "the first line": (
        "from corral import (  # all of it\n    map_tg,\n    spawn,\n)\n",
        "from corral import (  # all of it\n    join_tg,\n    map_tg,\n    spawn,\n)\n",
    ),
    "comments of the names": (
        "from corral import (\n    drain,  # ends\n    # starts\n    spawn,\n)\n",
        "from corral import (\n    drain,  # ends\n    join_tg,\n    # starts\n    spawn,\n)\n",
    ),
    "the last comment": (
        "from corral import (\n    Ok,\n    drain,  # ends, at last\n)\n",
        "from corral import (\n    Ok,\n    drain,  # ends, at last\n    join_tg,\n)\n",
    ),
    "as long as a line may be": (
        "from corral import Err, ItemCancelled, Ok, OnError, Outcome, drain, gather_tg, map_tg\n",
        BROKEN,
    ),
    "a long comment to a tool": (
        "from corral import Err, ItemCancelled, Ok, Outcome, drain, gather_tg  # noqa: F401\n",
        "from corral import Err, ItemCancelled, Ok, Outcome, drain, gather_tg, join_tg  # noqa: F401\n",
    ),
    "as long with its comment": (
        "from corral import Err, ItemCancelled, Ok, OnError, drain, gather_tg, map_tg  # all\n",
        BROKEN.replace("(", "(  # all").replace("    Outcome,\n", ""),
    ),
}
# As somebody else has it; isort would move more than the one name.
OTHERS = {
    "no order": ("from corral import spawn, drain\n", "from corral import join_tg, spawn, drain\n"),
    "no last comma": (
        "from corral import (\n\tOk,\n\tdrain  # é\n)\n",
        "from corral import (\n\tOk,\n\tdrain,  # é\n\tjoin_tg,\n)\n",
    ),
    "brackets on one line": ("from corral import (drain)\n", "from corral import (drain, join_tg)\n"),
    "several on each line": (
        "from corral import (Ok, drain,\n    map_tg, spawn)\n",
        "from corral import (Ok, drain,\n    join_tg, map_tg, spawn)\n",
    ),
    "as long with odd spaces": (
        "from  corral\timport\tErr, ItemCancelled, Ok,  OnError, Outcome, drain, gather_tg, map_tg \n",
        BROKEN,
    ),
    "too long already": (
        "from corral import Err, ItemCancelled, Ok, OnError, Outcome, drain, gather_tg, map_tg, spawn, stream_tg\n",
        "from corral import Err, ItemCancelled, Ok, OnError, Outcome, drain, gather_tg, join_tg, map_tg, spawn, stream_tg\n",
    ),
    "long brackets": (
        "from corral import (Err, ItemCancelled, Ok, OnError, Outcome, drain, gather_tg, map_tg)\n",
        "from corral import (Err, ItemCancelled, Ok, OnError, Outcome, drain, gather_tg, join_tg, map_tg)\n",
    ),
    "a backslash": ("from corral import \\\n    drain, spawn\n", "from corral import \\\n    drain, join_tg, spawn\n"),
    "one behind a backslash": ("from corral import \\\n    drain\n", "from corral import \\\n    drain, join_tg\n"),
}
EVERY = ISORTED | OTHERS


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"], ids=["lf", "crlf", "cr"])
@pytest.mark.parametrize("case", EVERY)
def test_name_stands_at_its_place(case: str, newline: str) -> None:
    """Only the name is new, in the manner of those around it, whatever the lines end with."""
    before, after = (text.replace("\n", newline) for text in EVERY[case])
    assert with_member(before, "join_tg", newline, 88) == after


@pytest.mark.parametrize("names", ["*", "spawn as start", "drain, spawn as start"])
def test_what_isort_keeps_apart_is_kept_apart(names: str) -> None:
    """A star, and a name that is known by another, have an import of their own."""
    assert with_member(f"from corral import {names}\n", "join_tg", "\n", 88) is None


@pytest.mark.heavy  # ruff is installed for one interpreter only
def test_isort_would_have_put_it_there(tmp_path: Path) -> None:
    """Ruff finds nothing to sort, neither before the name is added nor after."""
    for number, pair in enumerate(ISORTED.values()):
        for when, text in zip(("before", "after"), pair, strict=True):
            (tmp_path / f"{when}{number}.py").write_text(text)
    pytest.importorskip("ruff", reason="of the group `heavy`")
    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--no-cache", "--select=I", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
