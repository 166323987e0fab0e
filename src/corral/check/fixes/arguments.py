"""The arguments of a call, as text to be changed."""

from __future__ import annotations

import ast
import re

from corral.check.unit import Unit


def tail(unit: Unit, call: ast.Call) -> tuple[int, str]:
    """Where the last argument ends, its own parentheses included, and the text from there to the call's closing parenthesis."""
    text = unit.text
    last = max(text.end(a) for a in (*call.args, *(k.value for k in call.keywords)))
    close = text.end(call) - 1
    inner = 0
    for match in re.finditer(r"#[^\r\n]*|\)", text.text[last:close]):
        if match.group() == ")":
            inner = match.end()
    return last + inner, text.text[last + inner : close]


def appended(unit: Unit, call: ast.Call, keyword: str) -> tuple[int, int, str]:
    """The change that gives the call one more keyword, on a line of its own if the arguments have lines of their own."""
    text = unit.text
    end, rest = tail(unit, call)
    arguments: list[ast.expr | ast.keyword] = [*call.args, *call.keywords]
    last = max(arguments, key=text.end)
    row = last.lineno
    line = text.line(row)
    begins = line[: text.start(last) - text.starts[row - 1]]
    close_row = call.end_lineno or row
    closing = text.line(close_row)[: call.end_col_offset or 0].strip()
    if begins.strip(" \t\f(") or not closing.startswith(")") or close_row == row:
        comma = rest.lstrip().startswith(",") and "#" not in rest
        return (
            (end, end, f", {keyword}")
            if not comma or "\n" in rest or "\r" in rest
            else (
                end + rest.index(",") + 1,
                end + len(rest),
                f" {keyword}",
            )
        )
    indent = begins[: len(begins) - len(begins.lstrip(" \t\f"))]
    start = text.starts[close_row - 1]
    if "," in re.sub(r"#[^\r\n]*", "", rest):
        return (start, start, f"{indent}{keyword},\n")
    if "#" in rest:
        return (end, end, f", {keyword}")
    return (end, start, f",\n{indent}{keyword},\n")
