"""The fixer over programs made at random: what holds whatever the code is."""

from __future__ import annotations

import ast
import re

from hypothesis import given, settings

from corral.check.fixer import fix_source
from corral.check.model import Level
from corral.check.settings import Settings
from corral.check.source import check_source
from corral.check.text import CannotDecode, Text
from tests.check.programs import files, programs

ALL = Settings(min_level=Level.NOTE)
EDITED = re.compile(rb"asyncio\.(?!create_task\(x)|return_exceptions|keep the last")


def compiles(data: bytes) -> bool:
    try:
        compile(data, "app.py", "exec")
    except (SyntaxError, ValueError):
        return False
    return True


@given(files())
@settings(max_examples=40)
def test_what_is_mended_compiles_and_is_mended_once(data: bytes):
    """Whatever the layout: the result compiles where the file did, a second run changes nothing, safe fixes come first."""
    for unsafe in (False, True):
        result = fix_source(data, "app.py", ALL, unsafe=unsafe)
        assert fix_source(result.data, "app.py", ALL, unsafe=unsafe).data is result.data
        if result.data == data:
            assert result.data is data
            assert result.fixed == ()
        else:
            assert compiles(result.data) or not compiles(data)
            assert all(f.fix and (unsafe or f.fix.safe) for f in result.fixed)


@given(files())
@settings(max_examples=40)
def test_bytes_outside_the_edits_stay(data: bytes):
    """Each line that no fix is about is there afterwards, byte for byte and in the same order."""
    try:
        end = Text(data).newline.encode(Text(data).encoding.removesuffix("-sig"))
    except CannotDecode:
        return
    kept = [line for line in data.split(end) if b"keep" in line and not EDITED.search(line)]
    after = fix_source(data, "app.py", ALL, unsafe=True).data.split(end)
    rest = iter(after)
    assert all(any(line == other for other in rest) for line in kept)


@given(programs())
@settings(max_examples=40)
def test_one_fix_is_its_edits_and_nothing_else(program: str):
    """A finding's own edits, made by anybody, give a file that parses and no longer has that finding."""
    data = program.encode()
    findings = check_source(data, "app.py", ALL).findings
    for finding in findings:
        if finding.fix is None:
            continue
        after = data
        for edit in reversed(finding.fix.edits):
            after = after[: edit.start] + edit.text.encode() + after[edit.end :]
        ast.parse(after)
        left = check_source(after, "app.py", ALL).findings
        assert len([f for f in left if f.code == finding.code]) < len([f for f in findings if f.code == finding.code])


@given(programs())
@settings(max_examples=50)
def test_names_that_are_used_are_imported(program: str):
    """The result reads no name of Corral's that it does not import, and imports none twice."""
    data = fix_source(program.encode(), "app.py", ALL, unsafe=True).data
    tree = ast.parse(data)
    bound = [
        a.asname or a.name
        for n in ast.walk(tree)
        if isinstance(n, ast.ImportFrom) and n.module == "corral"
        for a in n.names
    ]
    bound += [a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names]
    read = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
    stored = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    ours = {"spawn", "gather_tg", "map_tg", "join_tg", "corral", "asyncio"}
    assert read & ours <= {*bound, *stored}
    assert len([name for name in bound if name in ours]) == len({name for name in bound if name in ours})


def test_programs_are_about_hazards():
    """The generator makes what the properties are about: most programs have something to mend."""
    found = []

    @settings(max_examples=40, database=None, derandomize=True)
    @given(programs())
    def look(program: str) -> None:
        found.append(fix_source(program.encode(), "app.py", ALL, unsafe=True).fixed != ())

    look()
    assert sum(found) > len(found) / 2
