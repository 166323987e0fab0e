"""Whatever the bytes are: never a crash, never a place outside of the file, never a change that nobody asked for."""

from __future__ import annotations

import ast
import contextlib
import warnings
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from corral.check.fixer import fix_source
from corral.check.model import Level
from corral.check.prefilter import may_matter
from corral.check.settings import Settings
from corral.check.source import OWN_MISTAKE, Report, check_source
from tests.check.specimens import FIXED, KEPT, LEFT, SAFE, UNSAFE, VARIATIONS
from tests.check.tool.tree import checked, grow

EVERYTHING = Settings(min_level=Level.NOTE)
CODE = [specimen.code for specimen in UNSAFE + SAFE + VARIATIONS + KEPT + FIXED + LEFT]
# Pieces that mean something to the tokenizer, the scopes or the fixer, and are seldom where they are put.
PIECES = [
    *"async await lambda yield del global nonlocal return match case with try finally class asyncio self".split(),
    *"( ) [ ] { } : = := * ** , . -> ... # 1_ 0x ' f'{ }' \0 \ufeff \ud800 é 🐎".split(" "),
    *("\\\n", "\n", "\r", "\r\n", "\t", "\x0c", "\u2028", '"""'),
    *("# noqa", "# noqa: TG001", "# corral: noqa"),
    *("asyncio.create_task(f())", "gather(*[f(x) for x in xs])", "t = asyncio.create_task(f())", "import asyncio as x"),
]


def sound(data: bytes) -> bool:
    """Whether Python takes the bytes."""
    with warnings.catch_warnings(), contextlib.suppress(SyntaxError, ValueError, RecursionError, MemoryError):
        warnings.simplefilter("ignore")
        ast.parse(data)
        return True
    return False


def held(data: bytes) -> Report:
    """What holds of every run over one file."""
    report = check_source(data, "app.py", EVERYTHING)
    rows = data.count(b"\n") + data.count(b"\r") + 1
    for finding in report.findings:
        assert OWN_MISTAKE not in finding.message
        span = finding.span
        assert 1 <= span.row <= span.end_row
        assert span.row <= rows + 1  # the parser may put an error behind the end
        assert span.column >= 1
        assert finding.message
        assert finding.advice
    if [f for f in report.findings if f.code != "TG000"]:
        assert may_matter(data)
    mended = fix_source(data, "app.py", EVERYTHING, unsafe=True)
    if mended.data is data:
        assert mended.fixed == ()
    else:
        assert sound(data)
        assert sound(mended.data)
        assert mended.fixed
        assert fix_source(mended.data, "app.py", EVERYTHING, unsafe=True).data is mended.data
    return report


@st.composite
def mangled(draw: st.DrawFn) -> bytes:
    """A specimen in which some stretches were cut out, doubled or replaced by pieces that do not belong there."""
    text = draw(st.sampled_from(CODE))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 30)))
        middle = draw(st.sampled_from(["", text[start:end] * 2, *PIECES]))
        text = text[:start] + middle + text[end:]
    return text.encode("utf-8", "surrogatepass")


@given(mangled())
@example(b"\xef\xbb\xbfimport asyncio\r\nasync def f():\r\n\tasyncio.create_task(f())")
@example(b"# coding: latin-1\nimport asyncio\nasync def f():\n    '\xe9'; asyncio.create_task(f())\n")
@example(b"# coding: utf-7\nimport asyncio\nasync def f():\n    asyncio.create_task(f())\n")
@example(b"import asyncio\rasync def f():\r    asyncio.create_task(f())\r")
def test_mangled_code(data: bytes) -> None:
    """Code that is nearly right is checked or told to be wrong; what is mended parses, and has nothing left to mend."""
    held(data)


@given(st.binary(max_size=300))
@example(b"")
@example(b"\xef\xbb\xbf")
@example(b"\\")
@example(b"create_task(" * 3000)
@example(b"create_task" + b"(" * 150 + b")" * 150)
@example(b"create_task\n" + b"-" * 30_000 + b"1")
@example(b"create_task\nx" + b".a" * 50_000)
@example(b"create_task\nx" + b"()" * 50_000)
@example(b"create_task\n" + b"1+" * 30_000 + b"1")
@example(b"create_task\n" + b"lambda:" * 3_000 + b"1")
@example(b"create_task\n" + b"if x:\n pass\nel" * 5_000 + b"se:\n pass\n")
@example(b"create_task\n#" + b"\xff" * 100)
def test_any_bytes(data: bytes) -> None:
    """Any bytes at all are checked or told to be wrong."""
    held(data)
    held(b"import asyncio\n" + data)


@given(st.text(st.characters(codec="utf-8"), max_size=80))
def test_any_text_within_code(text: str) -> None:
    """Names, strings and comments in any script shift no place: the finding is where the code is."""
    safe = "".join(char for char in text if char.isprintable() and char not in "'\\{}\"#")
    source = f"import asyncio\n\nasync def f():\n    '{safe}'; asyncio.create_task(g('{safe}'))  # {safe}\n"
    (finding,) = held(source.encode()).findings
    line = source.splitlines()[3]
    assert line[finding.span.column - 1 : finding.span.end_column - 1] == f"asyncio.create_task(g('{safe}'))"


@given(st.lists(mangled(), min_size=1, max_size=4))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_checking_changes_no_file(tmp_path: Path, files: list[bytes]) -> None:
    """A run without `--fix`, and one with `--diff`, leaves every byte and every date as it was."""
    with contextlib.chdir(tmp_path):
        grow({f"m{number}.py": data for number, data in enumerate(files)})
        before = {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in Path().iterdir()}
        checked()
        checked(diff=True, unsafe_fixes=True)
        assert {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in Path().iterdir()} == before


@pytest.mark.heavy
@settings(max_examples=25, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_generated_programs(data: st.DataObject) -> None:
    """Programs made from Python's own grammar, around a hazard."""
    hypothesmith = pytest.importorskip("hypothesmith")  # of the group `heavy`
    source = data.draw(hypothesmith.from_node())
    hazard = "import asyncio\n\nasync def hazard():\n    asyncio.create_task(f())\n"
    held(f"{source}\n{hazard}".encode("utf-8", "surrogatepass"))
    held(f"{hazard}{source}\n".encode("utf-8", "surrogatepass"))
