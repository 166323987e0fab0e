"""Again, after a while: stamina's backoff, and the while that a server asks for."""

from __future__ import annotations

import functools
import importlib
import logging
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from corral.job.errors import Option
from corral.job.options import missing_extra

if TYPE_CHECKING:
    from stamina import Attempt


def attempts(retries: int) -> AsyncIterator[Attempt]:
    """Up to `retries` further attempts after the first: waits of 0.1 s doubling up to 60 s, and up to 1 s of jitter on top.

    A failure that carries a `Retry-After` (as aiohttp's and httpx's errors do) is tried again no sooner than that.
    """
    import stamina

    _keep_quiet()
    return aiter(stamina.retry_context(on=_again, attempts=retries + 1, timeout=None, wait_max=60.0))


def check_installed() -> None:
    """Refuse to retry without stamina; keep its notes off the terminal.

    A note on each of a hundred thousand refused calls would bury the progress line; whoever has set up logging still gets them.
    """
    try:
        importlib.import_module("stamina")
    except ModuleNotFoundError:
        raise missing_extra(Option("retries"), "stamina", "cli") from None
    logging.getLogger("stamina").addHandler(logging.NullHandler())


@functools.cache
def _keep_quiet() -> None:
    """The same where structlog is installed: not set up by anybody, it prints to standard output, among the results."""
    from stamina import instrumentation

    structlog: Any = sys.modules.get("structlog")
    if structlog is None or not structlog.is_configured():
        hooks = instrumentation.get_on_retry_hooks()
        theirs = [hook for hook in hooks if "structlog" not in hook.__module__]
        if len(theirs) < len(hooks):
            instrumentation.set_on_retry_hooks([*theirs, instrumentation.LoggingOnRetryHook])


def _again(error: BaseException) -> bool | float:
    if not isinstance(error, Exception):  # tenacity asks about cancellation and Ctrl-C too
        return False
    asked = retry_after(error)
    return True if asked is None else asked


def retry_after(error: Exception) -> float | None:
    """The seconds after which the server that refused a call wants it again, or None when it did not say.

    Looked for where the clients keep it: `error.retry_after`, `error.headers` (aiohttp), `error.response.headers` (httpx).
    """
    said: Any = getattr(error, "retry_after", None)
    for holder in (error, getattr(error, "response", None)):
        headers: Any = getattr(holder, "headers", None)
        if said is None and hasattr(headers, "get"):
            said = headers.get("Retry-After")
    if said is None:
        return None
    try:
        return max(float(said), 0.0)
    except (TypeError, ValueError):
        pass
    try:
        when = parsedate_to_datetime(str(said))
    except ValueError:
        return None
    now = datetime.now(UTC)
    return max(((when if when.tzinfo else when.replace(tzinfo=UTC)) - now).total_seconds(), 0.0)
