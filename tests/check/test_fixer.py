"""What the fixer makes of a file, and what it leaves alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from corral.check.fixer import ROUNDS, fix_source
from corral.check.fixes import tidy
from corral.check.fixes.draft import Draft
from corral.check.model import Edit, Finding, Fix, Level
from corral.check.registry import RULES
from corral.check.settings import Settings
from corral.check.source import check_source, read
from corral.check.unit import Unit
from tests.check.specimens import FIXED, LEFT, SAFE, UNSAFE, Specimen

ALL = Settings(min_level=Level.NOTE)
LOST = b"# coding: latin-1\nimport asyncio\nasync def f():\n    asyncio.create_task(g())\n    await asyncio.gather(save(1), save(2))\n"


def fixed(data: bytes, path: str = "app.py", settings: Settings = ALL, *, unsafe: bool = True) -> bytes:
    return fix_source(data, path, settings, unsafe=unsafe).data


@pytest.mark.parametrize("specimen", [s for s in SAFE if "may be mended" not in s.wanted], ids=lambda s: s.title)
def test_what_is_kept_is_not_touched(specimen: Specimen):
    """The no-touch table: not a byte of what loses nothing is changed, and the very same object comes back."""
    data = specimen.data
    assert fixed(data) is data


@pytest.mark.parametrize("specimen", LEFT, ids=lambda s: s.title)
def test_what_cannot_be_known_is_left_alone(specimen: Specimen):
    """The fixer would rather do nothing than guess, though there is something to tell."""
    data = specimen.data
    assert check_source(data, "app.py", ALL).findings
    assert fixed(data) is data


@pytest.mark.parametrize("specimen", FIXED, ids=lambda s: s.title)
def test_fixes_are_what_the_table_says(specimen: Specimen):
    """Byte for byte; what is unsafe does not happen unless it is asked for."""
    data = specimen.data
    if specimen.wanted == "unsafe":
        assert fixed(data, unsafe=False) is data
    assert fixed(data, unsafe=specimen.wanted == "unsafe").decode() == specimen.fixed


@pytest.mark.parametrize("specimen", FIXED + UNSAFE, ids=lambda s: s.title)
def test_fixing_twice_is_fixing_once(specimen: Specimen):
    """fix(fix(s)) == fix(s), and nothing is told about what was mended that was not told before."""
    before = check_source(specimen.data, "app.py", ALL).findings
    once = fix_source(specimen.data, "app.py", ALL, unsafe=True)
    assert fixed(once.data) is once.data
    assert {f.code for f in once.remaining} <= {f.code for f in before}
    assert len(once.remaining) == len(before) - len(once.fixed)
    compile(once.data, "app.py", "exec")


@pytest.mark.parametrize("specimen", FIXED + UNSAFE, ids=lambda s: s.title)
def test_a_fix_that_changes_what_happens_says_how(specimen: Specimen):
    """Each unsafe fix has a sentence, no safe one has; every fix has a title and edits within the file, in order."""
    for finding in check_source(specimen.data, "app.py", ALL).findings:
        if (fix := finding.fix) is not None:
            assert fix.safe == (fix.caveat is None)
            assert fix.caveat is None or fix.caveat.endswith(".")
            assert fix.title
            assert list(fix.edits) == sorted(fix.edits)
            assert all(0 <= e.start <= e.end <= len(specimen.data) for e in fix.edits)


@pytest.mark.parametrize("specimen", FIXED, ids=lambda s: s.title)
@pytest.mark.parametrize(
    ("prefix", "newline"), [(b"\xef\xbb\xbf", "\n"), (b"", "\r\n"), (b"", "\r")], ids=["bom", "crlf", "cr"]
)
def test_line_ends_and_byte_order_marks_stay(specimen: Specimen, prefix: bytes, newline: str):
    """The fix is the same, in the file's own bytes."""
    before, after = (prefix + text.replace("\n", newline).encode() for text in (specimen.code, specimen.fixed))
    assert fixed(before, unsafe=specimen.wanted == "unsafe") == after


@pytest.mark.parametrize(
    "specimen",
    [s for s in FIXED if not s.code.startswith(("#", '"', "from __future__"))],  # the first line must be the encoding's
    ids=lambda s: s.title,
)
def test_encodings_stay(specimen: Specimen):
    """A file in another encoding is mended in that encoding, and one that is not text is left alone."""
    head = "# coding: cp1252\nx = 'Ünïcödé'\n"
    before, after = ((head + text).encode("cp1252") for text in (specimen.code, specimen.fixed))
    got = fixed(before, unsafe=specimen.wanted == "unsafe")
    assert sorted(got.split()) == sorted(after.split())
    wide = specimen.code.encode("utf-16-le")
    assert fixed(wide) is wide


def test_an_encoding_that_writes_one_text_in_two_ways_is_left_alone():
    """Where the bytes cannot be told from the text, no place in them is certain, and nothing is changed."""
    data = b"# coding: utf-7\nx = '+AGE-'\nimport asyncio\nasync def f():\n    asyncio.create_task(g())\n"
    assert check_source(data, "app.py", ALL).findings[0].code == "TG001"
    assert fixed(data) is data


def test_changes_of_the_same_text_are_no_fix():
    """Two changes that meet at one place would undo each other: then there is no fix."""
    draft = Draft(read(b"import asyncio\n", "app.py", ALL))
    draft.replace(0, 6, "from")
    draft.replace(5, 8, "of")
    assert draft.fix("Mend it") is None


