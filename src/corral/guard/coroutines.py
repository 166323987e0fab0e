"""Coroutines that were made and never awaited: Python asks the module `warnings` to say so, and we listen there."""

from __future__ import annotations

import sys
import warnings
from types import FunctionType, SimpleNamespace
from typing import Any, Final

from corral.guard.catalogue import CODE_OF
from corral.guard.patches import Counted, Patches
from corral.guard.places import name_of, place
from corral.guard.private import running_loop
from corral.guard.report import Place, Report
from corral.guard.scope import Scope, logger
from corral.guard.watch import found

_ASK: Final = "_warn_unawaited_coroutine"
#: Of the installation, if there is one: for what is dropped where no loop runs.
everywhere: list[Scope] = []


def _listen(patches: Patches) -> None:
    before = _one_frame_further(getattr(warnings, _ASK))
    finalizing = sys.is_finalizing

    def warn_unawaited_coroutine(coro: Any) -> None:
        if not finalizing():
            try:
                _tell(coro)
            except Exception:
                logger.exception("corral.guard failed on %r", coro)
        before(coro)

    patches.set(warnings, _ASK, warn_unawaited_coroutine)


def _one_frame_further(function: Any) -> Any:
    """The same function, whose warning still points to the line that dropped the coroutine, though we are in between."""
    if not isinstance(function, FunctionType):
        return function

    def warn(message: str, category: type[Warning] | None = None, stacklevel: int = 1, source: Any = None) -> None:
        warnings.warn(message, category, stacklevel + 2, source)

    warning = {"warn": warn, "_wm": SimpleNamespace(warn=warn)}  # 3.14 calls it by the module's name
    return FunctionType(function.__code__, {**function.__globals__, **warning}, function.__name__)


def _tell(coro: Any) -> None:
    loop = running_loop()
    watch = found(loop) if loop is not None else None
    scope = (watch.scope() if watch is not None else None) or (everywhere[-1] if everywhere else None)
    if scope is not None:
        name = name_of(coro)
        what = f"the coroutine {name} was never awaited"
        scope.deliver(Report("unawaited", CODE_OF["unawaited"], what, coroutine=name, made_at=_made_at(coro)))


def _made_at(coro: Any) -> Place | None:
    """Where it was made, if Python tracks that (in debug mode, and under the pytest plugin); else its function."""
    origin = coro.cr_origin
    return Place(*origin[0]) if origin else place(None, coro)


#: Once for every guard.
heard: Final = Counted(_listen)
