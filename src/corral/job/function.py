"""From `module:function` or `path/file.py:function` to the function, and what to say when that does not lead there."""

from __future__ import annotations

import ast
import difflib
import functools
import importlib
import importlib.util
import inspect
import pkgutil
import sys
import threading
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Final, NamedTuple

from corral.job.errors import JobError

# A cluster's worker unpickles on several threads: none may see a file's module while another is still running it.
_loading = threading.RLock()


class Wanted(NamedTuple):
    """What is looked for, to tell of it where it is not found.

    Args:
        noun: What it is called.
        fits: Whether an object is one.
        defined_as: How one is written.
    """

    noun: str
    fits: Callable[[Any], bool]
    defined_as: tuple[type[ast.AsyncFunctionDef | ast.FunctionDef | ast.ClassDef], ...]


FUNCTION: Final = Wanted("function", inspect.iscoroutinefunction, (ast.AsyncFunctionDef,))
FACTORY: Final = Wanted("factory", callable, (ast.FunctionDef, ast.ClassDef))


@dataclass(frozen=True)
class Function:
    """A function, and how it is found again in another process.

    Args:
        call: The function itself.
        name: Its resolved name, `module:qualname`: what identifies it from one run to the next.
        spec: What it was found by, or None when it was given as an object.
        directory: Where modules were looked for first.
    """

    call: Callable[..., Any]
    name: str
    spec: str | None = None
    directory: str | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        """A file given by its path is no module that another process could import by name: it is loaded there again."""
        if self.spec is None:
            return Function, (self.call, self.name)
        return resolve, (self.spec, self.directory)


def function_of(given: Callable[..., Any] | str, wanted: Wanted = FUNCTION) -> Function:
    """The `Function` of what was given: itself, or the name of it. Fails: `JobError`."""
    return resolve(given, wanted=wanted) if isinstance(given, str) else described(given)


def resolve(spec: str, directory: str | None = None, wanted: Wanted = FUNCTION) -> Function:
    """The function that `spec` names: `module:function` or `path/file.py:function`.

    Args:
        spec: As given on the command line.
        directory: Where a module is looked for first, and what a path is relative to (default: the working directory).
        wanted: What it should be.

    Fails: `JobError`, with the nearest name where there is one.
    """
    where = Path(directory or Path.cwd())
    place, colon, attribute = spec.rpartition(":")
    if not colon or not place or not attribute:
        raise JobError(_no_colon(spec, where, wanted))
    if place.endswith(".py") or "/" in place:
        with _loading:
            module = _from_file((where / place).resolve(), place)
        stem = Path(place).stem
    else:
        module = _from_name(place, where)
        stem = place
    found: Any = module
    for part in attribute.split("."):
        try:
            found = getattr(found, part)
        except AttributeError:
            raise JobError(_no_attribute(spec, place, part, found, wanted)) from None
    return Function(found, f"{stem}:{attribute}", spec, str(where))


def described(call: Callable[..., Any]) -> Function:
    """The `Function` of a callable given as an object."""
    inner = _innermost(call)
    if not hasattr(inner, "__qualname__"):
        inner = type(inner)
    module = getattr(inner, "__module__", None) or "?"
    if module == "__main__":
        # `python scraper.py` and `import scraper` are the same function to whoever goes on with the file.
        main = sys.modules["__main__"]
        spec, file = getattr(main, "__spec__", None), getattr(main, "__file__", None)
        module = spec.name if spec else Path(file).stem if file else module
    return Function(call, f"{module}:{inner.__qualname__}")


def check_async(function: Function, arguments: int) -> None:
    """Refuse what is not an async function of `arguments` arguments: 1 (the input), or 2 (the input and the resource).

    Fails: `JobError` that shows what to write instead.
    """
    call, name = function.call, function.name
    short = name.rpartition(":")[2]
    wanted = "item" if arguments == 1 else "item, resource"
    cure = f"write `async def {short}({wanted}): ...`"
    given: object = call  # what was found under a name may be anything
    if inspect.iscoroutine(given):
        given.close()
        raise JobError(
            f"{name} is a coroutine, already called; expected the async function itself: {short}, not {short}(...)"
        )
    if inspect.isclass(call) or not callable(call):
        raise JobError(f"{name} is {_kind(call)}; expected an async function: {cure}")
    bare = inspect.unwrap(_innermost(call))
    acting = bare if inspect.isroutine(bare) else type(bare).__call__
    if inspect.isasyncgenfunction(acting) or inspect.isgeneratorfunction(acting):
        raise JobError(
            f"{name} is a generator (it has a `yield`); expected an async function that returns one value: {cure}"
        )
    if not inspect.iscoroutinefunction(acting):
        raise JobError(
            f"{name} is not async: it is {_kind(call)}; {cure}, or for code that blocks: "
            f"`async def {short}({wanted}): return await asyncio.to_thread(blocking, item)`"
        )
    try:
        signature = inspect.signature(call)
    except ValueError as why:  # a partial with arguments that its function does not take
        raise JobError(f"{name} cannot be called: {why}; {cure}") from None
    try:
        signature.bind(*range(arguments))
    except TypeError as why:
        given = "the input" if arguments == 1 else "the input and the resource"
        raise JobError(f"{name}{signature} cannot be called with {given}: {why}; {cure}") from None


