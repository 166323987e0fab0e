"""From a name to a function, and what is said when the name leads elsewhere."""

from __future__ import annotations

import functools
import pickle
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from corral.job.errors import JobError
from corral.job.function import Function, check_async, described, resolve
from tests.job import functions

HERE = str(Path(functions.__file__))


@pytest.fixture
def folder(folder):
    """With modules and a package in it."""
    (folder / "scraper.py").write_text(
        "import beside\nasync def fetch(item): return beside.X\nclass K:\n    @staticmethod\n    async def run(item): ...\n"
    )
    (folder / "beside.py").write_text("X = 1\nNUMBER = 2\n")
    (folder / "queue.py").write_text("async def fetch(item): return 'mine'\n")
    (folder / "broken.py").write_text("import nothing_of_that_name\n")
    (folder / "wrong.py").write_text("def (\n")
    (folder / "raises.py").write_text("def f():\n    1 / 0\n\nf()\n")
    package = folder / "package"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "data").touch()
    (package / "module.py").write_text("async def fetch(item): ...\n")
    return folder


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        ("scraper:fetch", "scraper:fetch"),
        ("scraper.py:fetch", "scraper:fetch"),
        ("./scraper.py:fetch", "scraper:fetch"),
        ("scraper:K.run", "scraper:K.run"),
        ("package.module:fetch", "package.module:fetch"),
        ("package/module.py:fetch", "module:fetch"),
    ],
)
def test_found(folder, spec, name):
    """A function is found by its module or by its file, under one name for both."""
    function = resolve(spec)
    assert function.name == name
    check_async(function, 1)


def test_file_named_like_a_module(folder):
    """A file called `queue.py` is found by its path and does not take that module's place."""
    import queue

    assert resolve("queue.py:fetch").call.__module__ != "queue"
    assert resolve("queue.py:fetch").name == "queue:fetch"
    assert sys.modules["queue"] is queue


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("scraper:fetsh", "scraper has no 'fetsh'; did you mean 'fetch'"),
        ("scraper:zzz", r"scraper has no 'zzz' \(async functions there: fetch\)"),
        ("beside:fetch", r"there is no async function in it"),
        ("scrapper:fetch", "no module named scrapper; did you mean 'scraper'"),
        ("package.modul:fetch", "no module named package.modul; did you mean 'package.module'"),
        ("scrapper.py:fetch", "no file scrapper.py; did you mean 'scraper.py'"),
        ("nowhere/scraper.py:fetch", "no file nowhere/scraper.py$"),
        ("scraper.py", "expected module:function or path/file.py:function, got 'scraper.py'; write scraper.py:fetch"),
        ("beside.py", "beside.py has no async function"),
        ("scraper", "expected module:function or path/file.py:function, got 'scraper'$"),
        (":fetch", "expected module:function"),
        ("scraper:", "expected module:function"),
        (
            "broken:f",
            r"importing broken failed: ModuleNotFoundError: No module named 'nothing_of_that_name' \(.*broken.py, line 1\)",
        ),
        ("broken.py:f", r"importing broken.py failed: ModuleNotFoundError.*broken.py, line 1"),
        ("wrong.py", "expected module:function or path/file.py:function, got 'wrong.py'$"),
        ("package/data:f", "package/data is not a Python file"),
        ("wrong.py:f", r"importing wrong.py failed: SyntaxError: .*wrong.py, line 1"),
        ("raises:f", r"importing raises failed: ZeroDivisionError: division by zero \(.*raises.py, line 2\)"),
    ],
)
def test_not_found(folder, spec, expected):
    """What cannot be found or imported is told with the nearest name, or with the line that failed."""
    with pytest.raises(JobError, match=expected):
        resolve(spec)


@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        ("plain", 1, "is not async: it is a plain function; write `async def plain\\(item\\): ...`.*to_thread"),
        ("no_argument", 1, "no_argument.*cannot be called with the input: too many positional"),
        ("two_arguments", 1, "missing a required argument: 'b'"),
        ("same", 2, "cannot be called with the input and the resource"),
        ("generator", 1, "is a generator"),
        ("AsyncCallable", 1, "is a class; expected an async function"),
        ("NUMBER", 1, "is a int; expected an async function"),
        ("asyncio", 1, "is a module; expected an async function"),
    ],
)
def test_not_an_async_function(name, arguments, expected):
    """What cannot be run is refused with what to write instead."""
    with pytest.raises(JobError, match=expected):
        check_async(resolve(f"{HERE}:{name}"), arguments)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [("same", 1), ("with_resource", 2), ("two_arguments", 2), ("instance", 1), ("part", 1), ("decorated", 1)],
)
def test_async_functions_of_all_kinds(name, arguments):
    """Callables, partials and decorated functions are async functions too."""
    check_async(resolve(f"{HERE}:{name}"), arguments)


def test_partial_that_cannot_be_called():
    """A partial with more arguments than its function takes is refused before anything is run."""
    with pytest.raises(JobError, match=r"same cannot be called: .*incorrect arguments; write `async def same"):
        check_async(described(functools.partial(functions.same, 1, 2)), 1)


def test_called_coroutine():
    """`run_job(fetch(url), ...)` is told, and the coroutine is closed."""
    with pytest.raises(JobError, match=r"already called; expected the async function itself: same, not same\(...\)"):
        check_async(described(functions.same(1)), 1)


def test_described():
    """A function given as an object has the name by which the command would find it."""
    assert described(functions.same).name == "tests.job.functions:same"
    assert described(functions.part).name == "tests.job.functions:two_arguments"
    assert described(functions.instance).name == "tests.job.functions:AsyncCallable"


def test_function_of_the_main_program(monkeypatch):
    """`python scraper.py` and `corral run scraper.py:fetch` name the same function."""

    async def fetch(item): ...

    fetch.__module__, fetch.__qualname__ = "__main__", "fetch"
    main = type(sys)("__main__")
    main.__file__ = "/somewhere/scraper.py"
    monkeypatch.setitem(sys.modules, "__main__", main)
    assert described(fetch).name == "scraper:fetch"


def test_travels(folder):
    """A function is found again in another process by what it was found by here."""
    function = resolve("scraper.py:fetch")
    again = pickle.loads(pickle.dumps(function))
    assert (again.name, again.spec) == (function.name, function.spec)
    given = pickle.loads(pickle.dumps(described(functions.same)))
    assert given == Function(functions.same, "tests.job.functions:same")


def test_found_by_many_threads_at_once(folder):
    """A thread that asks while another is importing the file waits for the whole of it, and it is run once."""
    (folder / "slow.py").write_text("import time\ntime.sleep(0.2)\nasync def fetch(item): ...\n")
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(resolve, ["slow.py:fetch"] * 4))
    assert len({function.call for function in found}) == 1


def test_interrupted_import(folder):
    """Ctrl-C while a file is being imported goes on its way, and leaves no half of a module behind."""
    (folder / "slow.py").write_text("raise KeyboardInterrupt\n")
    with pytest.raises(KeyboardInterrupt):
        resolve("slow.py:fetch")
    assert "slow" not in sys.modules
