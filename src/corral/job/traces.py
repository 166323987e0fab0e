"""The text of a traceback for the record of a failure.

A job may fail a million times in the same place, and formatting a traceback costs some 100 µs, nearly all of it for
finding source lines. The part that tells the frames is therefore kept by where the frames stand; what differs from one
failure to the next, the message and the notes, is formatted each time.
"""

from __future__ import annotations

import traceback
from types import CodeType, TracebackType
from typing import Final

_LONGEST: Final = 20_000
_frames_text: dict[tuple[tuple[CodeType, int], ...], str] = {}


def trace_text(error: BaseException) -> str:
    """The traceback of `error` as Python prints it, from `fn` on down, at most 20,000 characters."""
    try:
        text = _text(error)
    except Exception as other:  # a __str__ or a source file that cannot be read must not cost the record
        text = f"<the traceback of {type(error).__name__} could not be formatted: {type(other).__name__}>"
    if len(text) > _LONGEST:
        text = f"{text[: _LONGEST // 2]}\n… cut …\n{text[-_LONGEST // 2 :]}"
    return text


def _text(error: BaseException) -> str:
    frames = _from_fn_on(error.__traceback__)
    plain = error.__cause__ is None and error.__context__ is None and not hasattr(error, "exceptions")
    if not plain:
        _shorten(error)
        return "".join(traceback.format_exception(type(error), error, frames))
    if frames is None:
        return "".join(traceback.format_exception_only(error))
    head = "Traceback (most recent call last):\n"
    return head + _told(frames) + "".join(traceback.format_exception_only(error))


def _shorten(error: BaseException) -> None:
    """Take our own frames off what led to `error`; it is told and then gone."""
    seen = {id(error)}
    step = error.__cause__ or error.__context__
    while step is not None and id(step) not in seen:
        seen.add(id(step))
        step.__traceback__ = _from_fn_on(step.__traceback__)
        step = step.__cause__ or step.__context__


def _from_fn_on(frames: TracebackType | None) -> TracebackType | None:
    """What stands below the last frame of ours: with retries, those of stamina and tenacity are between ours."""
    fn, step = frames, frames
    while step is not None:
        if step.tb_frame.f_globals.get("__name__") == "corral.job.call":
            fn = step.tb_next
        step = step.tb_next
    return fn


def _told(frames: TracebackType) -> str:
    places: list[tuple[CodeType, int]] = []
    step: TracebackType | None = frames
    while step is not None:
        places.append((step.tb_frame.f_code, step.tb_lasti))
        step = step.tb_next
    where = tuple(places)
    text = _frames_text.get(where)
    if text is None:
        if len(_frames_text) >= 256:
            _frames_text.clear()
        text = _frames_text[where] = "".join(traceback.format_tb(frames))
    return text