def _innermost(call: Callable[..., Any]) -> Callable[..., Any]:
    while isinstance(call, functools.partial):
        call = call.func
    return call


def _kind(thing: object) -> str:
    if inspect.isclass(thing):
        return "a class"
    if inspect.isfunction(thing) or inspect.isbuiltin(thing):
        return "a plain function"
    return f"a {type(thing).__name__}"


def _from_file(file: Path, given: str) -> ModuleType:
    if not file.is_file():
        beside = [path.name for path in file.parent.glob("*.py")] if file.parent.is_dir() else []
        raise JobError(f"no file {given}{_nearest(file.name, beside)}")
    # As `python scraper.py` does: what lies beside the file can be imported by it.
    if str(file.parent) not in sys.path:
        sys.path.insert(0, str(file.parent))
    known = sys.modules.get(file.stem)
    if known is not None and getattr(known, "__file__", None) == str(file):
        return known
    # A file called `queue.py` must not take the place of the module of that name.
    name = f"_job_{file.stem}" if known is not None or file.stem in sys.stdlib_module_names else file.stem
    if name in sys.modules and getattr(sys.modules[name], "__file__", None) == str(file):
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise JobError(f"{given} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException as error:
        del sys.modules[name]
        if isinstance(error, (Exception, SystemExit)):
            raise _import_failed(given, error) from error
        raise
    return module


def _from_name(name: str, where: Path) -> ModuleType:
    if str(where) not in sys.path:
        sys.path.insert(0, str(where))
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise _import_failed(name, error) from error
        raise JobError(_no_module(name, error.name, where)) from None
    except (Exception, SystemExit) as error:
        raise _import_failed(name, error) from error


def _import_failed(name: str, error: Exception | SystemExit) -> JobError:
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "importlib" not in frame.filename]
    own = [frame for frame in frames if "/corral/job/" not in frame.filename]
    at = f" ({own[-1].filename}, line {own[-1].lineno})" if own else ""
    if isinstance(error, SyntaxError):
        at = f" ({error.filename}, line {error.lineno})"
    text = f"{type(error).__name__}: {error.msg if isinstance(error, SyntaxError) else error}"
    # A program, and no module: what it does when it is run should not be done when it is imported.
    cure = '; put what the program does below `if __name__ == "__main__":`' if isinstance(error, SystemExit) else ""
    return JobError(f"importing {name} failed: {text}{at}{cure}")


def _no_module(name: str, missing: str, where: Path) -> str:
    parent = missing.rpartition(".")[0]
    places: Iterable[str] = [str(where)]
    if parent:
        places = getattr(sys.modules.get(parent), "__path__", [])
    names = [f"{parent}.{found.name}".lstrip(".") for found in pkgutil.iter_modules(list(places))]
    return f"no module named {missing}{_nearest(missing, names)}; {name} was looked for in {where} and on sys.path"


def _no_attribute(spec: str, place: str, part: str, found: object, wanted: Wanted) -> str:
    public = [name for name in dir(found) if not name.startswith("_")]
    names = [name for name in vars(found) if wanted.fits(vars(found)[name])] if hasattr(found, "__dict__") else []
    near = _nearest(part, names or public)
    listed = ""
    if wanted is FUNCTION and not names:
        listed = " (there is no async function in it)"
    elif wanted is FUNCTION and not near:
        listed = f" (async functions there: {', '.join(names[:10])})"
    return f"{place} has no {part!r}{near}{listed}; got {spec!r}"


def _no_colon(spec: str, where: Path, wanted: Wanted) -> str:
    expected = f"expected module:{wanted.noun} or path/file.py:{wanted.noun}, got {spec!r}"
    file = where / spec
    if not (spec.endswith(".py") and file.is_file()):
        return expected
    try:
        tree = ast.parse(file.read_bytes())
    except SyntaxError:
        return expected
    names = [node.name for node in tree.body if isinstance(node, wanted.defined_as)]
    return (
        f"{expected}; write {spec}:{names[0]}"
        if names
        else f"{expected}; {spec} has no {'async function' if wanted is FUNCTION else wanted.noun}"
    )


def _nearest(name: str, names: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(names), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""
