"""The small file beside the results, `results.jsonl.corral`: which run the results belong to.

A few lines of JSON, replaced atomically (temporary file, `fsync`, rename). The results themselves hold records only.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from corral.job.errors import OR_ELSE, JobError, Option
from corral.job.source import InputIdentity, changed

FORMAT = 1


class Identity(msgspec.Struct):
    """What a run that goes on must have in common with the run before.

    Args:
        corral: The version of this format.
        function: The resolved name of the function; its body may change.
        input: What tells the input from others.
        ordered: Whether the records stand in the order of the inputs.
    """

    corral: int
    function: str
    input: InputIdentity
    ordered: bool = False


def sidecar(results: Path) -> Path:
    """Where the identity of `results` stands."""
    return results.with_name(results.name + ".corral")


def read_identity(results: Path) -> Identity | None:
    """The identity beside `results`, or None when there is none.

    Fails: `JobError` when it cannot be read, or was written by a later version.
    """
    path = sidecar(results)
    try:
        found = msgspec.json.decode(path.read_bytes(), type=Identity)
    except FileNotFoundError:
        return None
    except OSError as why:
        raise JobError(f"{path} cannot be read: {why.strerror}") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as why:
        raise JobError(
            f"{path} should tell which run {results.name} belongs to, but cannot be read: {why}. Give ",
            *OR_ELSE,
        ) from None
    if found.corral != FORMAT:
        raise JobError(
            f"{path} has format {found.corral}, and this version of Corral knows format {FORMAT}: use a later version"
        )
    return found


def write_identity(results: Path, identity: Identity) -> None:
    """Put `identity` beside `results`: all of it or, whatever happens meanwhile, none."""
    text = msgspec.json.format(msgspec.json.encode(identity), indent=2) + b"\n"
    replace_file(sidecar(results), text)


def replace_file(path: Path, content: bytes) -> None:
    """Write `content` to `path` in one step: temporary file, `fsync`, rename, `fsync` of the folder."""
    temporary = path.with_name(f"{path.name}.new")
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    sync_folder(path)


def sync_folder(path: Path) -> None:
    """Make the name of `path` in its folder last."""
    folder = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def check_same(before: Identity, function: str, kind: str, results: Path, *, ordered: bool) -> None:
    """Refuse to go on with results that another function, kind of input or order has begun.

    Fails: `JobError` that says what differs and what to do.
    """
    if before.function != function:
        raise JobError(
            f"{results} was begun with the function {before.function}, and this is {function}. "
            "Give that function (its body may have changed), ",
            *OR_ELSE,
        )
    if before.input.kind != kind:
        raise changed(f"it is a {kind} now, and was a {before.input.kind} ({before.input.name})")
    if ordered and not before.ordered:
        raise JobError(
            f"{results} was begun without ",
            Option("ordered"),
            ", so its records stand in the order in which they finished. Leave out ",
            Option("ordered"),
            ", give ",
            *OR_ELSE,
        )
