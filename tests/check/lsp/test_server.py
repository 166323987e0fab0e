"""The language server, as an editor sees it."""

from __future__ import annotations

import ast
import sysconfig
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from corral.check import fixer
from corral.check.lsp.actions import FIX_ALL, code_actions
from corral.check.lsp.document import checked, encoded
from corral.check.lsp.server import page_of
from corral.check.model import Span
from corral.check.settings import Settings
from tests.check.lsp.editor import Editor, edits_of, made
from tests.check.tool.tree import LOST

pytestmark = pytest.mark.xdist_group("language server")

KEPT = LOST.replace("    asyncio.create_task(work())", "    task = asyncio.create_task(work())").replace(
    "asyncio.sleep(1)", "task"
)
EVERYWHERE = {"start": {"line": 0, "character": 0}, "end": {"line": 99, "character": 0}}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Editor]:
    """One server for all tests: to start it costs more than any of them."""
    with Editor(tmp_path_factory.mktemp("edited")) as running:
        yield running


@pytest.fixture
def editor(server: Editor) -> Iterator[Editor]:
    """The server with no document open, which is how each test leaves it."""
    yield server
    server.close_all()


def test_diagnostics_follow_the_text(editor: Editor) -> None:
    """A finding is there as soon as its code is, and gone as soon as the code is mended."""
    editor.open("a.py", LOST)
    (found,) = editor.diagnostics("a.py")
    assert (found["code"], found["severity"], found["source"]) == ("TG001", 1, "corral")
    assert found["range"] == {"start": {"line": 4, "character": 4}, "end": {"line": 4, "character": 31}}
    editor.type("a.py", KEPT)
    assert editor.diagnostics("a.py") == []
    editor.type("a.py", LOST)
    assert len(editor.diagnostics("a.py")) == 1


def test_text_that_is_half_typed_is_told_as_such(editor: Editor) -> None:
    """A syntax error is one diagnostic at its place, and the next text is checked as if nothing had been."""
    editor.open("a.py", LOST.replace("work())", "work("))
    (found,) = editor.diagnostics("a.py")
    assert found["code"] == "TG000"
    editor.type("a.py", LOST)
    assert [each["code"] for each in editor.diagnostics("a.py")] == ["TG001"]


def test_burst_of_typing_is_checked_to_its_end(editor: Editor) -> None:
    """Of many changes in a row the last one is what the diagnostics are about."""
    editor.open("a.py", KEPT)
    for _ in range(200):
        editor.type("a.py", KEPT)
    editor.type("a.py", LOST)
    assert [each["code"] for each in editor.diagnostics("a.py")] == ["TG001"]


def test_each_change_costs_one_check(editor: Editor) -> None:
    """After a change there is one answer, and hovering or asking for actions makes none: nothing is checked twice."""
    editor.open("a.py", LOST)
    (found,) = editor.diagnostics("a.py")
    for text in (KEPT, LOST, KEPT, LOST):
        editor.type("a.py", text)
        editor.diagnostics("a.py")
    assert editor.hover("a.py", 4, 10)
    assert editor.actions("a.py", found["range"])
    assert editor.has_heard_all("a.py")


def test_check_costs_little_more_than_parsing() -> None:
    """What one keystroke in a long file costs is a small multiple of the parse alone, in processor time: no rule walks on its own."""
    path = Path(sysconfig.get_path("stdlib")) / "asyncio" / "base_events.py"
    text = path.read_text(encoding="utf-8")

    def cost(call: Callable[[], object]) -> float:
        times = []
        for _ in range(5):
            began = time.process_time()
            call()
            times.append(time.process_time() - began)
        return min(times)

    check = cost(lambda: checked("file:///a.py", 1, text, "a.py", Settings(), "utf-16"))
    assert check < 6 * cost(lambda: ast.parse(text))


def test_closed_document_has_no_diagnostics(editor: Editor) -> None:
    """Closing a document takes its diagnostics out of the editor's list."""
    editor.open("a.py", LOST)
    assert editor.diagnostics("a.py")
    editor.close("a.py")
    assert editor.diagnostics("a.py") == []


HORSES = '    horse = "🐎🐎"; '


def stands_behind_the_horses(editor: Editor, units: int) -> None:
    editor.open("a.py", LOST.replace("    asyncio.create", f"{HORSES}asyncio.create"))
    (found,) = editor.diagnostics("a.py")
    assert found["range"]["start"] == {"line": 4, "character": units}
    assert editor.hover("a.py", 4, units)
    assert editor.hover("a.py", 4, units - 1) is None


def test_columns_count_in_units_of_utf_16(editor: Editor) -> None:
    """Where nothing else is agreed, a character may be two units."""
    assert editor.server.get("positionEncoding", "utf-16") == "utf-16"
    stands_behind_the_horses(editor, len(HORSES) + 2)


