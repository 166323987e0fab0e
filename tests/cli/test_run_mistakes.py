"""`corral run`, called wrongly: what is said of each mistake."""

from __future__ import annotations

import re
import sys

import pytest

from tests.cli.job_process import fn

# Each mistake, and what is said of it; nothing is written by any of them.
MISTAKES = {
    "no such module": (("scrapr:fetch", "in.txt", "--limit", 1), "no module named scrapr; did you mean 'scraper'?"),
    "no such file": (("scrapr.py:fetch", "in.txt", "--limit", 1), "no file scrapr.py; did you mean 'scraper.py'?"),
    "no such function": (("scraper:fetsh", "in.txt", "--limit", 1), "did you mean 'fetch'?"),
    "no function": (("scraper.py", "in.txt", "--limit", 1), "expected module:function or path/file.py:function"),
    "does not import": (("broken.py:fetch", "in.txt", "--limit", 1), "importing broken.py failed: ZeroDivisionError"),
    "not async": (("scraper:plain", "in.txt", "--limit", 1), "scraper:plain is not async"),
    "no argument": (("scraper:nothing", "in.txt", "--limit", 1), "cannot be called with the input"),
    "no such input": (("scraper:fetch", "im.txt", "--limit", 1), "no input file im.txt; did you mean in.txt?"),
    "empty input": (("scraper:fetch", "empty.txt", "--limit", 1), "there is no input: empty.txt is empty"),
    "folder as input": (("scraper:fetch", ".", "--limit", 1), "the input . cannot be read: it is a directory"),
    "unknown format": (("scraper:fetch", "scraper.py", "--limit", 1), "cannot tell the format of 'scraper.py'"),
    "bad range": (("scraper:fetch", "range:many", "--limit", 1), "expected range:N with a whole number N"),
    "no limit": (("scraper:fetch", "in.txt"), "Missing option '--limit'"),
    "limit of nothing": (("scraper:fetch", "in.txt", "--limit", 0), "--limit: expected a whole number from 1 up, or none"),
    "limit of words": (("scraper:fetch", "in.txt", "--limit", "all"), "--limit: expected a whole number from 1 up, or none"),
    "no such option": (("scraper:fetch", "in.txt", "--limit", 1, "--retry", 3), "No such option: --retry"),
    "timeout": (("scraper:fetch", "in.txt", "--limit", 1, "--timeout", 0), "--timeout: expected a number of seconds above 0"),
    "timeout of words": (("scraper:fetch", "in.txt", "--limit", 1, "--timeout", "soon"), "Invalid value for '--timeout'"),
    "retries": (("scraper:fetch", "in.txt", "--limit", 1, "--retries", -1), "--retries: expected a whole number from 0 up"),
    "rate": (("scraper:fetch", "in.txt", "--limit", 1, "--rate", "fast"), "--rate: expected a rate such as 10/s"),
    "grace": (("scraper:fetch", "in.txt", "--limit", 1, "--grace", -1), "--grace: expected a number of seconds from 0 up"),
    "policy": (("scraper:fetch", "in.txt", "--limit", 1, "--on-error", "skip"), "--on-error: expected collect or stop"),
    "tolerance": (("scraper:fetch", "in.txt", "--limit", 1, "--max-failures", "x"), "--max-failures: expected a number of failures"),
    "loop": (("scraper:fetch", "in.txt", "--limit", 1, "--loop", "trio"), "--loop: expected asyncio or uvloop"),
    "format": (("scraper:fetch", "in.txt", "--limit", 1, "--input-format", "xml"), "expected an input format of txt"),
    "ordered retry": (("scraper:fetch", "in.txt", "--limit", 1, "--ordered", "--retry-failed"), "--ordered and --retry-failed exclude"),
    "overwritten retry": (("scraper:fetch", "in.txt", "--limit", 1, "--overwrite", "--retry-failed"), "--overwrite and --retry-failed"),
    "two places": (("scraper:fetch", "in.txt", "--limit", 1, "--workers", 2, "--ray", "auto"), "got --workers and --ray"),
    "rate elsewhere": (("scraper:fetch", "in.txt", "--limit", 1, "--rate", 1, "--ray", "auto"), "--rate needs to know how many"),
    "no folder": (("scraper:fetch", "in.txt", "--limit", 1, "--out", "no/r.jsonl"), "there is no folder no"),
    "folder as results": (("scraper:fetch", "in.txt", "--limit", 1, "--out", "."), "it is a directory"),
    "results over input": (("scraper:fetch", "in.txt", "--limit", 1, "--out", "in.txt"), "would overwrite the input"),
}  # fmt: skip


