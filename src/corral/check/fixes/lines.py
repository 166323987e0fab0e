"""Statements as whole lines."""

from __future__ import annotations

import ast
from typing import cast

from corral.check.unit import Unit


def line_start(unit: Unit, index: int) -> int:
    """Where the line of a place in the text begins."""
    return unit.text.starts[unit.text.row(index) - 1]


def alone(unit: Unit, first: ast.stmt, last: ast.stmt | None = None) -> tuple[int, int] | None:
    """The lines of one statement, or of several in a row, when nothing else stands on them: no other statement, no comment."""
    last = last or first
    text = unit.text
    start, end = text.start(first), text.end(last)
    begin = line_start(unit, start)
    row = last.end_lineno or last.lineno
    finish = text.starts[row] if row < len(text.starts) else len(text.text)
    around = text.text[begin:start] + text.text[end:finish]
    return None if around.strip() or "#" in text.text[start:end] else (begin, finish)


def block(unit: Unit, statement: ast.stmt) -> list[ast.stmt]:
    """The statements among which one stands."""
    outer = unit.index.parents[statement]
    fields: list[object] = [getattr(outer, field, None) for field in ("body", "orelse", "finalbody")]
    return next(cast("list[ast.stmt]", body) for body in fields if isinstance(body, list) and statement in body)


def just_before(unit: Unit, statement: ast.stmt, count: int) -> list[ast.stmt]:
    """The statements right before one, in its block; as many as asked for, or none."""
    body = block(unit, statement)
    at = body.index(statement)
    return body[at - count : at] if 0 < count <= at else []


def cleared(unit: Unit, first: ast.stmt, until: ast.stmt) -> tuple[int, int] | None:
    """The lines from one statement up to another, when there is nothing in them but whole statements."""
    text = unit.text
    begin, finish = line_start(unit, text.start(first)), line_start(unit, text.start(until))
    if text.text[begin : text.start(first)].strip() or text.text[finish : text.start(until)].strip():
        return None
    return None if "#" in text.text[begin:finish] or begin == finish else (begin, finish)