def test_no_last_line_end_is_made_up():
    """A file that ends in the middle of a line still does."""
    assert fixed(b"import asyncio\nasync def f():\n    asyncio.create_task(g())") == (
        b"from corral import spawn\nasync def f():\n    spawn(g())"
    )


def test_tabs_and_odd_spaces_stay():
    """What is outside of the edits stays as it is, down to the spaces at a line's end."""
    data = b"import  asyncio   \nasync def f ( ):  \n\tif  1 :\n\t\tasyncio . create_task( g( ) )\t\n\t\tawait   asyncio.sleep(1)"
    assert fixed(data) == (
        b"import  asyncio   \n\nfrom corral import spawn\nasync def f ( ):  \n\tif  1 :\n\t\tspawn( g( ) )\t\n\t\tawait   asyncio.sleep(1)"
    )


def test_only_what_is_shown_is_mended():
    """A note is not mended while notes are not shown; `--min-level note` mends it."""
    data = b"import asyncio\nasync def f():\n    return await asyncio.gather(get(1), get(2))\n"
    assert fixed(data, settings=Settings()) is data
    assert b"gather_tg" in fixed(data)


def test_rules_that_are_off_mend_nothing():
    """What is ignored is not mended."""
    data = b"import asyncio\nasync def f():\n    asyncio.create_task(g())\n"
    assert fixed(data, settings=ALL._replace(ignore=("TG001",))) is data


@pytest.mark.parametrize("path", ["app.pyi", "app.py"])
def test_no_fix_where_corral_cannot_be(path: str):
    """A stub, and code for a Python older than Corral needs, get no fix."""
    data = b"import asyncio\nasync def f():\n    asyncio.create_task(g())\n"
    target = (3, 11) if path.endswith("i") else (3, 10)
    assert fixed(data, path, ALL._replace(target=target)) is data


def test_the_projects_own_modules_come_after():
    """The import goes before those of the project itself, as isort sorts them when it knows the project."""
    data = b"import asyncio\n\nfrom app import g\n\n\nasync def f():\n    asyncio.create_task(g())\n    await asyncio.sleep(1)\n"
    got = fixed(data, settings=ALL._replace(first_party=frozenset({"app"})))
    assert b"import asyncio\n\nfrom corral import spawn\n\nfrom app import g\n\n\n" in got


def test_many_findings_take_one_import():
    """A hundred fixes of one file are one import, whichever verbs they need."""
    body = "".join(
        f"async def f{i}():\n    asyncio.create_task(g())\n    await asyncio.gather(save(1), save(2))\n"
        for i in range(100)
    )
    got = fixed(f"import asyncio\n{body}".encode())
    assert got.startswith(b"from corral import gather_tg, spawn\n")
    assert got.count(b"import") == 1
    assert b"asyncio" not in got


def always_fixes_by(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """Has TG001 put this text at the file's beginning, as its fix of whatever it finds."""
    rule = RULES["TG001"]

    def check(unit: Unit) -> Iterator[Finding]:
        for finding in rule.check(unit):
            yield finding._replace(fix=Fix("Put it there", (Edit(0, 0, text),), safe=True, caveat=None))

    monkeypatch.setitem(RULES, "TG001", replace(rule, check=check))


@pytest.mark.parametrize(
    "text",
    ["(", "# coding: of-nobody's\n", "\N{SNOWMAN}"],
    ids=["does not parse", "cannot be read", "cannot be written"],
)
def test_a_fix_that_would_break_the_file_is_not_made(monkeypatch: pytest.MonkeyPatch, text: str):
    """What was mended is parsed before it is kept: a fix that is wrong is left out, and the others are made all the same."""
    always_fixes_by(monkeypatch, text)
    result = fix_source(LOST, "app.py", ALL, unsafe=True)
    assert [f.code for f in result.fixed] == ["TG002"]
    assert [f.code for f in result.remaining] == ["TG001"]
    assert b"asyncio.create_task(g())\n    await gather_tg(" in result.data


def test_only_broken_fixes_change_nothing(monkeypatch: pytest.MonkeyPatch):
    """Where no fix is sound, the very same bytes come back."""
    always_fixes_by(monkeypatch, ")")
    result = fix_source(LOST, "app.py", ALL, unsafe=False)
    assert result.data is LOST
    assert not result.fixed


def test_a_fix_that_leaves_its_finding_comes_to_an_end(monkeypatch: pytest.MonkeyPatch):
    """A rule that is content with nothing does not keep the fixer busy for ever."""
    always_fixes_by(monkeypatch, "\n")
    data = b"import asyncio\nasync def f():\n    asyncio.create_task(g())\n"
    assert fixed(data, unsafe=False) == b"\n" * ROUNDS + data


def test_what_is_too_deep_to_tidy_is_mended(monkeypatch: pytest.MonkeyPatch):
    """Unused imports are left where the last look at the file fails; the fixes stay."""

    def deep(unit: Unit) -> set[object]:
        raise RecursionError

    monkeypatch.setattr(tidy, "idle", deep)
    assert b"spawn(g())" in fixed(LOST)


def test_a_chain_of_names_goes_with_its_last_read():
    """Three names that only led to one another are gone together with the import they began with."""
    data = (
        b"import asyncio\n\nasync def f():\n    loop = asyncio.get_running_loop()\n"
        b"    loop.create_task(g())\n    loop.create_task(h())\n"
    )
    assert fixed(data) == b"from corral import spawn\n\nasync def f():\n    spawn(g())\n    spawn(h())\n"