@pytest.mark.parametrize(
    ("offered", "agreed", "units"),
    [(["utf-8", "utf-16"], {"utf-8", "utf-16"}, len(HORSES.encode())), (["utf-32"], {"utf-32"}, len(HORSES))],
    ids=["utf-8", "utf-32"],
)
def test_columns_count_in_the_agreed_units(tmp_path: Path, offered: list[str], agreed: set[str], units: int) -> None:
    """A range is where the editor sees the code, in the units that it has asked for; and a goodbye ends the server."""
    with Editor(tmp_path, units=offered, watches=False) as editor:
        unit = editor.server["positionEncoding"]
        assert unit in agreed
        stands_behind_the_horses(editor, len(HORSES) + 2 if unit == "utf-16" else units)
        assert not [each for each in editor.said if each["method"] == "client/registerCapability"]
    assert editor.status == 0


def test_form_feeds_are_no_line_ends(editor: Editor) -> None:
    """Characters that Python's `splitlines` breaks at do not move anything."""
    editor.open("a.py", "x = 1\n\x0c\ny = '\u2028\x1c'\n" + LOST)
    (found,) = editor.diagnostics("a.py")
    assert found["range"]["start"] == {"line": 7, "character": 4}


def test_hover_shows_the_rules_page(editor: Editor) -> None:
    """Over a finding: what happens to this code, then the rule's page; elsewhere nothing."""
    editor.open("a.py", LOST)
    (found,) = editor.diagnostics("a.py")
    shown = editor.hover("a.py", 4, 10)
    assert shown["contents"]["kind"] == "markdown"
    assert found["message"].split("\n")[0] in shown["contents"]["value"]
    assert "Why is this bad" in shown["contents"]["value"]
    assert editor.hover("a.py", 0, 3) is None
    assert editor.hover("never-opened.py", 0, 3) is None


def test_quick_fix_mends_the_finding(editor: Editor) -> None:
    """The fix of a finding is offered first where the finding is, and making it leaves nothing to say."""
    editor.open("a.py", LOST)
    (found,) = editor.diagnostics("a.py")
    fix, silence = editor.actions("a.py", found["range"], only=["quickfix"])
    assert (fix["kind"], fix["isPreferred"], fix["diagnostics"]) == ("quickfix", True, [found])
    mended = made(LOST, edits_of(fix))
    assert "    spawn(work())\n" in mended
    editor.type("a.py", mended)
    assert editor.diagnostics("a.py") == []
    assert silence["title"] == "Silence TG001 on this line"


def test_quick_fix_stays_right_behind_wide_characters(editor: Editor) -> None:
    """An edit's place is counted in UTF-16 units too."""
    text = LOST.replace("    asyncio.create", '    horse = "🐎é"; asyncio.create')
    editor.open("a.py", text)
    (found,) = editor.diagnostics("a.py")
    fix = editor.actions("a.py", found["range"], only=["quickfix"])[0]
    assert '    horse = "🐎é"; spawn(work())\n' in made(text, edits_of(fix))


def test_unsafe_fix_says_so(editor: Editor) -> None:
    """A fix that changes what is cancelled or raised bears that in its title, and is never the preferred one."""
    text = (
        "import asyncio\n\n\nasync def main():\n    a = asyncio.create_task(f(1))\n    b = asyncio.create_task(f(2))\n"
    )
    editor.open("a.py", text + "    return await asyncio.gather(a, b)\n")
    found = [each for each in editor.diagnostics("a.py") if each["code"] == "TG002"]
    fix = editor.actions("a.py", found[0]["range"], only=["quickfix"])[0]
    assert "unsafe: " in fix["title"]
    assert fix["isPreferred"] is False


def test_silencing_works(editor: Editor) -> None:
    """The comment that is offered does silence the finding."""
    editor.open("a.py", LOST)
    (found,) = editor.diagnostics("a.py")
    silence = editor.actions("a.py", found["range"])[1]
    silenced = made(LOST, edits_of(silence))
    assert "asyncio.create_task(work())  # noqa: TG001\n" in silenced
    editor.type("a.py", silenced)
    assert editor.diagnostics("a.py") == []


def test_fix_all_makes_the_safe_fixes(editor: Editor) -> None:
    """`source.fixAll` mends everything that is safe to mend, in one edit, and is asked for by that kind alone."""
    text = LOST + "    asyncio.create_task(work())\n"
    editor.open("a.py", text)
    assert len(editor.diagnostics("a.py")) == 2
    for kind in ("source", "source.fixAll", "source.fixAll.corral"):
        (action,) = editor.actions("a.py", EVERYWHERE, only=[kind])
        assert action["kind"] == "source.fixAll.corral"
        editor.type("a.py", made(text, edits_of(action)))
        assert editor.diagnostics("a.py") == []
        editor.type("a.py", text)
    assert editor.actions("a.py", EVERYWHERE, only=["source.organizeImports"]) == []


