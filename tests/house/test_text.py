"""What no file of the project may say, and what each exception must say."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from tests.house.source import PACKAGE, ROOT, text_of, tracked

# Put together here, so that this file does not say them.
REGISTRIES = "|".join(["py" + r"pi\.org", "python" + "hosted", "registry" + r"\.npm", "deb" + r"\.debian"])
MACHINE = (
    r"(?<![\w.:$}~-])/(?:" + "|".join(["tm" + "p", "ro" + "ot", "wo" + "rk", "fa" + "rm", "ho" + "me"]) + r")/[\w.]"
)
UNFINISHED = r"\b(?:" + "|".join(["TO" + "DO", "FIX" + "ME", "X" + "XX", "NotImplemented" + "Error"]) + r")\b"
# A reason follows on the same line, after two spaces and a hash, or after the codes.
UNREASONED = {
    "type: " + "ignore": r"# type: ignore\[[\w, -]+\]  # [\w`]",
    "# no" + "qa": r"# noqa: [A-Z]+\d+(?:, [A-Z]+\d+)*(?:  # |  | - | # )\w+",
    "pragma: " + "no": r"# pragma: no (?:cover|branch)(?:  # |: | - )\w+",
    "pyright: " + "ignore": r"# pyright: ignore\[\w+\]  # \w+",
}

WRITE_ABOUT_THEM = (
    "tests/house/",
    "tests/check/",
    "tests/cli/test_check",
    "src/corral/check/noqa.py",
    "src/corral/check/lsp/actions.py",
)


def lines(*suffixes: str, under: Path = ROOT) -> Iterator[tuple[str, str]]:
    """Where and what: every line of every tracked text."""
    for path in tracked():
        if path.is_relative_to(under) and (not suffixes or path.suffix in suffixes):
            name = path.relative_to(ROOT)
            for number, line in enumerate((text_of(path) or "").splitlines(), 1):
                yield f"{name}:{number}: {line.strip()}", line


def test_no_registry_is_named() -> None:
    """Nothing ties the project to one place that packages come from."""
    assert [where for where, line in lines() if re.search(REGISTRIES, line)] == []


def test_no_path_of_a_machine_is_named() -> None:
    """Nothing depends on, or tells, where somebody keeps the checkout."""
    assert [where for where, line in lines() if re.search(MACHINE, line)] == []


def test_constraints_name_versions_only() -> None:
    """A line of constraints/ is a name, a version and perhaps a marker: no index, no hash, no address."""
    pinned = re.compile(r"[A-Za-z0-9._-]+==[\w.+!]+( ; .+)?|# .*")
    assert [where for where, line in lines(under=ROOT / "constraints") if not pinned.fullmatch(line)] == []


def test_nothing_is_left_to_do() -> None:
    """The package has no unfinished places."""
    assert [where for where, line in lines(".py", under=PACKAGE) if re.search(UNFINISHED, line)] == []


def test_exceptions_have_reasons() -> None:
    """Every rule that is switched off on a line says on that line why."""
    silent = [
        where
        for where, line in lines(".py")
        for word, reasoned in UNREASONED.items()
        if word in line and "`" + word not in line and not re.search(reasoned, line)
        if not where.startswith(WRITE_ABOUT_THEM)
    ]
    assert silent == []


def test_no_checker_is_silenced_in_the_verbs() -> None:
    """The verbs and the engine are typed without a single ignore."""
    verbs = [path.name for path in PACKAGE.glob("*.py")]
    silenced = [
        where
        for where, line in lines(".py", under=PACKAGE)
        if re.search(r"# (?:type|pyright|ty|pyrefly): ?ignore", line)
    ]
    assert [where for where in silenced if where.removeprefix("src/corral/").partition(":")[0] in verbs] == []