@pytest.mark.parametrize("name", MISTAKES)
def test_mistake(run, folder, name):
    """A mistake in the call is told in a line that says what was expected, with exit 2 and nothing written."""
    (folder / "scraper.py").write_text("async def fetch(url): ...\nasync def nothing(): ...\ndef plain(url): ...\n")
    (folder / "broken.py").write_text("1 / 0\n")
    (folder / "in.txt").write_text("a\n")
    (folder / "empty.txt").touch()
    arguments, said = MISTAKES[name]
    done = run(*arguments)
    assert (done.status, done.out) == (2, "")
    assert said in re.sub(r"\s*│\n│\s*|\s+", " ", done.err)
    assert "Traceback" not in done.err
    assert {path.name for path in folder.iterdir()} - {"__pycache__"} == {
        "scraper.py", "broken.py", "in.txt", "empty.txt",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("nope:x", "no module named nope; nope was looked for in "),
        ("shop:opn", "shop has no 'opn'; did you mean 'open'?; got 'shop:opn'\n"),
        ("shop:zzz", "shop has no 'zzz'; got 'shop:zzz'\n"),
        ("shop.py", "expected module:factory or path/file.py:factory, got 'shop.py'; write shop.py:open\n"),
        ("shop", "expected module:factory or path/file.py:factory, got 'shop'\n"),
        ("empty.py", "expected module:factory or path/file.py:factory, got 'empty.py'; empty.py has no factory\n"),
        ("shop:N", "expected a factory of async context managers, and shop:N cannot be called\n"),
        ("shop:open", "expected a factory of async context managers, and shop:open made 1 (int): decorate it with "),
    ],
)
def test_mistaken_resource(run, folder, given, said):
    """What is wrong with the resource is told of the resource, and of no function."""
    (folder / "shop.py").write_text("N = 1\ndef open(): return 1\nasync def order(number, shop): ...\n")
    (folder / "empty.py").touch()
    done = run("shop:order", "range:2", "--limit", 1, "--resource", given)
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith(f"corral run: --resource: {said}")
    assert "function" not in done.err


def test_program_instead_of_a_module(run, folder):
    """A file that runs a program and exits when it is imported: that is said, and how to mend it."""
    (folder / "program.py").write_text("import sys\nasync def fetch(url): ...\nsys.exit('usage: program URL')\n")
    for name in ("program.py", "program"):
        done = run(f"{name}:fetch", "range:3", "--limit", 1)
        assert (done.status, done.out) == (2, "")
        assert done.err == (
            f"corral run: importing {name} failed: SystemExit: usage: program URL ({folder / 'program.py'}, line 3); "
            'put what the program does below `if __name__ == "__main__":`\n'
        )


def test_unreadable_input(run, folder, monkeypatch):
    """An input that may not be read is refused with the system's reason."""
    (folder / "in.txt").write_text("a\n")
    real = type(folder).open

    def refuse(self, *arguments, **options):
        if self.name == "in.txt":
            raise PermissionError(13, "Permission denied")
        return real(self, *arguments, **options)

    monkeypatch.setattr(type(folder), "open", refuse)
    done = run(fn("same"), "in.txt", "--limit", 1)
    assert (done.status, done.err) == (2, "corral run: the input in.txt cannot be read: Permission denied\n")


@pytest.mark.parametrize(
    ("module", "arguments", "cure"),
    [
        ("uvloop", ("--loop", "uvloop"), "--loop uvloop needs uvloop, which is not installed: pip install 'corral[uvloop]'"),
        ("stamina", ("--retries", 2), "--retries needs stamina, which is not installed: pip install 'corral[cli]'"),
        ("distributed", ("--dask", "tcp://x"), "--dask needs distributed, which is not installed: pip install 'corral[dask]'"),
        ("ray", ("--ray", "auto"), "--ray needs ray, which is not installed: pip install 'corral[ray]'"),
        ("aiolimiter", ("--rate", 2), "--rate needs aiolimiter, which is not installed: pip install 'corral[cli]'"),
    ],
)  # fmt: skip
def test_missing_extra(run, folder, monkeypatch, module, arguments, cure):
    """An option whose library is not installed says what to install, before anything is written."""
    monkeypatch.setitem(sys.modules, module, None)
    done = run(fn("same"), "range:3", "--limit", 1, *arguments)
    assert (done.status, done.err) == (2, f"corral run: {cure}\n")
    assert not (folder / "results.jsonl").exists()


def test_other_run_is_refused(run):
    """Results of another function are refused with what differs, and with what to type."""
    run(fn("same"), "range:3", "--limit", 1)
    done = run(fn("nap"), "range:3", "--limit", 1)
    assert (done.status, done.out) == (2, "")
    assert "begun with the function functions:same, and this is functions:nap. Give that function" in done.err
    assert done.err.endswith("another --out, or --overwrite to begin anew\n")