def test_actions_are_about_the_newest_text(editor: Editor) -> None:
    """Actions that are asked for right after a change are those of the changed text, under its version."""
    # A check of so much is followed by a pause: it is in there that the actions are asked for.
    more = "".join(f"def f{number}(a, b): return a + b\n" for number in range(500))
    editor.open("a.py", KEPT + more)
    editor.diagnostics("a.py")
    editor.type("a.py", LOST + more)
    action = editor.actions("a.py", EVERYWHERE)[0]
    assert action["edit"]["documentChanges"][0]["textDocument"]["version"] == 2


def test_configuration_is_followed(editor: Editor) -> None:
    """What `pyproject.toml` says holds, from the moment it says so; what it says wrong is told once."""
    editor.open("a.py", LOST)
    assert editor.diagnostics("a.py")
    config = editor.folder / "pyproject.toml"
    changed = {"uri": config.as_uri(), "type": 2}
    config.write_text('[tool.corral]\nignore = ["TG001"]\n')
    editor.tell("workspace/didChangeWatchedFiles", changes=[changed])
    assert editor.diagnostics("a.py") == []
    config.write_text('[tool.corral]\nignores = ["TG001"]\n')
    editor.tell("workspace/didChangeWatchedFiles", changes=[changed])
    assert "did you mean 'ignore'?" in editor.hear("window/showMessage")["message"]
    assert editor.diagnostics("a.py")
    editor.open("below/b.py", LOST)
    assert editor.diagnostics("below/b.py")
    assert not [message for message in editor.said if message["method"] == "window/showMessage"]
    config.write_text('[tool.corral]\nextend-exclude = ["a.py"]\n')
    editor.tell("textDocument/didSave", textDocument={"uri": config.as_uri()})
    assert editor.diagnostics("a.py") == []
    config.unlink()
    editor.tell("workspace/didChangeWatchedFiles", changes=[changed])
    assert editor.diagnostics("a.py")


def test_untitled_documents_are_checked(editor: Editor) -> None:
    """A document that was never saved is checked like any other."""
    document = {"uri": "untitled:Untitled-1", "languageId": "python", "version": 1, "text": LOST}
    editor.tell("textDocument/didOpen", textDocument=document)
    message = editor.hear("textDocument/publishDiagnostics")
    assert (message["uri"], len(message["diagnostics"])) == ("untitled:Untitled-1", 1)


def test_what_has_no_page_is_shown_by_its_own_words() -> None:
    """Hovering over a syntax error shows what it is, and no page of a rule."""
    assert page_of("TG000", "**Not checked.**") == "**Not checked.**"
    assert page_of("TG001", "lead").startswith("lead\n\n---\n\n# TG001: lost-task\n")


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("# coding: latin-1\n'é'\n", b"# coding: latin-1\n'\xe9'\n"),
        ("# coding: latin-1\n'€'\n", "# coding: latin-1\n'€'\n".encode()),
        ("'é'\n", "'é'\n".encode()),
    ],
)
def test_text_is_checked_in_its_own_encoding(text: str, data: bytes) -> None:
    """An editor holds characters; the bytes are those that it would write, where the declared encoding has them."""
    assert encoded(text) == data


def test_fixes_that_are_not_sound_are_not_offered_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the fixer would rather do nothing, `source.fixAll` is not offered either."""
    document = checked("file:///a.py", 1, LOST, "a.py", Settings(), "utf-16")
    everything = document.range_of(Span(1, 1, 7, 1))
    assert len(code_actions(document, everything, [FIX_ALL])) == 1
    monkeypatch.setattr(fixer, "sound", lambda data: False)
    assert code_actions(document, everything, [FIX_ALL]) == []


def test_finding_without_a_fix_can_only_be_silenced(editor: Editor) -> None:
    """No quick fix is made up; and there is nothing for `source.fixAll` to do."""
    text = "import asyncio\n\nasync def f(loop):\n    loop.create_task(g(), context=c)\n"
    editor.open("a.py", text)
    (found,) = editor.diagnostics("a.py")
    (silence,) = editor.actions("a.py", found["range"])
    assert silence["title"] == "Silence TG001 on this line"
    assert editor.actions("a.py", EVERYWHERE, only=["source.fixAll"]) == []


def test_no_comment_is_offered_where_it_would_be_none(editor: Editor) -> None:
    """Before a backslash, or inside of a string, there is no place for a `# noqa`."""
    text = "import asyncio\n\nasync def f(loop):\n    loop.create_task \\\n    (g(), context=c)\n"
    editor.open("a.py", text)
    (found,) = editor.diagnostics("a.py")
    assert editor.actions("a.py", found["range"]) == []


def test_saving_another_file_changes_nothing(editor: Editor) -> None:
    """Only a saved `pyproject.toml` has every document checked again."""
    editor.open("a.py", LOST)
    assert editor.diagnostics("a.py")
    editor.tell("textDocument/didSave", textDocument={"uri": (editor.folder / "b.py").as_uri()})
    assert editor.has_heard_all("a.py")
